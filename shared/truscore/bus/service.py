"""A service's life on the bus: start, wait for the end, drain, stop."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Final

from faststream.rabbit import RabbitBroker

from truscore.bus.broker import Bus
from truscore.bus.errors import BusUnavailable
from truscore.process.heap import return_large_blocks

log = logging.getLogger("truscore.bus")

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
PAUSE_S: Final = 1.0
Context = AbstractAsyncContextManager[Any]


async def serve(
    broker: RabbitBroker,
    *,
    before: Sequence[Context] = (),
    on_start: Sequence[Context] = (),
    drain: Callable[[], Awaitable[None]] | None = None,
    stop: asyncio.Event | None = None,
) -> int:
    """Run until SIGTERM, SIGINT or `stop`; returns the exit code, 0.

    Enters `before` (health, metrics, whatever handlers need: it is there while the broker is away), starts the bus for
    as long as it takes, enters `on_start` (what speaks; handlers may be at work already), waits. Then takes no more
    messages, calls `drain`, leaves `on_start`, waits for the handlers in hand up to the broker's graceful timeout, and
    leaves `before`.
    """
    return_large_blocks()
    stopping = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stopping.set)
    try:
        async with AsyncExitStack() as outer:
            for context in before:
                await outer.enter_async_context(context)
            if await _started(broker, stopping):
                await _run(broker, on_start, drain, stopping)
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
    return 0


async def _started(broker: RabbitBroker, stopping: asyncio.Event) -> bool:
    """Start the bus, however long that takes; False where the end came first."""
    ended = asyncio.ensure_future(stopping.wait())
    try:
        while not ended.done():
            starting = asyncio.ensure_future(broker.start())
            try:
                await asyncio.wait((starting, ended), return_when=asyncio.FIRST_COMPLETED)
            finally:
                starting.cancel()  # of no effect where it has come to its own end
            if await _came_up(starting):
                return True
            await asyncio.wait((ended,), timeout=PAUSE_S)
    finally:
        ended.cancel()
    await broker.stop()
    return False


async def _came_up(starting: asyncio.Future[None]) -> bool:
    await asyncio.wait((starting,))
    if starting.cancelled():
        return False
    try:
        starting.result()
    except BusUnavailable as error:
        log.warning("%s; going on trying", error)
        return False
    return True


async def _run(
    broker: RabbitBroker,
    on_start: Sequence[Context],
    drain: Callable[[], Awaitable[None]] | None,
    stopping: asyncio.Event,
) -> None:
    try:
        async with AsyncExitStack() as inner:
            for context in on_start:
                await inner.enter_async_context(context)
            log.info("serving")
            await stopping.wait()
            log.info("draining")
            if isinstance(broker, Bus):
                await broker.hush()
            if drain is not None:
                await drain()
    finally:
        await broker.stop()
