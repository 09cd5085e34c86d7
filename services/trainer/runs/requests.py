"""Requests about runs: cancel, pause, resume. Durable first, then at once, then answered where nobody has the run."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from truscore.storage import ObjectMissing

from services.trainer.run_store.attempts import Attempt, Attempts, is_open
from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.outcome import Ending, read_ending, write_ending
from services.trainer.run_store.stop_requests import Wish, Wishes
from services.trainer.run_store.uploads import LATEST, read_pointer
from services.trainer.runs.context import House
from services.trainer.runs.publisher import Voice
from services.trainer.runs.registry import Runs

ORDER_LIMIT_BYTES = 1 << 20
log = structlog.get_logger(__name__)


class Requests:
    """What people ask of runs, wherever those are.

    A request about a run that nobody knows is kept, not refused: its order may still lie in a queue, and then it holds.
    """

    def __init__(self, house: House, runs: Runs) -> None:
        self._house = house
        self._runs = runs

    async def stop(self, run_id: str, wish: Wish, *, voice: Voice) -> None:
        """Cancel or pause."""
        keys = RunKeys(bucket=self._house.bucket, run_id=run_id)
        ended, latest = await asyncio.to_thread(self._standing, keys)
        if ended is not None and not is_open(latest):
            log.info("the run has ended; nothing to stop", run_id=run_id, asked=wish.word, outcome=ended.outcome)
            return
        # The mark is left before the looks that follow: a trainer that begins an attempt later sees the mark.
        if not await self._mark(keys, wish):
            log.info("the pause was resumed from before it came", run_id=run_id)
        elif not self._runs.ask(run_id, wish.word, reason=wish.reason):
            await self._answer_for_nobody(keys, wish, voice)

    async def stop_here(self, run_id: str, wish: Wish) -> None:
        """Stop a run at once where this process has it in hand; `stop` does the rest in its own time."""
        if self._runs.has(run_id) and await self._mark(RunKeys(bucket=self._house.bucket, run_id=run_id), wish):
            self._runs.ask(run_id, wish.word, reason=wish.reason)

    async def resume(self, run_id: str, *, asked_at: datetime, request_id: str, voice: Voice) -> None:
        """Withdraw a pause and order the run again; harmless where it is under way."""
        keys = RunKeys(bucket=self._house.bucket, run_id=run_id)
        ended, _ = await asyncio.to_thread(self._standing, keys)
        if ended is not None and not ended.retryable:
            log.info("the run has ended; nothing to resume", run_id=run_id, outcome=ended.outcome)
            return
        await asyncio.to_thread(Wishes(self._house.store, keys).resume, asked_at)
        try:
            wire = await asyncio.to_thread(self._house.store.get, keys.order, limit_bytes=ORDER_LIMIT_BYTES)
        except ObjectMissing:
            log.warning("no trainer knows the run yet; it will start when its order comes", run_id=run_id)
            return
        await voice.ordered_again(wire, request_id=f"{run_id}/{request_id}")

    async def _mark(self, keys: RunKeys, wish: Wish) -> bool:
        """Make the wish last; whether it holds."""
        wishes = Wishes(self._house.store, keys)
        await asyncio.to_thread(wishes.leave, wish)
        return await asyncio.to_thread(wishes.strongest) is not None

    async def _answer_for_nobody(self, keys: RunKeys, wish: Wish, voice: Voice) -> None:
        """A paused run has no delivery and no trainer: whoever heard the request cancels it."""
        latest, paused, known = await asyncio.to_thread(self._place, keys)
        if not known:
            log.warning("no trainer knows the run yet; the request waits for it", run_id=keys.run_id, asked=wish.word)
        if wish.word == "pause" or not (known and paused) or is_open(latest):
            return
        pointer = await asyncio.to_thread(read_pointer, self._house.store, keys, LATEST)
        step, attempt = pointer.step if pointer else 0, latest.number if latest else 0
        event = await voice.cancelled(keys.run_id, reason=wish.reason, step=step, attempt=attempt)
        ending = Ending(outcome="cancelled", ended_at=self._house.now().isoformat(), attempt=attempt, event=event)
        await asyncio.to_thread(write_ending, self._house.store, keys, ending)

    def _place(self, keys: RunKeys) -> tuple[Attempt | None, bool, bool]:
        """The latest attempt, whether the run is to be paused, and whether a trainer ever saw its order."""
        paused = Wishes(self._house.store, keys).pause() is not None
        return Attempts(self._house.store, keys).latest(), paused, self._house.store.stat(keys.order) is not None

    def _standing(self, keys: RunKeys) -> tuple[Ending | None, Attempt | None]:
        return read_ending(self._house.store, keys), Attempts(self._house.store, keys).latest()
