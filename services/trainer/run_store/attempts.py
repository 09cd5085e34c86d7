"""Which attempt of a run may go on. The marker in the store names one; every other one stops without a word."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime

from truscore.storage import Store

from services.trainer.run_store.json_objects import read_json, write_json
from services.trainer.run_store.keys import RunKeys


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One start of a run's training process."""

    number: int  # from 1
    owner: str  # unlike that of any other start, also of one with the same number
    host: str
    started_at: str  # ISO 8601
    run_began_at: str  # ISO 8601, of the first attempt
    beat: int = 0  # grows while the attempt is alive
    ended: str = ""  # how it ended; empty while it goes on


def is_open(attempt: Attempt | None) -> bool:
    """Whether somebody may still be at it."""
    return attempt is not None and not attempt.ended


class Attempts:
    """The attempts of one run, in the store."""

    def __init__(self, store: Store, keys: RunKeys) -> None:
        self._store = store
        self._keys = keys

    def latest(self) -> Attempt | None:
        """The attempt that the marker names."""
        marker = read_json(self._store, self._keys.latest_attempt)
        if marker is None:
            return None
        note = read_json(self._store, self._keys.attempt(marker["attempt"]))
        if note is None or note["owner"] != marker["owner"]:
            # Its owner died between the two writes, or lost a race for the number: the marker counts.
            note = {"number": marker["attempt"], "owner": marker["owner"], "host": "", "started_at": ""}
            note["run_began_at"] = marker["run_began_at"]
        return Attempt(**note)

    def take(self, *, owner: str, host: str, now: datetime) -> Attempt:
        """Begin the next attempt; from here on every older one is fenced off."""
        before = self.latest()
        started_at = now.isoformat()
        attempt = Attempt(
            number=before.number + 1 if before else 1,
            owner=owner,
            host=host,
            started_at=started_at,
            run_began_at=before.run_began_at if before else started_at,
        )
        self._write(attempt)
        self._mark(attempt)
        return attempt

    def adopt(self, attempt: Attempt, *, owner: str, host: str) -> Attempt:
        """Go on with an attempt whose processes outlived their service; from here on its old owner is fenced off."""
        adopted = replace(attempt, owner=owner, host=host, ended="")
        self._write(adopted)
        self._mark(adopted)
        return adopted

    def holds(self, attempt: Attempt) -> bool:
        """Whether this attempt is still the one that may go on."""
        marker = read_json(self._store, self._keys.latest_attempt)
        return marker is not None and marker["owner"] == attempt.owner

    def beat(self, attempt: Attempt) -> Attempt:
        """Show that the attempt is alive. Touches its own note only: a late beat must not undo a take-over."""
        beaten = replace(attempt, beat=attempt.beat + 1)
        self._write(beaten)
        return beaten

    def close(self, attempt: Attempt, *, ended: str) -> None:
        """Say that nobody is at it any more."""
        self._write(replace(attempt, ended=ended))

    def _mark(self, attempt: Attempt) -> None:
        marker = {"attempt": attempt.number, "owner": attempt.owner, "run_began_at": attempt.run_began_at}
        write_json(self._store, self._keys.latest_attempt, marker)

    def _write(self, attempt: Attempt) -> None:
        write_json(self._store, self._keys.attempt(attempt.number), asdict(attempt))


class NumberedAttempts(Attempts):
    """As the attempt's own processes look at it: it is theirs whichever service looks after them."""

    def holds(self, attempt: Attempt) -> bool:
        marker = read_json(self._store, self._keys.latest_attempt)
        return marker is not None and marker["attempt"] == attempt.number
