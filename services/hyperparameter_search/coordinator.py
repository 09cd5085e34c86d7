"""All searches of this process: takes in what happens, one thing at a time, and has what is due done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from services.hyperparameter_search.facts import EpochDone, Fact
from services.hyperparameter_search.refusals import Refusal, refusals
from services.hyperparameter_search.request_ids import named_trial
from services.hyperparameter_search.search_store import SearchStore
from services.hyperparameter_search.spec import SearchOrder
from services.hyperparameter_search.steps import SearchEvents, Steps
from services.hyperparameter_search.trial import FAILED, RUNNING, Cancel, Outcome, Search, Trial

log = logging.getLogger(__name__)


class UnknownSearch(LookupError):
    """A request about a search that nobody ordered so far; it is tried again, and a dead letter at last."""


class Coordinator:
    """`clock` gives seconds since the epoch."""

    def __init__(self, store: SearchStore, events: SearchEvents, *, clock: Callable[[], float]) -> None:
        self._store = store
        self._events = events
        self._steps = Steps(store, events, clock=clock)
        self._clock = clock
        self._turn = asyncio.Lock()
        self._runs: dict[str, tuple[str, int]] | None = None

    async def order(self, order: SearchOrder) -> None:
        """Begin a search, or say why not; the same order again is answered again."""
        async with self._turn:
            before = await asyncio.to_thread(self._store.find, order.search_id)
            if before is not None and before.order.wire != order.wire:
                message = f"search_id {order.search_id!r} names another search: accepted is a new name"
                taken = Refusal(rule="search.search_id", location="search_id", message=message)
                await self._events.refused(order, [taken])
                return
            if before is None:
                if found := refusals(order):
                    await self._events.refused(order, found)
                    return
                await asyncio.to_thread(self._store.create, order, begun_at=self._clock())
            elif before.accepted_sent:
                await self._events.accepted(before)
            await self._steps.advance(order.search_id)

    async def cancel(self, search_id: str, cancel: Cancel) -> None:
        """End a search; of no effect on one that has ended. UnknownSearch where its order has not been read yet."""
        async with self._turn:
            search = await asyncio.to_thread(self._store.find, search_id)
            if search is None:
                raise UnknownSearch(f"search {search_id[:100]!r} is not known: its order may still lie in a queue")
            if search.ended or search.cancel:
                log.info("nothing to cancel: search %s is %s", search_id, search.state)
                return
            await asyncio.to_thread(self._store.note, search_id, cancel=cancel)
            await self._steps.advance(search_id)

    async def attached(self, request_id: str, run_id: str) -> None:
        """A trainer named the run of a trial's order."""
        async with self._turn:
            found = await self._trial_of_request(request_id)
            if found is None or found[1].run_id:
                return
            search, trial = found
            search_id = search.order.search_id
            if trial.outcome:
                # It was given up before it had a run.
                reason = f"the search {search_id} no longer waits for it"
                await self._events.cancel_run(search, replace(trial, run_id=run_id), reason=reason)
                return
            await asyncio.to_thread(self._store.note_trial, search_id, trial.number, run_id=run_id)
            (await self._known_runs())[run_id] = (search_id, trial.number)
            for fact in await asyncio.to_thread(self._store.early_of, search_id, run_id):
                await self._steps.take(search_id, trial.number, fact)
            await self._steps.advance(search_id)

    async def refused(self, request_id: str, *, code: str, message: str) -> None:
        """No run came of a trial's order. `code` where none can come of any trial's."""
        async with self._turn:
            found = await self._trial_of_request(request_id)
            if found is None or found[1].outcome:
                return
            search, trial = found
            outcome = Outcome(state=FAILED, message=message, code=code)
            await asyncio.to_thread(self._store.note_trial, search.order.search_id, trial.number, outcome=outcome)
            await self._steps.advance(search.order.search_id)

    async def happened(self, run_id: str, fact: Fact) -> None:
        """A run stated something; most runs are nobody's trial."""
        async with self._turn:
            known = (await self._known_runs()).get(run_id)
            if known is None:
                await self._keep_early(run_id, fact)
                return
            await self._steps.take(*known, fact)
            await self._steps.advance(known[0])

    async def look(self) -> None:
        """Do what is due by the clock, or was left undone."""
        for search_id in await asyncio.to_thread(self._store.active):
            async with self._turn:
                if await asyncio.to_thread(self._store.find_readable, search_id) is not None:
                    await self._steps.advance(search_id)

    @asynccontextmanager
    async def going_on(self, every_s: float) -> AsyncIterator[None]:
        """Look again and again while inside, at once for the first time."""
        looking = asyncio.create_task(self._look_always(every_s), name="looking")
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    async def _look_always(self, every_s: float) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("searches could not be looked at; again in %g s", every_s)
            await asyncio.sleep(every_s)

    async def _trial_of_request(self, request_id: str) -> tuple[Search, Trial] | None:
        named = named_trial(request_id)
        search = await asyncio.to_thread(self._store.find, named[0]) if named else None
        if named is None or search is None or named[1] >= len(search.trials):
            return None
        return search, search.trials[named[1]]

    async def _known_runs(self) -> dict[str, tuple[str, int]]:
        """Runs of the searches under way, read from the storage once."""
        if self._runs is None:
            self._runs = {
                trial.run_id: (search.order.search_id, trial.number)
                for search in await self._under_way()
                for trial in search.trials
                if trial.run_id
            }
        return self._runs

    async def _keep_early(self, run_id: str, fact: Fact) -> None:
        """Events come by queues of their own: a run may end before the answer that names it is read."""
        if isinstance(fact, EpochDone):
            return
        for search in await self._under_way():
            waits = any(trial.ordered and not trial.run_id and trial.state == RUNNING for trial in search.trials)
            search_id = search.order.search_id
            if waits and not await asyncio.to_thread(self._store.keep_early, search_id, run_id, fact):
                log.warning("search %s keeps no more of what unknown runs state; %s", search_id, run_id)

    async def _under_way(self) -> list[Search]:
        names = await asyncio.to_thread(self._store.active)
        found = [await asyncio.to_thread(self._store.find_readable, name) for name in names]
        return [search for search in found if search is not None]
