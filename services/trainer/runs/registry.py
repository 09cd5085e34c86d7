"""The runs that this process has in hand, each once however often its order arrives."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from services.trainer import metrics
from services.trainer.plan import Plan
from services.trainer.runs.admission import perform
from services.trainer.runs.context import HandedBack, RunContext, TrainerDeps
from services.trainer.runs.publisher import EventPublisher
from services.trainer.runs.stop import Stop

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A run under way. Whether its orders are answered is the task's result: where this trainer drained first they are
    not, and nobody need be there to hear of it, as after a lost connection."""

    task: asyncio.Task[bool]
    context: RunContext

    async def ended(self) -> None:
        """Wait for the answer. Raises HandedBack, and what a fault of the run raised."""
        # Shielded: a handler that is cancelled must not take the run of the others with it.
        if not await asyncio.shield(self.task):
            raise HandedBack


class Runs:
    """Takes orders, passes on requests, drains."""

    def __init__(self, deps: TrainerDeps) -> None:
        self._deps = deps
        self._running: dict[str, Running] = {}
        self._draining = False

    async def take(self, plan: Plan, publisher: EventPublisher) -> None:
        """Return when the order is answered: at the end of the run, or, for a repeat, once it is attached to the run.

        A redelivery after a lost connection waits for the run.
        """
        while True:
            if self._draining:
                raise HandedBack
            running = self._running.get(plan.run_id)
            if running is None or running.task.done():
                await self._start(plan, publisher).ended()
                return
            if await self._joined(running, RunContext(self._deps, plan, publisher, running.context.stop)):
                return

    async def _joined(self, running: Running, repeat: RunContext) -> bool:
        """Whether the run's end is published after the repeat was attached, and so answers it as well."""
        while not running.task.done():
            if await _in_training(running):
                await repeat.attach("running")
                # Otherwise the end may have been published before the client could know whose it is.
                if running.context.training.is_set():
                    # A fresh order is no lease on the run and would cost a slot; a redelivery may be the lease.
                    if repeat.plan.order.redelivered:
                        await running.ended()
                    return True
        await running.ended()
        return False

    def request_stop(self, run_id: str, word: str, *, reason: str = "") -> bool:
        """Have a run stop within one optimizer step; whether it is in hand here."""
        running = self._running.get(run_id)
        if running is not None:
            running.context.stop.request(word, reason=reason)
        return running is not None

    @property
    def full(self) -> bool:
        """Whether an order that comes now would have to wait for a place."""
        return self._deps.slots.full

    def has(self, run_id: str) -> bool:
        """Whether the run is in hand here."""
        return run_id in self._running

    async def drain(self, *, timeout_s: float) -> None:
        """Have every run write a checkpoint and go back to the broker; what takes longer is ended."""
        self._draining = True
        for running in self._running.values():
            running.context.stop.request("drain")
        tasks = [running.task for running in self._running.values()]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=timeout_s)
        for task in late:
            log.error("a run did not drain in time", timeout_s=timeout_s)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, plan: Plan, publisher: EventPublisher) -> Running:
        context = RunContext(self._deps, plan, publisher, Stop())
        task = asyncio.create_task(self._perform(context))
        running = self._running[plan.run_id] = Running(task=task, context=context)
        metrics.RUNS.inc()
        task.add_done_callback(lambda _: self._done(plan.run_id, running))
        return running

    def _done(self, run_id: str, running: Running) -> None:
        metrics.RUNS.dec()
        if self._running.get(run_id) is running:
            del self._running[run_id]

    async def _perform(self, context: RunContext) -> bool:
        try:
            await asyncio.to_thread(self._deps.workspace.prune, active=set(self._running))
            await perform(context)
        except (HandedBack, asyncio.CancelledError):
            # Only a drain that took too long cancels a run; its order goes back like the others.
            return False
        return True


async def _in_training(running: Running) -> bool:
    """Wait until the run's next answer is still to come, or the run is no longer in hand; whether it is the former."""
    training = asyncio.create_task(running.context.training.wait())
    try:
        await asyncio.wait([training, running.task], return_when=asyncio.FIRST_COMPLETED)
    finally:
        training.cancel()
    return not running.task.done() and running.context.training.is_set()
