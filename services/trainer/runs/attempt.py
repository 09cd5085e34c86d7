"""One attempt: the training process from its start to its end, with everything that runs beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from truscore.recipes import FoundBatch
from truscore.storage import StoreError

from services.trainer.journal import (
    Cancelled,
    CheckpointWritten,
    Completed,
    EpochDone,
    Failed,
    FoldEvaluated,
    FoldProgressed,
    Paused,
    Progressed,
    Record,
    Started,
    read_from,
)
from services.trainer.launchers.port import Breakdown, Exit, Launch, LaunchedAttempt, Launcher
from services.trainer.metrics import IMAGES, Share
from services.trainer.plan import Plan
from services.trainer.run_store.attempts import Attempt, Attempts
from services.trainer.run_store.stop_requests import StopRequests
from services.trainer.run_store.uploads import Fenced, Uploads, worth_keeping
from services.trainer.runs.backoff import retrying_store
from services.trainer.runs.journal_relay import Position
from services.trainer.runs.stop import Stop

log = structlog.get_logger(__name__)
POLL_S = 0.1
LastWord = Completed | Failed | Paused | Cancelled


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How long an attempt waits for what."""

    beat_s: float  # between two signs of life, and looks for marks in the store
    stop_timeout_s: float  # for the training process to heed a request
    stall_timeout_s: float  # without a record in the journal
    store_retry_for_s: float  # for a store that is away


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptOutcome:
    """How an attempt ended. `last_word` is the journal's; without one the process died in the middle."""

    last_word: LastWord | None
    exit_status: int
    printed: str  # the end of what the process printed
    stopped: str  # the request it ended under: "", "cancel", "pause", "drain" or "preempt"
    stalled: bool
    epoch: int  # last epoch that was completed; 0 where none is known
    advanced: bool  # whether this attempt completed an epoch, or a fold, itself
    step: int  # last optimizer step that was reported
    failure: Breakdown | None = None  # what the place that ran the process reports of its end


