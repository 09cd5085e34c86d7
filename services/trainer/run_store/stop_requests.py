"""Requests to stop a run: durable marks in the store, and the control file that the training process looks at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from truscore.files import atomic_write
from truscore.storage import Store

from services.trainer.run_store.json_objects import read_json, write_json
from services.trainer.run_store.keys import RunKeys

# The strongest first: a weaker request never replaces a stronger one.
WORDS = ("cancel", "pause", "drain")


@dataclass(frozen=True, kw_only=True, slots=True)
class StopRequest:
    """A mark that somebody left on a run."""

    word: str  # "cancel" or "pause"
    requested_at: datetime
    reason: str = ""
    requested_by: str = ""
    request_id: str = ""


class StopRequests:
    """The marks on one run, in the store: they outlive every trainer and wait for a run that has not started.

    Pause and resume travel through different queues: the later request counts, in whatever order and
    however often they arrive.
    """

    def __init__(self, store: Store, keys: RunKeys) -> None:
        self._store = store
        self._keys = keys

    def leave(self, stop_request: StopRequest) -> None:
        """The first cancel stays, and the last pause: a repeat changes nothing."""
        before = self._read(stop_request.word)
        if before is None or (stop_request.word == "pause" and stop_request.requested_at > before.requested_at):
            fields = {
                name: value for name, value in asdict(stop_request).items() if name not in {"word", "requested_at"}
            }
            write_json(
                self._store,
                self._keys.control(stop_request.word),
                fields | {"asked_at": stop_request.requested_at.isoformat()},
            )

    def resume(self, requested_at: datetime) -> None:
        """Withdraw every pause that was requested until then."""
        before = self._resumed_at()
        if before is None or requested_at > before:
            write_json(self._store, self._keys.control("resume"), {"asked_at": requested_at.isoformat()})

    def strongest(self) -> StopRequest | None:
        """What holds now."""
        return self._read("cancel") or self.pause()

    def pause(self) -> StopRequest | None:
        """The pause, where none was resumed from since."""
        pause, resumed_at = self._read("pause"), self._resumed_at()
        return None if pause is None or (resumed_at is not None and pause.requested_at <= resumed_at) else pause

    def _resumed_at(self) -> datetime | None:
        fields = read_json(self._store, self._keys.control("resume"))
        return None if fields is None else datetime.fromisoformat(fields["asked_at"])

    def _read(self, word: str) -> StopRequest | None:
        fields = read_json(self._store, self._keys.control(word))
        if fields is None:
            return None
        return StopRequest(word=word, requested_at=datetime.fromisoformat(fields.pop("asked_at")), **fields)


def request_stop(run_dir: Path, word: str) -> None:
    """Ask the training process to stop; it looks before every optimizer step."""
    control = run_dir / "control"
    already = control.read_text() if control.exists() else ""
    if already in WORDS and WORDS.index(already) <= WORDS.index(word):
        return
    with atomic_write(control, one_writer=True) as file:
        file.write(word.encode())
