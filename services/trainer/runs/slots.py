"""Places to train in: who has one, who waits for one, and who gives way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import count
from operator import attrgetter

from services.trainer.runs.stop import Stop


@dataclass(kw_only=True, slots=True, eq=False)
class Claim:
    """A run's claim to a place. ``place`` orders claims of one priority: a run that gave way is before later ones."""

    run_id: str
    priority: int
    stop: Stop
    place: int = -1
    granted: asyncio.Event = field(default_factory=asyncio.Event)
    giving_way: bool = False

    @property
    def rank(self) -> tuple[int, int]:
        return -self.priority, self.place


class Slots:
    """A bounded number of places. Those who wait get them by priority, then in the order they came.

    Where ``preempts``, a waiting claim that finds no free place has a run of lower priority asked to give way: the
    lowest, and of equals the youngest, which has the least to lose.
    """

    def __init__(self, places: int, *, preempts: bool = True) -> None:
        self._places = places
        self._preempts = preempts
        self._numbers = count()
        self._held: list[Claim] = []
        self._waiting: list[Claim] = []

    @property
    def full(self) -> bool:
        """Whether an order that comes now would have to wait."""
        return len(self._held) + len(self._waiting) >= self._places

    def claim(self, claim: Claim) -> None:
        """Ask for a place; ``granted`` of the claim is set once it has one."""
        if claim.place < 0:
            claim.place = next(self._numbers)
        self._waiting.append(claim)
        self._settle()

    def release(self, claim: Claim) -> None:
        """Give the place back, or withdraw the claim; harmless where there is neither."""
        for claims in (self._held, self._waiting):
            if claim in claims:
                claims.remove(claim)
        claim.granted.clear()
        claim.giving_way = False
        self._settle()

    def _settle(self) -> None:
        self._waiting.sort(key=attrgetter("rank"))
        while self._waiting and len(self._held) < self._places:
            claim = self._waiting.pop(0)
            self._held.append(claim)
            claim.granted.set()
        if self._preempts:
            self._have_runs_give_way()

    def _have_runs_give_way(self) -> None:
        # Each that gives way makes room for one of those who wait, in their order.
        served = sum(claim.giving_way for claim in self._held)
        for waiting in self._waiting[served:]:
            holders = [claim for claim in self._held if not claim.giving_way and claim.priority < waiting.priority]
            if not holders:
                return
            last = max(holders, key=attrgetter("rank"))
            last.giving_way = True
            last.stop.request("preempt", reason=waiting.run_id)
