"""Snapshots of the board beside the log: taken while the monitor runs and at its end, gone on from at its start."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from truscore.bus import BusError, LogReader

from services.monitor.board import Board
from services.monitor.snapshot_file import Place, read_snapshot, write_snapshot

log = logging.getLogger(__name__)

ANSWER_S: Final = 30.0
WRITE_S: Final = 60.0


@dataclass(kw_only=True, slots=True)
class Snapshots:
    """`place` is what was folded last; `is_settled`, whether all that was asked for up to there is on the audit record:
    what a snapshot has behind it is not read again."""

    folder: Path
    version: str
    board: Board
    place: Callable[[], Place | None]
    is_settled: Callable[[], bool]
    _written: Place | None = field(default=None, init=False)
    _writing: asyncio.Task[int] | None = field(default=None, init=False)

    async def resume(
        self, reader: LogReader, event_id_at: Callable[[int], Awaitable[str | None]], *, since: float
    ) -> bool:
        """Put the board and the reader where the snapshot is, if the log still has the event that it ends with.

        The reader reads that event again, which changes nothing. Runs of which nothing was heard since `since`, in
        seconds since 1970, are left out: a log that is read from there on would not have them either.
        """
        found = await asyncio.to_thread(read_snapshot, self.folder, self.version)
        if found is None:
            return False
        state, place = found
        try:
            async with asyncio.timeout(ANSWER_S):
                known = await event_id_at(place.offset)
        except (BusError, TimeoutError) as error:
            log.warning("the snapshot is passed over, the broker does not say whether the log has its place: %r", error)
            return False
        if known != place.event_id:
            log.warning("the snapshot is passed over: the log has another event, or none, at offset %d", place.offset)
            return False
        self.board.restore(state.without_older_than(since))
        reader.begin_at(place.offset)
        self._written = place
        log.info("going on from the snapshot at offset %d: %d runs", place.offset, len(self.board.runs))
        return True

    @asynccontextmanager
    async def going_on(self, caught_up: asyncio.Event, *, every_s: float) -> AsyncIterator[None]:
        """Take one now and then once the log has been read, and one at the end."""
        task = asyncio.create_task(self._work(caught_up, every_s), name="snapshots")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if caught_up.is_set():
                await self.take()

    async def _work(self, caught_up: asyncio.Event, every_s: float) -> None:
        await caught_up.wait()
        while True:
            await self.take()
            await asyncio.sleep(every_s)

    async def take(self) -> None:
        """Unless nothing happened since, or requests are not on the audit record yet."""
        if not await self._is_free():
            return
        place = self.place()
        if place is None or place == self._written or not self.is_settled():
            return
        # Of this very moment; what it holds does not change any more, so that a thread may write it.
        state = self.board.state()
        writing = asyncio.to_thread(write_snapshot, self.folder, state, place, self.version)
        self._writing = asyncio.create_task(writing, name="snapshot")
        if not await self._is_free():
            log.warning("no snapshot at offset %d: it is not written after %g s", place.offset, WRITE_S)
        elif (error := self._writing.exception()) is not None:
            log.warning("no snapshot at offset %d: %r", place.offset, error)
        else:
            self._written = place
            log.debug("snapshot at offset %d: %d bytes", place.offset, self._writing.result())

    async def _is_free(self) -> bool:
        """Whether nothing is being written, after a while. A thread can't be ended, and two would write one file: who
        is cancelled meanwhile leaves it to whoever comes next to wait for it."""
        if self._writing is not None:
            await asyncio.wait((self._writing,), timeout=WRITE_S)
        return self._writing is None or self._writing.done()
