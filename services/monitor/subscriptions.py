"""Waiting for changes of the board: many may watch, none is woken more often than it wants, each sees the newest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from services.monitor.board import Entry, stage_of_entry
from services.monitor.stage import ENDED


class TooManyWatchers(RuntimeError):
    """As many watch as are allowed to."""


class BoardChanges:
    """Says that something changed. Knows how many are waiting and lets no more than `most` in."""

    def __init__(self, most: int) -> None:
        self.version = 0
        self.watchers = 0
        self._most = most
        self._next = asyncio.Event()

    def changed(self) -> None:
        self.version += 1
        self._next.set()
        self._next = asyncio.Event()

    async def after(self, version: int) -> None:
        """Returns once there is a newer version."""
        while self.version <= version:
            await self._next.wait()

    @contextmanager
    def seat(self) -> Iterator[None]:
        if self.watchers >= self._most:
            raise TooManyWatchers(f"{self.watchers} watch already, at most {self._most} may")
        self.watchers += 1
        try:
            yield
        finally:
            self.watchers -= 1


async def changes(
    find: Callable[[], Entry | None],
    board_changes: BoardChanges,
    *,
    interval_s: float,
    unknown_s: float,
    version: Callable[[], int] = lambda: 0,
) -> AsyncIterator[Entry | None]:
    """The entry now, then at each change of it or of `version`, at once or as soon as the interval since the one before
    is over; the last when it ended.

    TimeoutError where it stays unknown for `unknown_s`.
    """
    # Before each answer is given away: what changes while it is sent is newer than it.
    seen, last, version_seen = board_changes.version, find(), version()
    yield last
    if last is None:
        async with asyncio.timeout(unknown_s):
            while last is None:
                await board_changes.after(seen)
                seen, last, version_seen = board_changes.version, find(), version()
        yield last
    clock = asyncio.get_running_loop().time
    due = clock() + interval_s
    while last is not None and stage_of_entry(last) not in ENDED:
        await board_changes.after(seen)
        await asyncio.sleep(max(0.0, due - clock()))
        seen, now, version_now = board_changes.version, find(), version()
        if now is not last or version_now != version_seen:
            due = clock() + interval_s
            yield now
        last, version_seen = now, version_now
