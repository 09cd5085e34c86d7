"""Replaying the event log: every event that was ever published, in order, from any offset on, and then as they come."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal
from uuid import uuid4

import aio_pika
from faststream.rabbit import RabbitBroker
from google.protobuf.message import Message
from tenacity import AsyncRetrying, RetryCallState, retry_if_not_exception_type, wait_chain, wait_fixed

from truscore.bus.broker import AWAY, Bus, the_bus
from truscore.bus.codec import decode
from truscore.bus.consuming.stream_consumer import StreamConsumer
from truscore.bus.declarations import LOG_QUEUE
from truscore.bus.deliveries import Delivery
from truscore.bus.envelope import Envelope
from truscore.bus.errors import Poison, Undecodable, UnknownMessage
from truscore.bus.publisher import publish
from truscore.bus.topology import DEAD_EXCHANGE, LOG, row_routed

log = logging.getLogger("truscore.bus")

PREFETCH: Final = 500
# A confirmation is a packet: one for many entries, and one for what is left after a moment.
ACK_EVERY: Final = 100
ACK_AFTER_S: Final = 0.2
# After so many entries whatever else the process does has its turn.
TURN: Final = 16
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
    stream = StreamConsumer(queue=LOG_QUEUE, receive=reader.receive, prefetch=PREFETCH, arguments=reader.arguments)
    bus.read_stream(stream)
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
    # At most PREFETCH of a channel; those of one that broke are passed over.
    _waiting: deque[Delivery] = field(default_factory=deque)
    _reading: asyncio.Task[None] | None = None
    _unconfirmed: list[Delivery] = field(default_factory=list)
    _is_ack_due: bool = False
    _confirming: asyncio.TimerHandle | None = None
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

    def receive(self, message: Delivery) -> None:
        """Take one entry; it is read after those before it, by one task at a time."""
        self._waiting.append(message)
        self._go_on()

    def _go_on(self) -> None:
        if self._reading is None or self._reading.done():
            self._reading = self.bus.take_in_hand(self._read_waiting())

    async def _read_waiting(self) -> None:
        done = 0
        while self._waiting or self._is_ack_due:
            if self._is_ack_due:
                await self._confirm()
                continue
            message = self._waiting.popleft()
            if message.is_gone:
                continue  # it comes again on the new channel
            offset = int(str(message.headers[OFFSET_ARGUMENT]))
            if not self._is_repeat(message, offset):
                await self._read(message, offset)
                self.last_offset = offset
                self.arguments[OFFSET_ARGUMENT] = offset + 1
            self._unconfirmed.append(message)
            self._is_ack_due = len(self._unconfirmed) >= ACK_EVERY
            done += 1
            if done % TURN == 0:
                await asyncio.sleep(0)
        if self._unconfirmed and self._confirming is None:
            self._confirming = asyncio.get_running_loop().call_later(ACK_AFTER_S, self._confirm_now)

    def _confirm_now(self) -> None:
        self._confirming, self._is_ack_due = None, bool(self._unconfirmed)
        if self._is_ack_due:
            self._go_on()

    async def _confirm(self) -> None:
        """Everything that was read of the newest channel; what an older one delivered is its broker's again."""
        message, self._is_ack_due = self._unconfirmed[-1], False
        self._unconfirmed.clear()
        try:
            await message.confirm()
        except AWAY as error:
            log.debug("log offset %s: the channel is gone: %r", self.last_offset, error)

    def _is_repeat(self, message: Delivery, offset: int) -> bool:
        """Whether a new channel repeats what was in hand when the old one broke."""
        fresh, self._channel = message.channel is not self._channel, message.channel
        if fresh and self.last_offset is not None and offset < self.last_offset:
            log.warning("the log begins anew at offset %d after %d: it was made again", offset, self.last_offset)
            return False
        return offset == self.last_offset

    async def _read(self, message: Delivery, offset: int) -> None:
        if marker := message.headers.get(MARKER_HEADER):
            if marker == self._marker:
                self.caught_up.set()
            return
        key, now = message.routing_key, datetime.now(tz=UTC)
        try:
            event, envelope = decode(message.wire, row_routed(key), received=now)
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
