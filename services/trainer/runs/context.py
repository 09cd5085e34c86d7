"""A run in hand, and what a trainer has to conduct it with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import structlog
from truscore.storage import Store

from services.trainer.inputs.workspace import Workspace
from services.trainer.plan import Plan
from services.trainer.run_store.attempts import Attempts
from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.outcome import Ending, write_ending
from services.trainer.run_store.stop_requests import Wishes
from services.trainer.runs.attempt import Limits, Stop
from services.trainer.runs.backoff import patiently, store_away
from services.trainer.runs.publisher import BrokerAway, Voice

SAY_PAUSE_S = 1.0
T = TypeVar("T")
log = structlog.get_logger(__name__)


class HandedBack(Exception):
    """The run goes on with another trainer, or with this one after a new start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class House:
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
    command: Callable[[Plan, Path], Sequence[str]]  # starts the training process in a folder
    environment: Mapping[str, str]  # of the training process


class Case:
    """One run with its marks and markers."""

    def __init__(self, house: House, plan: Plan, voice: Voice, stop: Stop) -> None:
        self.house = house
        self.plan = plan
        self.voice = voice
        self.stop = stop
        self.keys = RunKeys(bucket=house.bucket, run_id=plan.run_id)
        self.attempts = Attempts(house.store, self.keys)
        self.wishes = Wishes(house.store, self.keys)
        self.log = log.bind(run_id=plan.run_id)

    async def insist(self, say: Callable[[], Awaitable[None]]) -> None:
        """Say it, however long the broker is away. HandedBack where this trainer is to stop meanwhile."""
        while True:
            try:
                await say()
            except BrokerAway as error:
                self.log.warning("the broker is away; what has to be said waits", error=str(error))
            else:
                return
            if self.stop.word == "drain":
                raise HandedBack
            await asyncio.sleep(SAY_PAUSE_S)

    async def stored(self, action: Callable[[], T], doing: str) -> T:
        """Do something with the store, however long, within reason, it is away."""
        return await patiently(
            lambda: asyncio.to_thread(action), away=store_away, doing=doing,
            deadline_s=self.house.limits.store_patience_s,
        )  # fmt: skip

    async def end(self, outcome: str, *, attempt: int, code: str = "", retryable: bool = False) -> None:
        """Note the answer, after it was confirmed: a kill in between has it given again, as the same event."""
        ended_at = self.house.now().isoformat()
        ending = Ending(outcome=outcome, ended_at=ended_at, attempt=attempt, code=code, retryable=retryable)
        await self.stored(lambda: write_ending(self.house.store, self.keys, ending), "end")
