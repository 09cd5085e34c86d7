"""Takes checkpoints, journals and reports into the store. `latest.json` never names what is not wholly there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from truscore.files import sha256_of
from truscore.recipes import FoundBatch
from truscore.storage import DigestMismatch, Store, Stored

from services.trainer.journal import CheckpointWritten, Completed, FoldEvaluated, Shard
from services.trainer.run_store.attempts import Attempt, Attempts
from services.trainer.run_store.json_objects import read_json, write_json
from services.trainer.run_store.keys import RunKeys
from services.trainer.runs.journal_relay import Position

LATEST, BEST = "latest", "best"
FOLDS_LIMIT = 100


class Fenced(Exception):
    """A newer attempt of the run has begun: this one has no say any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pointer:
    """What `latest.json` and `best.json` say."""

    uri: str
    sha256: str
    size_bytes: int
    epoch: int
    step: int
    attempt: int
    relayed: Position  # how far the journals were relayed when the pointer was set; "said" in the store
    shards: tuple[Shard, ...] = ()  # needed beside the file, to go on

    @property
    def stored(self) -> Stored:
        return Stored(uri=self.uri, sha256=self.sha256, size_bytes=self.size_bytes)


def read_pointer(store: Store, keys: RunKeys, name: str) -> Pointer | None:
    note = read_json(store, keys.pointer(name))
    if note is None:
        return None
    position = note.pop("said")
    shards = tuple(Shard(**shard) for shard in note.pop("shards", ()))
    return Pointer(**note, relayed=Position(**position), shards=shards)


def _write_pointer(store: Store, uri: str, pointer: Pointer) -> None:
    note = asdict(pointer)
    position = note.pop("relayed")
    if not pointer.shards:
        # An older trainer reads what has none.
        del note["shards"]
    write_json(store, uri, note | {"said": position})


