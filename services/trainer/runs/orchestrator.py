"""A run's training: attempt after attempt until it completes, fails, or is stopped."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import uuid4

from truscore.storage import StoreError

from services.trainer import metrics
from services.trainer.inputs.workspace import Bench, CannotPrepare
from services.trainer.journal import Cancelled, Completed
from services.trainer.run_store.attempts import Attempt
from services.trainer.run_store.uploads import LATEST, Fenced, Uploads, read_pointer
from services.trainer.runs.attempt import Conduct, Outcome
from services.trainer.runs.context import Case, HandedBack
from services.trainer.runs.journal_relay import Position, Relay
from services.trainer.runs.publisher import BrokerAway, Completion, Failure
from services.trainer.runs.restart_policy import Verdict, judge

GRACE_S = 5.0
LONGEST_PAUSE_S = 300.0


class Training:
    """The attempts that this trainer makes at one run."""

    def __init__(self, case: Case, bench: Bench) -> None:
        self._case = case
        self._bench = bench
        self._voice = case.voice.of(case.plan, config=bench.config)
        self._relay: Relay[Any] | None = None
        self._relaying: asyncio.Task[None] | None = None
        self._sampling: asyncio.Task[None] | None = None
        self._last: Attempt | None = None
        self._fruitless = 0  # restarts since an epoch was completed

    async def perform(self) -> None:
        """Return once the run is answered, or was taken over elsewhere. Raises HandedBack, and what a fault raises."""
        self._sampling = asyncio.create_task(self._sample())
        try:
            while await self._attempt():
                pass
        except Fenced as overtaken:
            self._case.log.warning("dropping out", reason=str(overtaken))
        finally:
            beside = [task for task in (self._relaying, self._sampling) if task]
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def _attempt(self) -> bool:
        """Make one attempt; whether another is due."""
        case = self._case
        if case.stop.word:
            return await self._stop_between()
        attempt = self._last = await case.stored(self._take, "take the run")
        try:
            conduct, uploads = await self._prepare(attempt)
            command = case.house.command(case.plan, conduct.folder)
            outcome = await conduct.run(command, environment=case.house.environment)
        except CannotPrepare as reason:
            verdict = Verdict(kind="failed", code=reason.code, message=str(reason), retryable=reason.retryable)
            await self._fail(verdict, attempt, epoch=0)
            return False
        except Exception:
            with suppress(StoreError):
                await asyncio.to_thread(case.attempts.close, attempt, ended="broken")
            raise
        return await self._conclude(outcome, conduct.attempt, uploads)

    def _take(self) -> Attempt:
        if self._last is not None and not self._case.attempts.holds(self._last):
            raise Fenced(f"attempt {self._last.number} was overtaken")
        return self._case.attempts.take(owner=uuid4().hex, host=self._case.house.host, now=self._case.house.now())

    async def _prepare(self, attempt: Attempt) -> tuple[Conduct, Uploads]:
        case, workspace = self._case, self._case.house.workspace
        folder, position = await case.stored(
            lambda: workspace.set_up(case.plan, self._bench, attempt), "set up the attempt"
        )
        relay = self._follow(attempt, position)
        uploads = Uploads(
            store=case.house.store, keys=case.keys, attempts=case.attempts, attempt=attempt, folder=folder
        )
        prune = case.plan.recipe.hyperparameters.training_process.checkpoint_saving != "all"
        conduct = Conduct(
            attempt=attempt, attempts=case.attempts, wishes=case.wishes, uploads=uploads, folder=folder,
            limits=case.house.limits, stop=case.stop, said=lambda: relay.position, prune=prune,
        )  # fmt: skip
        return conduct, uploads

    def _follow(self, attempt: Attempt, position: Position) -> Relay[Any]:
        """One relay for all attempts: a new start doesn't wait for the broker to hear of the last one."""
        if self._relay is None:
            self._relay = Relay(
                run_folder=self._bench.run_folder, position=position, translate=self._voice.translate,
                say_many=self._voice.say_many, broker_away=BrokerAway,
            )  # fmt: skip
            self._relaying = asyncio.create_task(self._relay.run())
        self._relay.begin(attempt.number)
        return self._relay

    async def _conclude(self, outcome: Outcome, attempt: Attempt, uploads: Uploads) -> bool:
        """Do what follows from the end of the training process; whether another attempt is due."""
        case = self._case
        self._fruitless = 0 if outcome.advanced else self._fruitless + 1
        verdict = judge(outcome, may_restart=self._fruitless <= case.house.restart_limit)
        case.log.info("training process ended", attempt=attempt.number, verdict=verdict.kind, code=verdict.code)
        metrics.ATTEMPTS.labels(verdict.kind).inc()
        await case.stored(uploads.keep_journal, "journal")
        if verdict.kind == "restart":
            return await self._restart(verdict)
        if verdict.kind == "handed_back":
            await self._hand_back(attempt, uploads)
        if verdict.kind == "paused":
            return await self._pause(attempt, uploads)
        await self._tell_the_rest()
        await case.stored(uploads.check_fence, "fence")
        if isinstance(outcome.last_word, Completed):
            await self._complete(outcome.last_word, attempt, uploads)
        elif verdict.kind == "cancelled":
            said = outcome.last_word
            await self._cancel(attempt, step=said.step if isinstance(said, Cancelled) else outcome.step)
        else:
            await self._fail(verdict, attempt, epoch=outcome.epoch)
        return False

    async def _restart(self, verdict: Verdict) -> bool:
        metrics.RESTARTS.inc()
        pause_s = min(self._case.house.restart_pause_s * 2 ** max(0, self._fruitless - 1), LONGEST_PAUSE_S)
        self._case.log.warning("starting again", code=verdict.code, message=verdict.message, pause_s=pause_s)
        with suppress(TimeoutError):
            # Nobody else listens between two attempts.
            await asyncio.wait_for(self._case.stop.news.wait(), pause_s)
        return True

    async def _hand_back(self, attempt: Attempt, uploads: Uploads) -> None:
        if self._relay and self._relaying:
            self._relay.finish()
            # What is not said by then, the next attempt says: the pointer tells it how far this one came.
            await asyncio.wait([self._relaying], timeout=GRACE_S)
            position = self._relay.position
            await self._case.stored(lambda: uploads.note_said(position), "how far the run was told of")
        await self._close(attempt, "handed_back")
        raise HandedBack

    async def _stop_between(self) -> bool:
        """Heed what was asked while no training process was there to heed it; whether to go on all the same."""
        case = self._case
        last = self._last or await case.stored(case.attempts.latest, "attempts")
        if case.stop.word == "drain":
            raise HandedBack
        if case.stop.word == "pause":
            return await self._pause(last, None)
        await self._tell_the_rest()
        await self._cancel(last, step=0)
        return False

    async def _pause(self, attempt: Attempt | None, uploads: Uploads | None) -> bool:
        """Whether to go on at once, as the pause was withdrawn meanwhile."""
        case = self._case
        if (position := await self._tell_the_rest()) and uploads:
            await case.stored(lambda: uploads.note_said(position), "how far the run was told of")
        pointer = await case.stored(lambda: read_pointer(case.house.store, case.keys, LATEST), "checkpoint")
        checkpoint, step = (pointer.stored, pointer.step) if pointer else (None, 0)
        number = attempt.number if attempt else 0
        await case.conclude()
        await case.insist(lambda: self._voice.paused(step=step, checkpoint=checkpoint, attempt=number))
        # Closed first, then looked: a resume that comes in between finds either the mark or a closed attempt.
        await self._close(attempt, "paused")
        wish = await case.stored(case.wishes.strongest, "marks")
        if wish is None:
            case.stop.forget_pause()
        elif wish.word == "cancel":
            case.stop.ask("cancel", reason=wish.reason)
        goes_on = wish is None or wish.word == "cancel"
        if goes_on:
            case.training.set()
        return goes_on

    async def _cancel(self, attempt: Attempt | None, *, step: int) -> None:
        case, number = self._case, attempt.number if attempt else 0
        wish = await case.stored(case.wishes.strongest, "marks")
        reason = wish.reason if wish and wish.word == "cancel" else case.stop.reason
        await case.end(
            lambda: self._voice.cancelled(reason=reason, step=step, attempt=number), "cancelled", attempt=number
        )
        await self._close(attempt, "cancelled")

    async def _complete(self, last_word: Completed, attempt: Attempt, uploads: Uploads) -> None:
        case = self._case
        best = await case.stored(lambda: uploads.keep_best(last_word), "best checkpoint")
        report_uri = await case.stored(uploads.keep_report, "report")
        began_at = datetime.fromisoformat(attempt.run_began_at)
        completion = Completion(
            best_checkpoint=best, metrics=last_word.metrics, report_uri=report_uri, config=self._bench.config,
            split=self._bench.split, epochs=last_word.epochs, best_epoch=last_word.best_epoch,
            weights_sha256=last_word.weights_sha256, attempts=attempt.number,
            duration_s=(case.house.now() - began_at).total_seconds(),
        )  # fmt: skip
        await case.end(lambda: self._voice.completed(completion), "completed", attempt=attempt.number)
        await self._close(attempt, "completed")
        process = case.plan.recipe.hyperparameters.training_process
        if process.checkpoint_saving == "best":
            await case.stored(uploads.drop_latest, "latest checkpoint")
        if process.cross_validation_folds:
            await case.stored(uploads.drop_folds, "folds")

    async def _fail(self, verdict: Verdict, attempt: Attempt, *, epoch: int) -> None:
        case = self._case
        case.log.error("the run failed", code=verdict.code, message=verdict.message)
        failure = Failure(
            code=verdict.code, message=verdict.message, retryable=verdict.retryable, attempt=attempt.number, epoch=epoch
        )
        await case.end(
            lambda: self._voice.failed(failure), "failed", attempt=attempt.number, code=verdict.code,
            retryable=verdict.retryable,
        )  # fmt: skip
        await self._close(attempt, "failed")

    async def _close(self, attempt: Attempt | None, ended: str) -> None:
        if attempt is not None:
            await self._case.stored(lambda: self._case.attempts.close(attempt, ended=ended), "close the attempt")

    async def _tell_the_rest(self) -> Position | None:
        """Wait until the journals are said to their end, however long the broker is away."""
        if self._relay is None or self._relaying is None:
            return None
        self._relay.finish()
        grace_s = GRACE_S
        while not self._relaying.done():
            if self._case.stop.word == "drain" and (grace_s := grace_s - 1) < 0:
                raise HandedBack
            await asyncio.wait([self._relaying], timeout=1)
        self._relaying.result()
        position, self._relay = self._relay.position, None
        return position

    async def _sample(self) -> None:
        """Say how the machine is doing while it works; a sample that nobody heard is not worth a second try."""
        while True:
            with suppress(BrokerAway):
                await self._voice.sampled()
            await asyncio.sleep(self._case.house.sample_s)
