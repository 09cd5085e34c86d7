"""Where in the event log to read on: the ledger knows, unless the log is another one by now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import chain, repeat
from typing import TypeVar
from uuid import uuid4

from google.protobuf.message import Message
from truscore.bus import BusError, BusUnavailable, Envelope, LogReader, connect, replay_log

from services.experiment_tracker.handlers import EventConsumer
from services.experiment_tracker.ledger import Ledger, LedgerError

log = logging.getLogger(__name__)

RETRY_DELAYS_S = (0.5, 1, 2, 5, 10, 30)
END_TIMEOUT_S = 30

T = TypeVar("T")


@asynccontextmanager
async def start_offset(
    ledger: Ledger,
    reader: LogReader,
    consumer: EventConsumer,
    *,
    find_end: Callable[[], Awaitable[int]],
    stopping: asyncio.Event,
) -> AsyncIterator[None]:
    """Let the reader go on from the ledger's place. Waits for ledger and broker, unless the end comes first."""
    place = await _until_answered(lambda: asyncio.to_thread(ledger.place), stopping)
    end = await _until_answered(find_end, stopping) if place is not None else None
    if place is not None and end is not None:
        # A reader that is sent past the end gets nothing until the log has grown to there.
        if place.offset < end:
            reader.begin_at(place.offset)
            consumer.expect(place)
        else:
            log.warning("the event log ends at offset %d, before %s: it was made again", end, place)
    yield


async def end_of_log(amqp_url: str, service: str) -> int:
    """Offset of an entry that is written to the log's end now."""
    bus = connect(amqp_url, service=service, instance=f"{uuid4().hex[:8]}-end")
    tail = replay_log(bus, _ignore, service=service, offset="next")
    await bus.start()
    try:
        async with asyncio.timeout(END_TIMEOUT_S):
            await tail.caught_up.wait()
    except TimeoutError as error:
        raise BusUnavailable(f"the event log did not show its end within {END_TIMEOUT_S} s") from error
    finally:
        await bus.stop()
    return tail.last_offset or 0


async def _ignore(_message: Message, _envelope: Envelope, _offset: int) -> None:
    """Whoever looks for the end doesn't read."""


async def _until_answered(question: Callable[[], Awaitable[T]], stopping: asyncio.Event) -> T | None:
    """The answer, however long it takes; None where the end came first."""
    for delay_s in chain(RETRY_DELAYS_S, repeat(RETRY_DELAYS_S[-1])):
        try:
            return await question()
        except (LedgerError, BusError) as error:
            log.warning("waiting for the place to read on from, again in %g s: %s", delay_s, error)
        try:
            async with asyncio.timeout(delay_s):
                await stopping.wait()
        except TimeoutError:
            continue
        return None
    return None


@asynccontextmanager
async def restarting_on_new_log(
    reader: LogReader, consumer: EventConsumer, stopping: asyncio.Event
) -> AsyncIterator[None]:
    """End the service's turn when the log turns out to be another one, at its end at the latest."""

    async def look_at_the_end() -> None:
        await reader.caught_up.wait()
        consumer.miss_expected()

    async def end() -> None:
        await consumer.other_log.wait()
        stopping.set()

    watching = [asyncio.create_task(work, name="turning back") for work in (look_at_the_end(), end())]
    try:
        yield
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