class Uploads:
    """The uploads of one attempt, one at a time."""

    def __init__(self, *, store: Store, keys: RunKeys, attempts: Attempts, attempt: Attempt, folder: Path) -> None:
        self._store = store
        self._keys = keys
        self._attempts = attempts
        self._attempt = attempt
        self._folder = folder

    def keep(self, written: CheckpointWritten, *, relayed: Position, prune: bool) -> bool:
        """Take a checkpoint into the store; False where the training process has replaced it by a newer one already.

        The order is what a kill at any point can't hurt: the object, then the journal, then the pointers. The next
        attempt goes on from what `latest.json` names and relays whatever of the journals was not, so the journal has
        to be there first: it holds the epoch's record. `best.json` comes before `latest.json`, since a
        pointer to a best checkpoint that is younger than the latest is set again by the epochs trained again, but one
        that is older than the latest's idea of the best score would never be.
        """
        stored = self.keep_file(written)
        if stored is None:
            return False
        self.keep_journal()
        self.check_fence()
        pointer = Pointer(
            **asdict(stored), epoch=written.epoch, step=written.step, attempt=self._attempt.number, relayed=relayed,
            shards=tuple(written.shards),
        )  # fmt: skip
        for name in (BEST, LATEST) if written.best else (LATEST,):
            _write_pointer(self._store, self._keys.pointer(name), pointer)
        if prune:
            self._prune()
        return True

    def note(self, checkpoints: Sequence[CheckpointWritten]) -> None:
        """What the journal names, whether it is kept or not. Nothing follows from it for files on this disk."""

    def keep_file(self, written: CheckpointWritten) -> Stored | None:
        """The checkpoint's object, after those of its shards; None where the training process has replaced it by a
        newer one already."""
        parts: list[tuple[str, CheckpointWritten | Shard]] = [
            *((self._keys.shard(shard.sha256), shard) for shard in written.shards),
            (self._keys.checkpoint(written.sha256), written),
        ]
        with ExitStack() as held:
            # Before anything is asked of the store: short epochs would replace each file while it answers.
            paths = [
                held.enter_context(_held_still(self._folder / part.path, self._folder / f"upload-{number}.part"))
                for number, (_, part) in enumerate(parts)
            ]
            self.check_fence()
            stored = None
            for path, (uri, part) in zip(paths, parts, strict=True):
                if path is None or sha256_of(path) != part.sha256:
                    return None
                stored = self._put_once(uri, path, part.sha256, part.size_bytes)
        return stored

    def record_position(self, relayed: Position) -> None:
        """Have the next attempt, wherever it is, know how far the journals were relayed."""
        self.check_fence()
        pointer = read_pointer(self._store, self._keys, LATEST)
        if pointer is not None and pointer.relayed != relayed:
            _write_pointer(self._store, self._keys.pointer(LATEST), replace(pointer, relayed=relayed))

    def keep_fold(self, fold: FoldEvaluated) -> None:
        """Take a fold's result into the store, for an attempt elsewhere to go on after it."""
        self.check_fence()
        path = self._folder / fold.path
        self._put_once(self._keys.fold(path.name), path, fold.sha256, fold.size_bytes)

    def keep_found_batch(self, found: FoundBatch) -> None:
        """Have every later attempt, wherever it is, train with the batch that this one found."""
        self.check_fence()
        note = found.to_plain()
        if read_json(self._store, self._keys.found_batch) != note:
            write_json(self._store, self._keys.found_batch, note)

    def drop_folds(self) -> None:
        """Once the report has what they came to."""
        for entry in list(self._store.list(self._keys.folds, limit=FOLDS_LIMIT)):
            self._store.delete(entry.uri)

    def keep_journal(self) -> None:
        """Take the journal as it stands into the store; a torn last line is the reader's to drop."""
        journal, copy = self._folder / "journal.jsonl", self._folder / "upload.jsonl"
        if journal.exists():
            shutil.copyfile(journal, copy)
            self._store.put_file(self._keys.journal(self._attempt.number), copy)
            copy.unlink()

    def keep_best(self, completed: Completed) -> Stored:
        """The checkpoint that the run hands over, in the store."""
        self.check_fence()
        return self._put_once(
            self._keys.checkpoint(completed.sha256),
            self._folder / completed.path,
            completed.sha256,
            completed.size_bytes,
        )

    def drop_latest(self) -> None:
        """For a recipe that keeps the best checkpoint alone, once the run needs no other to go on from."""
        latest, best = (read_pointer(self._store, self._keys, name) for name in (LATEST, BEST))
        self._store.delete(self._keys.pointer(LATEST))
        if latest is not None and best is not None and latest.uri != best.uri:
            self._store.delete(latest.uri)
        for shard in latest.shards if latest is not None else ():
            self._store.delete(self._keys.shard(shard.sha256))

    def keep_report(self) -> str:
        """Take the report's files into the store; the address of its first page, empty where there is none."""
        self.check_fence()
        report = self._folder / "report"
        for path in sorted(report.rglob("*")) if report.is_dir() else ():
            if path.is_file():
                self._store.put_file(self._keys.report(path.relative_to(report).as_posix()), path)
        return self._keys.report("report.json") if (report / "report.json").is_file() else ""

    def _put_once(self, uri: str, path: Path, sha256: str, size_bytes: int) -> Stored:
        there = self._store.stat(uri)
        if there is not None and there.size_bytes == size_bytes and there.sha256 == sha256:
            return Stored(uri=uri, sha256=sha256, size_bytes=size_bytes)
        stored = self._store.put_file(uri, path)
        if stored.sha256 != sha256:
            raise DigestMismatch(uri, f"{path} has SHA-256 {stored.sha256}, the journal says {sha256}")
        return stored

    def check_fence(self) -> None:
        """Raises Fenced where a newer attempt has begun."""
        if not self._attempts.holds(self._attempt):
            raise Fenced(f"attempt {self._attempt.number} of {self._keys.run_id} was overtaken")

    def _prune(self) -> None:
        named = needed_objects(self._store, self._keys)
        for entry in list(self._store.list(self._keys.checkpoints, limit=10_000)):
            if entry.uri.endswith((".pt", ".safetensors")) and entry.uri not in named:
                self._store.delete(entry.uri)


def worth_keeping(checkpoints: Sequence[CheckpointWritten]) -> list[CheckpointWritten]:
    """Of those written since the last look: the last one, and the last best one before it."""
    best = [written for written in checkpoints if written.best][-1:]
    return [written for written in checkpoints if written in (*best, checkpoints[-1])]


def needed_objects(store: Store, keys: RunKeys) -> set[str]:
    """What the pointers name: both files, and the shards of the latest, as nothing goes on from the best."""
    latest, best = (read_pointer(store, keys, name) for name in (LATEST, BEST))
    files = {pointer.uri for pointer in (latest, best) if pointer is not None}
    return files | {keys.shard(shard.sha256) for shard in (latest.shards if latest is not None else ())}


def fetch_shards(store: Store, keys: RunKeys, shards: Sequence[Shard], folder: Path) -> None:
    """Put them where their checkpoint has them. Raises StoreError: DigestMismatch, also for a path that leads out."""
    for shard in shards:
        place, uri = folder / shard.path, keys.shard(shard.sha256)
        if not place.resolve().is_relative_to(folder.resolve()):
            raise DigestMismatch(uri, f"the shard's path {shard.path!r} is outside the run's folder")
        place.parent.mkdir(parents=True, exist_ok=True)
        store.get_file(uri, place, sha256=shard.sha256)


@contextmanager
def _held_still(path: Path, link: Path) -> Iterator[Path | None]:
    """The file under a second name, so that a newer one renamed over it does not change what is read."""
    link.unlink(missing_ok=True)
    try:
        with suppress(FileNotFoundError):
            link.hardlink_to(path)
        yield link if link.exists() else None
    finally:
        link.unlink(missing_ok=True)
