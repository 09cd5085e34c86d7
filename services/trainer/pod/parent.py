"""Follows a training process in its pod: takes into the store what it writes, and passes on requests to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from truscore.process.logged import start_logged
from truscore.storage import StoreError

from services.trainer.journal import CheckpointWritten, Completed, FoldEvaluated, Record, Started, read_from
from services.trainer.pod.exit_codes import FENCED, exit_code
from services.trainer.pod.output import PassedOn
from services.trainer.run_store.attempts import Attempt, Attempts
from services.trainer.run_store.segments import Segments
from services.trainer.run_store.stop_requests import StopRequests, request_stop
from services.trainer.run_store.uploads import Fenced, Uploads, worth_keeping
from services.trainer.runs.attempt import LastWord
from services.trainer.runs.backoff import retrying_store

POLL_S = 0.2
log = structlog.get_logger(__name__)


@dataclass(kw_only=True, slots=True)
class PodParent:
    """The parent of one training process."""

    attempt: Attempt
    attempts: Attempts
    stop_requests: StopRequests
    uploads: Uploads
    segments: Segments  # those of before are read
    folder: Path
    beat_s: float  # between two looks for marks in the store
    store_retry_for_s: float
    _last_word: Record | None = None
    _printed: PassedOn = field(init=False)

    def __post_init__(self) -> None:
        self._printed = PassedOn(self.folder / "child.log")

    async def run(self, command: Sequence[str], *, environment: Mapping[str, str]) -> int:
        """Train until the process ends; the pod's exit code. Raises StoreError where the store stays away."""
        child = await start_logged(command, log_path=self.folder / "child.log", environment=environment)
        exited = asyncio.create_task(child.wait())
        looking = asyncio.create_task(self._look_for_marks())
        try:
            await self._until_end(exited, looking)
        except Fenced as overtaken:
            log.warning("dropping out", reason=str(overtaken))
            return FENCED
        finally:
            looking.cancel()
            child.kill()
            await asyncio.gather(looking, exited, return_exceptions=True)
            self._printed.pass_on()
        return exit_code(self._last_word, exited.result())

    def drain(self) -> None:
        """Have the process write a checkpoint and end."""
        request_stop(self.folder, "drain")

    async def _until_end(self, exited: asyncio.Task[int], looking: asyncio.Task[None]) -> None:
        while True:
            complete = exited.done()
            moved = await self.take_written()
            self._printed.pass_on()
            if complete and not moved:
                return
            if looking.done():
                looking.result()
            if not moved:
                await asyncio.wait([exited, looking], timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)

    async def take_written(self) -> bool:
        """Take what was written since into the store: files first, then the records that name them."""
        journal = self.folder / "journal.jsonl"
        if not journal.exists():
            return False
        begin = self.segments.size_bytes
        records, end = await asyncio.to_thread(read_from, journal, begin)
        if not records:
            return False
        for record in records:
            if isinstance(record, LastWord):
                self._last_word = record
            elif isinstance(record, Started):
                self._last_word = None  # torchrun has begun anew
        await self._storing(lambda: self._take_files(records), "files")
        lines = await asyncio.to_thread(_bytes_of, journal, begin, end)
        await self._storing(lambda: self.segments.append(lines, offset=begin), "journal")
        return True

    def _take_files(self, records: Sequence[Record]) -> None:
        for written in worth_keeping([record for record in records if isinstance(record, CheckpointWritten)]):
            self.uploads.keep_file(written)
        for record in records:
            match record:
                case FoldEvaluated():
                    self.uploads.keep_fold(record)
                case Completed():
                    self.uploads.keep_best(record)
                    self.uploads.keep_report()
                case _:
                    pass

    async def _storing(self, action: Callable[[], object], doing: str) -> None:
        """Training goes on meanwhile, also while the store is away."""
        await retrying_store(lambda: asyncio.to_thread(action), doing=doing, deadline_s=self.store_retry_for_s)

    async def _look_for_marks(self) -> None:
        """Raises Fenced. A store that is away is waited for where something is written to it."""
        while True:
            try:
                await asyncio.to_thread(self._look)
            except StoreError as error:
                log.warning("could not look into the store", error=str(error))
            await asyncio.sleep(self.beat_s)

    def _look(self) -> None:
        if not self.attempts.holds(self.attempt):
            raise Fenced(f"attempt {self.attempt.number} was overtaken")
        if stop_request := self.stop_requests.strongest():
            request_stop(self.folder, stop_request.word)


def _bytes_of(path: Path, begin: int, end: int) -> bytes:
    with path.open("rb") as file:
        file.seek(begin)
        return file.read(end - begin)
