"""What one run needs: its plan, its place in the store, its publisher, and the trainer's dependencies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

import structlog
from truscore.storage import Store

from services.trainer.inputs.workspace import Workspace
from services.trainer.launchers.port import Launcher
from services.trainer.plan import Plan
from services.trainer.run_store.attempts import Attempts
from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.outcome import FinalEvent, RunOutcome, write_outcome
from services.trainer.run_store.stop_requests import StopRequests
from services.trainer.runs.attempt import Limits
from services.trainer.runs.backoff import retrying_store
from services.trainer.runs.publisher import BrokerUnavailable, EventPublisher, OrderState
from services.trainer.runs.slots import Claim, Slots
from services.trainer.runs.stop import Stop

PUBLISH_PAUSE_S = 1.0
ATTACH_FIRST_S = 2.0
T = TypeVar("T")
log = structlog.get_logger(__name__)


class HandedBack(Exception):
    """The run goes on with another trainer, or with this one after a new start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainerDeps:
    """What a trainer has."""

    store: Store
    bucket: str
    workspace: Workspace
    limits: Limits
    restart_limit: int  # restarts in a row that complete no epoch
    restart_pause_s: float  # before the first of them; doubled for each further one
    sample_s: float  # between two hardware samples
    host: str
    now: Callable[[], datetime]
    launcher: Launcher
    slots: Slots


class RunContext:
    """One run with its marks and markers."""

    def __init__(self, deps: TrainerDeps, plan: Plan, publisher: EventPublisher, stop: Stop) -> None:
        self.deps = deps
        self.plan = plan
        self.publisher = publisher
        self.stop = stop
        self.keys = RunKeys(bucket=deps.bucket, run_id=plan.run_id)
        self.attempts = Attempts(deps.store, self.keys)
        self.stop_requests = StopRequests(deps.store, self.keys)
        self.claim = Claim(run_id=plan.run_id, priority=plan.order.priority, stop=stop)
        self.training = asyncio.Event()  # set while the run's next answer is still to be published
        self._attaching: asyncio.Task[None] | None = None
        self.log = log.bind(run_id=plan.run_id)

    async def attach(self, state: OrderState) -> None:
        """Tell whoever ordered which run answers the order."""
        await self.publish(lambda: self.publisher.attached(self.plan.order, self.plan.run_id, state))

    @asynccontextmanager
    async def attaching(self, state: OrderState) -> AsyncIterator[None]:
        """Train meanwhile: a broker that is away keeps no run from starting. The run's answer waits for this one."""
        self._attaching = asyncio.create_task(self.attach(state))
        await asyncio.wait([self._attaching], timeout=ATTACH_FIRST_S)
        self.training.set()
        try:
            yield
        finally:
            self._attaching.cancel()
            await asyncio.gather(self._attaching, return_exceptions=True)

    async def conclude(self) -> None:
        """Before an answer is published: an order that arrives from here on gets one of its own."""
        self.training.clear()
        if self._attaching is not None:
            await self._attaching

    async def publish(self, send: Callable[[], Awaitable[T]]) -> T:
        """Publish it, however long the broker is away. HandedBack where this trainer is to stop meanwhile."""
        while True:
            try:
                return await send()
            except BrokerUnavailable as error:
                self.log.warning("the broker is away; what has to be published waits", error=str(error))
            if self.stop.word == "drain":
                raise HandedBack
            await asyncio.sleep(PUBLISH_PAUSE_S)

    async def stored(self, action: Callable[[], T], doing: str) -> T:
        """Do something with the store, however long, within reason, it is away."""
        return await retrying_store(
            lambda: asyncio.to_thread(action), doing=doing, deadline_s=self.deps.limits.store_retry_for_s
        )

    async def end(
        self,
        send: Callable[[], Awaitable[FinalEvent]],
        outcome: Literal["completed", "failed", "cancelled"],
        *,
        attempt: int,
        code: str = "",
        retryable: bool = False,
    ) -> None:
        """Give the answer, and note it once it was confirmed: a kill in between has it given again, as the same event.

        An order for the same run that arrives from here on is answered out of the note.
        """
        await self.conclude()
        event = await self.publish(send)
        ended_at = self.deps.now().isoformat()
        run_outcome = RunOutcome(
            outcome=outcome, ended_at=ended_at, attempt=attempt, code=code, retryable=retryable, event=event
        )
        await self.stored(lambda: write_outcome(self.deps.store, self.keys, run_outcome), "end")
