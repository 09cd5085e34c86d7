"""Requests onto the audit record, each once and in the order of the log, without holding up what else reads the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import chain, repeat
from typing import Any, TypeVar

from truscore.audit import AuditRecord, Request, chained
from truscore.bus import BusError

log = logging.getLogger(__name__)

RETRY_DELAYS_S = (0.5, 1, 2, 5, 10, 30)  # the last one again and again
GRACE_S = 5
MOST_PENDING = 10_000
MOST_KNOWN = 1_000_000

T = TypeVar("T")


class AuditRecorder:
    """Goes on with the chain that is stored. What it had no time to store is in the log and is found at the next start.

    The chain follows from the log: another monitor that runs beside this one stores the very same records.
    """

    def __init__(
        self, *, read: Callable[[], AsyncIterator[AuditRecord]], append: Callable[[AuditRecord], Awaitable[None]]
    ) -> None:
        self._read, self._append = read, append
        self._pending: asyncio.Queue[Request] = asyncio.Queue(MOST_PENDING)
        self._noted = self._recorded = 0
        self._known: dict[tuple[int, str], None] = {}
        self._last: AuditRecord | None = None

    @property
    def pending(self) -> int:
        """Requests that are not on record yet."""
        return self._pending.qsize()

    @property
    def is_settled(self) -> bool:
        """Whether every request that was noted is on record."""
        return self._noted == self._recorded

    async def note(self, request: Request) -> None:
        """Have a request recorded; waits where too many wait already."""
        self._noted += 1
        await self._pending.put(request)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._work(), name="audit")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _work(self) -> None:
        await _until_done(self._learn, "the audit record is not read yet")
        while True:
            request = await self._pending.get()
            await _until_done(lambda request=request: self._record(request), f"{request.event_id} is not on record yet")  # type: ignore[misc]
            self._recorded += 1

    async def _learn(self) -> None:
        self._known, self._last = {}, None
        async for record in self._read():
            self._remember(record)

    def _remember(self, record: AuditRecord) -> None:
        self._known[record.request.log_offset, record.request.event_id] = None
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        if self._last is None or record.sequence > self._last.sequence:
            self._last = record

    async def _record(self, request: Request) -> None:
        if (request.log_offset, request.event_id) in self._known:
            return
        record = chained(request, self._last)
        await self._append(record)
        self._remember(record)


async def _until_done(work: Callable[[], Coroutine[Any, Any, T]], what: str) -> T:
    for delay_s in chain(RETRY_DELAYS_S, repeat(RETRY_DELAYS_S[-1])):
        try:
            return await _to_its_end(work())
        except (BusError, OSError, RuntimeError) as error:
            log.error("%s, again in %g s: %r", what, delay_s, error)  # noqa: TRY400
        await asyncio.sleep(delay_s)
    raise AssertionError("the delays never end")


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Let the work end by itself, for a while: aio-pika loses a cancellation that meets it while it connects."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,), timeout=GRACE_S)
        task.cancel()
        raise
