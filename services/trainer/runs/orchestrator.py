"""A run's training: attempt after attempt until it completes, fails, or is stopped."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import uuid4

from truscore.storage import StoreError

from services.trainer import metrics
from services.trainer.inputs.workspace import CannotPrepare, PreparedRun
from services.trainer.journal import Cancelled, Completed
from services.trainer.run_store.attempts import Attempt
from services.trainer.run_store.segments import drop_segments
from services.trainer.run_store.stored_uploads import StoredUploads
from services.trainer.run_store.uploads import LATEST, Fenced, Uploads, read_pointer
from services.trainer.runs.attempt import AttemptOutcome, AttemptSupervisor
from services.trainer.runs.context import HandedBack, RunContext
from services.trainer.runs.journal_relay import Position, Relay
from services.trainer.runs.places import wait_for_place
from services.trainer.runs.publisher import BrokerUnavailable, Completion, Failure
from services.trainer.runs.restart_policy import Decision, decide

GRACE_S = 5.0
LONGEST_PAUSE_S = 300.0
OUTLIVING = ("", "handed_back")  # how attempts ended whose processes may still be there


class Orchestrator:
    """The attempts that this trainer makes at one run."""

    def __init__(self, context: RunContext, prepared: PreparedRun) -> None:
        self._context = context
        self._prepared = prepared
        self._publisher = context.publisher.for_run(context.plan, config=prepared.config)
        self._relay: Relay[Any] | None = None
        self._relaying: asyncio.Task[None] | None = None
        self._last: Attempt | None = None
        self._restarts_without_progress = 0  # restarts since an epoch was completed

    async def perform(self) -> None:
        """Return once the run is answered, or was taken over elsewhere. Raises HandedBack, and what a fault raises."""
        try:
            async with self._publisher.reporting_hardware(every_s=self._context.deps.sample_s):
                while await self._attempt():
                    pass
        except Fenced as overtaken:
            self._context.log.warning("dropping out", reason=str(overtaken))
        finally:
            if self._relaying:
                self._relaying.cancel()
                await asyncio.gather(self._relaying, return_exceptions=True)

    async def _attempt(self) -> bool:
        """Make one attempt; whether another is due."""
        context = self._context
        if context.stop.word:
            return await self._stop_between()
        attempt = self._last = await self._begin()
        try:
            supervisor, uploads = await self._prepare(attempt)
            outcome = await supervisor.run(context.deps.launcher, context.plan)
        except CannotPrepare as reason:
            decision = Decision(kind="failed", code=reason.code, message=str(reason), retryable=reason.retryable)
            await self._fail(decision, attempt, epoch=0)
            return False
        except Exception:
            with suppress(StoreError):
                await asyncio.to_thread(context.attempts.close, attempt, ended="broken")
            raise
        return await self._conclude(outcome, supervisor.attempt, uploads)

    async def _begin(self) -> Attempt:
        """The attempt that outlived its service, or the next one."""
        context, launcher = self._context, self._context.deps.launcher
        latest = await context.stored(context.attempts.latest, "attempts") if launcher.remote else None
        resumable = latest is not None and self._last is None and latest.ended in OUTLIVING
        if latest is not None and resumable and await launcher.outlived(context.plan.run_id, latest.number):
            context.log.info("going on with an attempt that outlived its service", attempt=latest.number)
            return await context.stored(lambda: self._adopt(latest), "take the run")
        if latest is not None:
            await launcher.end(context.plan.run_id, latest.number)
        return await context.stored(self._take, "take the run")

    def _adopt(self, latest: Attempt) -> Attempt:
        return self._context.attempts.adopt(latest, owner=uuid4().hex, host=self._context.deps.host)

    def _take(self) -> Attempt:
        if self._last is not None and not self._context.attempts.holds(self._last):
            raise Fenced(f"attempt {self._last.number} was overtaken")
        return self._context.attempts.take(
            owner=uuid4().hex, host=self._context.deps.host, now=self._context.deps.now()
        )

    async def _prepare(self, attempt: Attempt) -> tuple[AttemptSupervisor, Uploads]:
        context, workspace = self._context, self._context.deps.workspace
        folder, position = await context.stored(
            lambda: workspace.set_up(context.plan, self._prepared, attempt), "set up the attempt"
        )
        relay = self._start_relay(attempt, position)
        uploads = (StoredUploads if context.deps.launcher.remote else Uploads)(
            store=context.deps.store, keys=context.keys, attempts=context.attempts, attempt=attempt, folder=folder
        )
        prune = context.plan.recipe.hyperparameters.training_process.checkpoint_saving != "all"
        supervisor = AttemptSupervisor(
            attempt=attempt, attempts=context.attempts, stop_requests=context.stop_requests, uploads=uploads,
            folder=folder, limits=context.deps.limits, stop=context.stop, relayed=lambda: relay.position, prune=prune,
        )  # fmt: skip
        return supervisor, uploads

    def _start_relay(self, attempt: Attempt, position: Position) -> Relay[Any]:
        """One relay for all attempts: a new start doesn't wait for the last one's events to be published."""
        if self._relay is None:
            self._relay = Relay(
                run_folder=self._prepared.run_folder, position=position, translate=self._publisher.translate,
                publish_many=self._publisher.publish_many, broker_unavailable=BrokerUnavailable,
            )  # fmt: skip
            self._relaying = asyncio.create_task(self._relay.run())
        self._relay.begin(attempt.number)
        return self._relay

    async def _conclude(self, outcome: AttemptOutcome, attempt: Attempt, uploads: Uploads) -> bool:
        """Do what follows from the end of the training process; whether another attempt is due."""
        context = self._context
        self._restarts_without_progress = 0 if outcome.advanced else self._restarts_without_progress + 1
        decision = decide(outcome, may_restart=self._restarts_without_progress <= context.deps.restart_limit)
        context.log.info("training process ended", attempt=attempt.number, decision=decision.kind, code=decision.code)
        metrics.ATTEMPTS.labels(decision.kind).inc()
        await context.stored(uploads.keep_journal, "journal")
        if decision.kind == "restart":
            return await self._restart(decision)
        if decision.kind == "handed_back":
            await self._hand_back(attempt, uploads)
        if decision.kind == "paused":
            return await self._pause(attempt, uploads)
        if decision.kind == "preempted":
            return await self._give_way(attempt, uploads)
        await self._publish_rest()
        await context.stored(uploads.check_fence, "fence")
        if isinstance(outcome.last_word, Completed):
            await self._complete(outcome.last_word, attempt, uploads)
        elif decision.kind == "cancelled":
            last_word = outcome.last_word
            await self._cancel(attempt, step=last_word.step if isinstance(last_word, Cancelled) else outcome.step)
        else:
            await self._fail(decision, attempt, epoch=outcome.epoch)
        return False

    async def _restart(self, decision: Decision) -> bool:
        metrics.RESTARTS.inc()
        pause_s = min(
            self._context.deps.restart_pause_s * 2 ** max(0, self._restarts_without_progress - 1), LONGEST_PAUSE_S
        )
        self._context.log.warning("starting again", code=decision.code, message=decision.message, pause_s=pause_s)
        with suppress(TimeoutError):
            # Nobody else listens between two attempts.
            async with asyncio.timeout(pause_s):
                await self._context.stop.changed.wait()
        return True

    async def _hand_back(self, attempt: Attempt, uploads: Uploads) -> None:
        if self._relay and self._relaying:
            self._relay.finish()
            # What is not relayed by then, the next attempt relays: the pointer has how far this one came.
            await asyncio.wait([self._relaying], timeout=GRACE_S)
            position = self._relay.position
            await self._context.stored(lambda: uploads.record_position(position), "how far the journals were relayed")
        await self._close(attempt, "handed_back")
        raise HandedBack

    async def _stop_between(self) -> bool:
        """Obey a stop request that came between two training processes; whether to go on all the same."""
        context = self._context
        last = self._last or await context.stored(context.attempts.latest, "attempts")
        if context.stop.word == "drain":
            raise HandedBack
        if context.stop.word == "pause":
            return await self._pause(last, None)
        if context.stop.word == "preempt":
            return await self._give_way(last, None)
        await self._publish_rest()
        await self._cancel(last, step=0)
        return False

    async def _pause(self, attempt: Attempt | None, uploads: Uploads | None) -> bool:
        """Whether to go on at once, as the pause was withdrawn meanwhile."""
        context = self._context
        await self._record_relayed(uploads)
        await context.conclude()
        await self._publish_pause(attempt)
        # Closed first, then looked: a resume that comes in between finds either the mark or a closed attempt.
        await self._close(attempt, "paused")
        stop_request = await context.stored(context.stop_requests.strongest, "marks")
        if stop_request is None:
            context.stop.forget("pause")
        elif stop_request.word == "cancel":
            context.stop.request("cancel", reason=stop_request.reason)
        goes_on = stop_request is None or stop_request.word == "cancel"
        if goes_on:
            context.training.set()
        return goes_on

    async def _give_way(self, attempt: Attempt | None, uploads: Uploads | None) -> bool:
        """Leave the place to a run of higher priority, and go on once there is one again."""
        context = self._context
        await self._record_relayed(uploads)
        await self._publish_pause(attempt, preempted_by=context.stop.reason)
        # Closed: a trainer with a free place that meets the order once more may go on with the run.
        await self._close(attempt, "preempted")
        context.log.info("gave way to a run of higher priority", run=context.stop.reason)
        context.stop.forget("preempt")
        context.deps.slots.release(context.claim)
        await wait_for_place(context)
        return True

    async def _record_relayed(self, uploads: Uploads | None) -> None:
        if (position := await self._publish_rest()) and uploads:
            await self._context.stored(lambda: uploads.record_position(position), "how far the journals were relayed")

    async def _publish_pause(self, attempt: Attempt | None, *, preempted_by: str = "") -> None:
        context, number = self._context, attempt.number if attempt else 0
        pointer = await context.stored(lambda: read_pointer(context.deps.store, context.keys, LATEST), "checkpoint")
        checkpoint, step = (pointer.stored, pointer.step) if pointer else (None, 0)
        await context.publish(
            lambda: self._publisher.paused(step=step, checkpoint=checkpoint, attempt=number, preempted_by=preempted_by)
        )

    async def _cancel(self, attempt: Attempt | None, *, step: int) -> None:
        context, number = self._context, attempt.number if attempt else 0
        stop_request = await context.stored(context.stop_requests.strongest, "marks")
        reason = stop_request.reason if stop_request and stop_request.word == "cancel" else context.stop.reason
        await context.end(
            lambda: self._publisher.cancelled(reason=reason, step=step, attempt=number), "cancelled", attempt=number
        )
        await self._close(attempt, "cancelled")

    async def _complete(self, last_word: Completed, attempt: Attempt, uploads: Uploads) -> None:
        context = self._context
        best = await context.stored(lambda: uploads.keep_best(last_word), "best checkpoint")
        report_uri = await context.stored(uploads.keep_report, "report")
        began_at = datetime.fromisoformat(attempt.run_began_at)
        completion = Completion(
            best_checkpoint=best, metrics=last_word.metrics, report_uri=report_uri, config=self._prepared.config,
            split=self._prepared.split, epochs=last_word.epochs, best_epoch=last_word.best_epoch,
            weights_sha256=last_word.weights_sha256, attempts=attempt.number,
            duration_s=(context.deps.now() - began_at).total_seconds(), comparison=last_word.comparison,
        )  # fmt: skip
        await context.end(lambda: self._publisher.completed(completion), "completed", attempt=attempt.number)
        await self._close(attempt, "completed")
        process = context.plan.recipe.hyperparameters.training_process
        if process.checkpoint_saving == "best":
            await context.stored(uploads.drop_latest, "latest checkpoint")
        if process.cross_validation_folds:
            await context.stored(uploads.drop_folds, "folds")

    async def _fail(self, decision: Decision, attempt: Attempt, *, epoch: int) -> None:
        context = self._context
        context.log.error("the run failed", code=decision.code, message=decision.message)
        failure = Failure(
            code=decision.code,
            message=decision.message,
            retryable=decision.retryable,
            attempt=attempt.number,
            epoch=epoch,
        )
        await context.end(
            lambda: self._publisher.failed(failure), "failed", attempt=attempt.number, code=decision.code,
            retryable=decision.retryable,
        )  # fmt: skip
        await self._close(attempt, "failed")

    async def _close(self, attempt: Attempt | None, ended: str) -> None:
        if attempt is None:
            return
        context = self._context
        await context.stored(lambda: context.attempts.close(attempt, ended=ended), "close the attempt")
        if context.deps.launcher.remote and ended not in OUTLIVING:
            # Their journals are whole objects by now.
            drop = lambda: drop_segments(context.deps.store, context.keys, attempts=attempt.number)  # noqa: E731
            await context.stored(drop, "segments of journals")
            await context.deps.launcher.closed(context.plan.run_id, attempt.number)

    async def _publish_rest(self) -> Position | None:
        """Wait until the journals are published to their end, however long the broker is away."""
        if self._relay is None or self._relaying is None:
            return None
        self._relay.finish()
        grace_s = GRACE_S
        while not self._relaying.done():
            if self._context.stop.word == "drain" and (grace_s := grace_s - 1) < 0:
                raise HandedBack
            await asyncio.wait([self._relaying], timeout=1)
        self._relaying.result()
        position, self._relay = self._relay.position, None
        return position