@dataclass(kw_only=True, slots=True)
class AttemptSupervisor:
    """Runs one attempt."""

    attempt: Attempt
    attempts: Attempts
    stop_requests: StopRequests
    uploads: Uploads
    folder: Path
    limits: Limits
    stop: Stop
    relayed: Callable[[], Position]
    prune: bool
    _offset: int = 0
    _epoch: int = 0
    _first_epoch: int = 1
    _advanced: bool = False
    _step: int = 0
    _last_word: LastWord | None = None
    _last_record_s: float = 0.0
    _stalled: bool = False
    _launched: LaunchedAttempt | None = None
    _images: Share = field(default_factory=lambda: Share(IMAGES))

    async def run(self, launcher: Launcher, plan: Plan) -> AttemptOutcome:
        """Train until the process ends, whatever the reason. Raises Fenced, JournalCorrupt and StoreError."""
        launched = self._launched = await launcher.start(
            Launch(plan=plan, attempt=self.attempt.number, folder=self.folder)
        )
        self._last_record_s = asyncio.get_running_loop().time()
        exited = asyncio.create_task(launched.wait())
        try:
            await self._supervise(launched, exited)
        except (Fenced, asyncio.CancelledError):
            # Somebody else has the attempt in hand now, or will have.
            launched.release()
            raise
        except BaseException:
            # No training process outlives an attempt that was given up.
            launched.kill()
            raise
        finally:
            self._images.set(0)
            await asyncio.shield(exited)
        ended = exited.result()
        return AttemptOutcome(
            last_word=self._last_word, exit_status=ended.status, printed=ended.printed,
            stopped=self.stop.word, stalled=self._stalled, epoch=self._epoch, advanced=self._advanced,
            step=self._step, failure=ended.failure,
        )  # fmt: skip

    async def _supervise(self, launched: LaunchedAttempt, exited: asyncio.Task[Exit]) -> None:
        beside = [asyncio.create_task(work) for work in (self._upload_written(exited), self._send_heartbeats(exited))]
        heeding = asyncio.create_task(self._forward_stop(launched))
        try:
            # The first failure ends the attempt; otherwise both return once the process has ended.
            done, _ = await asyncio.wait(beside, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in (*beside, heeding):
                task.cancel()
            await asyncio.gather(*beside, heeding, return_exceptions=True)

    async def _upload_written(self, exited: asyncio.Task[Exit]) -> None:
        """Take what the journal names into the store, to its end."""
        while True:
            complete = exited.done()
            records = await self._read()
            checkpoints = [record for record in records if isinstance(record, CheckpointWritten)]
            self.uploads.note(checkpoints)
            for started in records:
                # Before a checkpoint that was trained with it.
                if isinstance(started, Started) and started.found_batch:
                    await self._record_found_batch(started.found_batch)
            for written in worth_keeping(checkpoints):
                await self._upload(written)
            for fold in records:
                if isinstance(fold, FoldEvaluated):
                    await self._upload_fold(fold)
            if complete and not records:
                return
            if not records:
                await asyncio.wait([exited], timeout=POLL_S)

    async def _read(self) -> Sequence[Record]:
        path = self.folder / "journal.jsonl"
        if not path.exists():
            return ()
        records, self._offset = await asyncio.to_thread(read_from, path, self._offset)
        for record in records:
            self._last_record_s = asyncio.get_running_loop().time()
            match record:
                case Started():
                    self._first_epoch = record.first_epoch
                    # Processes that were drained and started anew elsewhere go on in the same journal.
                    self._last_word = None
                case EpochDone():
                    # One that goes on repeats the record of the epoch before: its predecessor may have died over it.
                    self._epoch = record.epoch
                    self._advanced = self._advanced or record.epoch >= self._first_epoch
                case Progressed() | FoldProgressed():
                    self._step = record.step
                    self._images.set(record.images_per_second)
                case FoldEvaluated():
                    self._advanced = True
                case Completed() | Failed() | Paused() | Cancelled():
                    self._last_word = record
                case _:
                    pass
        return records

    async def _upload(self, written: CheckpointWritten) -> None:
        """Training goes on meanwhile, also while the store is away."""
        await retrying_store(
            lambda: asyncio.to_thread(self.uploads.keep, written, relayed=self.relayed(), prune=self.prune),
            doing="checkpoint", deadline_s=self.limits.store_retry_for_s,
        )  # fmt: skip

    async def _record_found_batch(self, found: FoundBatch) -> None:
        await retrying_store(
            lambda: asyncio.to_thread(self.uploads.keep_found_batch, found),
            doing="found batch", deadline_s=self.limits.store_retry_for_s,
        )  # fmt: skip

    async def _upload_fold(self, fold: FoldEvaluated) -> None:
        await retrying_store(
            lambda: asyncio.to_thread(self.uploads.keep_fold, fold),
            doing="fold", deadline_s=self.limits.store_retry_for_s,
        )  # fmt: skip

    async def _send_heartbeats(self, exited: asyncio.Task[Exit]) -> None:
        """Show life, and look whether the run is still ours and still wanted."""
        while not exited.done():
            try:
                await asyncio.to_thread(self._check_store)
            except StoreError as error:
                log.warning("could not look into the store", error=str(error))
            self._check_stall()
            await asyncio.wait([exited], timeout=self.limits.beat_s)

    def _check_store(self) -> None:
        if not self.attempts.holds(self.attempt):
            raise Fenced(f"attempt {self.attempt.number} was overtaken")
        self.attempt = self.attempts.beat(self.attempt)
        if stop_request := self.stop_requests.strongest():
            self.stop.request(stop_request.word, reason=stop_request.reason)

    def _check_stall(self) -> None:
        if self._launched is not None and self._launched.waiting:
            self._last_record_s = asyncio.get_running_loop().time()
        silent_s = asyncio.get_running_loop().time() - self._last_record_s
        if silent_s > self.limits.stall_timeout_s:
            log.error("the training process is silent", silent_s=silent_s, limit_s=self.limits.stall_timeout_s)
            self._stalled = True
            self.stop.changed.set()

    async def _forward_stop(self, launched: LaunchedAttempt) -> None:
        """Pass on the request; end the process where it does not listen."""
        deadline_s: float | None = None
        while not self._stalled:
            if self.stop.word:
                # To the process a pause like any other; what follows from it is the service's.
                launched.request_stop("pause" if self.stop.word == "preempt" else self.stop.word)
                deadline_s = deadline_s or self.limits.stop_timeout_s
            self.stop.changed.clear()
            if not await _wait_for(self.stop.changed, deadline_s):
                log.error("the training process did not heed", requested=self.stop.word, waited_s=deadline_s)
                break
        launched.kill()


async def _wait_for(changed: asyncio.Event, timeout_s: float | None) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            await changed.wait()
    except TimeoutError:
        return False
    return True
