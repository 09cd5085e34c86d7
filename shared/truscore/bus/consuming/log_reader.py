"""Replaying the event log: every event that was ever published, in order, from any offset on, and then as they come."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import ChannelInvalidStateError, MessageProcessError
from faststream.rabbit import RabbitBroker
from google.protobuf.message import Message
from tenacity import AsyncRetrying, RetryCallState, retry_if_not_exception_type, wait_chain, wait_fixed

from truscore.bus.broker import AWAY, Bus, the_bus
from truscore.bus.codec import decode
from truscore.bus.consuming.consumer import subscribe
from truscore.bus.consuming.delivery import wire_of
from truscore.bus.declarations import LOG_QUEUE
from truscore.bus.envelope import Envelope
from truscore.bus.errors import Poison, Undecodable, UnknownMessage
from truscore.bus.publisher import publish
from truscore.bus.topology import DEAD_EXCHANGE, LOG, row_routed

log = logging.getLogger("truscore.bus")

PREFETCH: Final = 200
MARKER_HEADER: Final = "truscore-marker"
OFFSET_ARGUMENT: Final = "x-stream-offset"
RETRY_DELAYS_S: Final = (0.1, 0.5, 2, 5, 10, 30)  # the last one again and again

LogHandler = Callable[[Message, Envelope, int], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stray:
    """Something in the log that is no event of the contract. It says of itself what it likes: `at` is when the event
    before it was published, and now once the log has been read to its end."""

    offset: int
    routing_key: str
    reason: str
    at: datetime


def _is_gone(message: AbstractIncomingMessage) -> bool:
    """Whether the channel that it came by was closed; aio-pika then refuses to name it."""
    try:
        return message.channel.is_closed
    except ChannelInvalidStateError:
        return True


async def _log_stray(stray: Stray) -> None:
    log.warning("log offset %d, %r: %s", stray.offset, stray.routing_key, stray.reason)


def replay_log(
    broker: RabbitBroker,
    handler: LogHandler,
    *,
    service: str,
    offset: Literal["first", "next"] | int | datetime = "first",
    on_stray: Callable[[Stray], Awaitable[None]] = _log_stray,
) -> "LogReader":
    """Read the log, one event at a time, from an offset or a moment on. Raising Poison passes an event over; any other
    exception is tried again, with growing delay, for as long as it takes: a reader's state has no holes."""
    bus = the_bus(broker)
    reader = LogReader(
        bus=bus, handler=handler, service=service, on_stray=on_stray, arguments={OFFSET_ARGUMENT: offset}
    )
    subscribe(bus, LOG_QUEUE, reader.receive, prefetch=PREFETCH, consume_arguments=reader.arguments)
    bus.on_started(reader.mark)
    return reader


@dataclass(kw_only=True, slots=True)
class LogReader:
    """One reader's place in the log."""

    bus: Bus
    handler: LogHandler
    service: str
    on_stray: Callable[[Stray], Awaitable[None]]
    # aio-pika subscribes anew with these very arguments after a lost connection: kept at the next offset to read.
    arguments: dict[str, Any]
    caught_up: asyncio.Event = field(default_factory=asyncio.Event)
    last_offset: int | None = None
    _marker: str = field(default_factory=lambda: uuid4().hex)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _channel: object = None
    _last_time: datetime | None = None

    def begin_at(self, offset: int) -> None:
        """Read from there on instead; for who learns of the place only after listening was arranged."""
        if self.last_offset is not None:
            raise RuntimeError(f"{self.service} has read the log up to offset {self.last_offset} already")
        self.arguments[OFFSET_ARGUMENT] = offset

    async def mark(self) -> None:
        """Write a marker to the end of the log; reading it means having caught up with what was there before."""
        message = aio_pika.Message(
            b"", headers={MARKER_HEADER: self._marker}, delivery_mode=aio_pika.DeliveryMode.PERSISTENT
        )
        await publish(self.bus, DEAD_EXCHANGE, LOG, message, timeout_s=30)

    async def receive(self, message: AbstractIncomingMessage) -> None:
        """Read one entry. Deliveries arrive as tasks; the lock is fair and so keeps their order."""
        async with self._turn:
            if _is_gone(message):
                return  # it comes again on the new channel
            offset = int(str(message.headers[OFFSET_ARGUMENT]))
            if not self._is_repeat(message, offset):
                await self._read(message, offset)
                self.last_offset = offset
                self.arguments[OFFSET_ARGUMENT] = offset + 1
            try:
                await message.ack()
            except (*AWAY, MessageProcessError) as error:
                log.debug("log offset %d: the channel is gone: %r", offset, error)

    def _is_repeat(self, message: AbstractIncomingMessage, offset: int) -> bool:
        """Whether a new channel repeats what was in hand when the old one broke."""
        fresh, self._channel = message.channel is not self._channel, message.channel
        if fresh and self.last_offset is not None and offset < self.last_offset:
            log.warning("the log begins anew at offset %d after %d: it was made again", offset, self.last_offset)
            return False
        return offset == self.last_offset

    async def _read(self, message: AbstractIncomingMessage, offset: int) -> None:
        if marker := message.headers.get(MARKER_HEADER):
            if marker == self._marker:
                self.caught_up.set()
            return
        key, now = message.routing_key or "", datetime.now(tz=UTC)
        try:
            event, envelope = decode(wire_of(message), row_routed(key), received=now)
        except (Undecodable, UnknownMessage) as error:
            at = now if self.caught_up.is_set() else min(self._last_time or now, now)
            stray = Stray(offset=offset, routing_key=key, reason=str(error), at=at)
            await self._insist(partial(self.on_stray, stray), offset)
        else:
            self._last_time = envelope.time
            await self._insist(partial(self.handler, event, envelope, offset), offset)

    async def _insist(self, work: Callable[[], Awaitable[None]], offset: int) -> None:
        try:
            try:
                # Nearly always all there is to it: what tries again is made only where something failed.
                await work()
            except Poison:
                raise
            except Exception as error:  # noqa: BLE001  whatever it is, the reader's state must have no holes
                await self._try_again(work, offset, error)
        except Poison as poison:
            log.warning("log offset %d passed over by %s: %s", offset, self.service, poison.reason)

    async def _try_again(self, work: Callable[[], Awaitable[None]], offset: int, first: Exception) -> None:
        def warn(error: BaseException | None, delay_s: float) -> None:
            log.error("log offset %d failed in %s, again in %g s", offset, self.service, delay_s, exc_info=error)

        def warn_of(state: RetryCallState) -> None:
            warn(state.outcome.exception() if state.outcome else None, state.upcoming_sleep)

        # Not left to tenacity, which takes a partial of a callable object for a plain function.
        async def attempt() -> None:
            await work()

        first_s, *later_s = RETRY_DELAYS_S
        warn(first, first_s)
        await asyncio.sleep(first_s)
        waits = wait_chain(*map(wait_fixed, later_s))
        await AsyncRetrying(retry=retry_if_not_exception_type(Poison), wait=waits, before_sleep=warn_of)(attempt)
