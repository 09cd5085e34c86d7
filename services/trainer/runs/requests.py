"""Requests about runs: cancel, pause, resume. Durable first, then at once, then answered where nobody has the run."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from truscore.storage import ObjectMissing

from services.trainer.plan import Plan
from services.trainer.run_store.attempts import Attempt, Attempts, is_open
from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.outcome import RunOutcome, read_outcome, write_outcome
from services.trainer.run_store.stop_requests import StopRequest, StopRequests
from services.trainer.run_store.uploads import LATEST, read_pointer
from services.trainer.runs.context import TrainerDeps
from services.trainer.runs.publisher import EventPublisher
from services.trainer.runs.registry import Runs

ORDER_LIMIT_BYTES = 1 << 20
log = structlog.get_logger(__name__)


class Requests:
    """What people ask of runs, wherever those are.

    A request about a run that nobody knows is kept, not refused: its order may still lie in a queue, and then it holds.
    """

    def __init__(self, deps: TrainerDeps, runs: Runs) -> None:
        self._deps = deps
        self._runs = runs

    async def stop(self, run_id: str, stop_request: StopRequest, *, publisher: EventPublisher) -> None:
        """Cancel or pause."""
        keys = RunKeys(bucket=self._deps.bucket, run_id=run_id)
        ended, latest = await asyncio.to_thread(self._standing, keys)
        if ended is not None and not is_open(latest):
            log.info(
                "the run has ended; nothing to stop", run_id=run_id, requested=stop_request.word, outcome=ended.outcome
            )
            return
        # The mark is left before the looks that follow: a trainer that begins an attempt later sees the mark.
        if not await self._mark(keys, stop_request):
            log.info("the pause was resumed from before it came", run_id=run_id)
        elif not self._runs.request_stop(run_id, stop_request.word, reason=stop_request.reason):
            await self._answer_for_nobody(keys, stop_request, publisher)

    async def stop_here(self, run_id: str, stop_request: StopRequest) -> None:
        """Stop a run at once where this process has it in hand; `stop` does the rest in its own time."""
        if self._runs.has(run_id) and await self._mark(RunKeys(bucket=self._deps.bucket, run_id=run_id), stop_request):
            self._runs.request_stop(run_id, stop_request.word, reason=stop_request.reason)

    async def resume(self, run_id: str, *, requested_at: datetime, request_id: str, publisher: EventPublisher) -> None:
        """Withdraw a pause and order the run again; harmless where it is under way."""
        keys = RunKeys(bucket=self._deps.bucket, run_id=run_id)
        ended, _ = await asyncio.to_thread(self._standing, keys)
        if ended is not None and not ended.retryable:
            log.info("the run has ended; nothing to resume", run_id=run_id, outcome=ended.outcome)
            return
        await asyncio.to_thread(StopRequests(self._deps.store, keys).resume, requested_at)
        try:
            wire = await asyncio.to_thread(self._deps.store.get, keys.order, limit_bytes=ORDER_LIMIT_BYTES)
        except ObjectMissing:
            log.warning("no trainer knows the run yet; it will start when its order comes", run_id=run_id)
            return
        await publisher.ordered_again(wire, request_id=f"{run_id}/{request_id}")

    async def announce(self, plan: Plan, publisher: EventPublisher) -> None:
        """Say which run an order that has to wait will be, and keep the order; harmless where it is under way."""
        if not self._runs.full or self._runs.has(plan.run_id):
            return
        keys = RunKeys(bucket=self._deps.bucket, run_id=plan.run_id)
        ended, latest = await asyncio.to_thread(self._standing, keys)
        if ended is None and latest is None:
            await asyncio.to_thread(self._deps.store.put, keys.order, plan.order.wire)
            await publisher.attached(plan.order, plan.run_id, "queued")

    async def _mark(self, keys: RunKeys, stop_request: StopRequest) -> bool:
        """Store the request; whether it holds."""
        stop_requests = StopRequests(self._deps.store, keys)
        await asyncio.to_thread(stop_requests.leave, stop_request)
        return await asyncio.to_thread(stop_requests.strongest) is not None

    async def _answer_for_nobody(self, keys: RunKeys, stop_request: StopRequest, publisher: EventPublisher) -> None:
        """A paused run has no delivery and no trainer, and a queued one no trainer yet: whoever received the request
        answers it."""
        latest, paused, known = await asyncio.to_thread(self._place, keys)
        if not known:
            log.warning(
                "no trainer knows the run yet; the request waits for it",
                run_id=keys.run_id,
                requested=stop_request.word,
            )
        if not known or is_open(latest):
            return
        if stop_request.word == "pause":
            if latest is None:
                await publisher.paused(keys.run_id)
            return
        if not paused and latest is not None:
            return
        pointer = await asyncio.to_thread(read_pointer, self._deps.store, keys, LATEST)
        step, attempt = pointer.step if pointer else 0, latest.number if latest else 0
        event = await publisher.cancelled(keys.run_id, reason=stop_request.reason, step=step, attempt=attempt)
        run_outcome = RunOutcome(
            outcome="cancelled", ended_at=self._deps.now().isoformat(), attempt=attempt, event=event
        )
        await asyncio.to_thread(write_outcome, self._deps.store, keys, run_outcome)

    def _place(self, keys: RunKeys) -> tuple[Attempt | None, bool, bool]:
        """The latest attempt, whether the run is to be paused, and whether a trainer ever saw its order."""
        paused = StopRequests(self._deps.store, keys).pause() is not None
        return Attempts(self._deps.store, keys).latest(), paused, self._deps.store.stat(keys.order) is not None

    def _standing(self, keys: RunKeys) -> tuple[RunOutcome | None, Attempt | None]:
        return read_outcome(self._deps.store, keys), Attempts(self._deps.store, keys).latest()
