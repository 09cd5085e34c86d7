"""Feeds of runs: the first who looks begins a watch at the monitor, the last who leaves ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

MOST_FEEDS: Final = 200
AGAIN_S: Final = 2.0
Watch = Callable[[str], AsyncIterator[dict[str, Any]]]
Seat = asyncio.Queue[dict[str, Any]]


class TooManyRuns(Exception):
    """So many runs are being watched that no other is taken."""


@dataclass(kw_only=True, slots=True)
class Feed:
    task: asyncio.Task[None]
    latest: dict[str, Any] | None = None
    seats: set[Seat] = field(default_factory=set)


class Hub:
    """`watch` gives a run's views until it ended; `explain` says in words what it raised."""

    def __init__(self, watch: Watch, *, again_s: float = AGAIN_S) -> None:
        self._watch, self._again_s = watch, again_s
        self._feeds: dict[str, Feed] = {}

    @property
    def watched(self) -> int:
        return len(self._feeds)

    @asynccontextmanager
    async def seat(self, run_id: str) -> AsyncIterator[Seat]:
        """A queue of one: who is slow gets the latest view, not every one. Raises TooManyRuns."""
        feed = self._feeds.get(run_id)
        if feed is None:
            if len(self._feeds) >= MOST_FEEDS:
                raise TooManyRuns(f"{MOST_FEEDS} runs are being watched, which is the most")
            feed = Feed(task=asyncio.create_task(self._follow(run_id), name=f"watch {run_id}"))
            self._feeds[run_id] = feed
        seat: Seat = asyncio.Queue(maxsize=1)
        feed.seats.add(seat)
        if feed.latest is not None:
            _offer(seat, feed.latest)
        try:
            yield seat
        finally:
            feed.seats.discard(seat)
            if not feed.seats:
                self._feeds.pop(run_id, None)
                feed.task.cancel()

    async def _follow(self, run_id: str) -> None:
        while True:
            try:
                async for view in self._watch(run_id):
                    self._give(run_id, view)
                    if view.get("ended"):
                        return
            except Exception as error:  # noqa: BLE001  whatever it is, who watches is told, and it is tried again
                self._give(run_id, {"run_id": run_id, "error": str(error)})
            await asyncio.sleep(self._again_s)

    def _give(self, run_id: str, view: dict[str, Any]) -> None:
        feed = self._feeds.get(run_id)
        if feed is None:
            return
        if "error" not in view:
            feed.latest = view
        for seat in feed.seats:
            _offer(seat, view)


def _offer(seat: Seat, view: dict[str, Any]) -> None:
    if seat.full():
        seat.get_nowait()
    seat.put_nowait(view)
