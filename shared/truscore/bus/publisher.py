"""Publishes events: persistent, mandatory, confirmed, with ids that make a repeat harmless."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final, Protocol

import aio_pika
from aio_pika.exceptions import PublishError
from faststream.rabbit import RabbitBroker
from google.protobuf.message import Message
from tenacity import AsyncRetrying, retry_if_exception, stop_before_delay, wait_fixed

from truscore.bus import trace
from truscore.bus.broker import AWAY, Bus, the_bus
from truscore.bus.codec import Wire, encode
from truscore.bus.envelope import Envelope, event_id
from truscore.bus.errors import BusUnavailable, Unroutable
from truscore.bus.metrics import PUBLISHED
from truscore.bus.topology import EXCHANGE, row_of

IN_FLIGHT: Final = 256
PAUSE_S: Final = 0.2

Clock = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True, slots=True)
class OutgoingEvent:
    """An event to publish. `subject`: the run id, or "dataset/version". `sequence` tells repeats apart.

    `time` is when it happened, where that is not now: an event published again keeps the time of the first time.
    """

    event: Message
    subject: str
    sequence: str | int = 0
    correlation_id: str | None = None
    cause: Envelope | None = None
    time: datetime | None = None


class Publisher(Protocol):
    """Says events in the name of one service."""

    async def publish(
        self,
        event: Message,
        *,
        subject: str,
        sequence: str | int = 0,
        correlation_id: str | None = None,
        cause: Envelope | None = None,
        time: datetime | None = None,
    ) -> str:
        """Say one event and return its id once the broker has it."""
        ...

    async def publish_many(self, events: Iterable[OutgoingEvent]) -> None:
        """Say many in order, many in flight; on return the broker has them all."""
        ...


def address(outgoing: OutgoingEvent, *, source: str, now: datetime, user: str = "") -> Envelope:
    """The envelope of an outgoing. UnknownMessage where the topology has no such message."""
    row, cause = row_of(outgoing.event), outgoing.cause
    return Envelope(
        event_id=event_id(source=source, subject=outgoing.subject, type_name=row.type_name, sequence=outgoing.sequence),
        type=row.type_name,
        source=source,
        subject=outgoing.subject,
        time=outgoing.time or now,
        correlation_id=outgoing.correlation_id or (cause.correlation_id if cause else "") or outgoing.subject,
        traceparent=trace.next_traceparent(cause.traceparent if cause else None),
        delivery=1,
        user=user,
    )


def amqp_message(wire: Wire) -> aio_pika.Message:
    """The wire form for aio-pika, persistent."""
    return aio_pika.Message(
        wire.body,
        type=wire.type or None,
        content_type=wire.content_type or None,
        content_encoding=wire.content_encoding or None,
        message_id=wire.message_id or None,
        correlation_id=wire.correlation_id or None,
        app_id=wire.app_id or None,
        user_id=wire.user_id or None,
        timestamp=wire.timestamp,
        headers=dict(wire.headers),
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )


def publisher(broker: RabbitBroker, *, service: str, deadline_s: float = 30) -> Publisher:
    """Publisher on the bus. Each call raises BusUnavailable where the broker has not confirmed after `deadline_s`."""
    return BusPublisher(the_bus(broker), source=f"truscore/{service}", deadline_s=deadline_s)


class BusPublisher:
    """Publisher over the broker's confirming channel; resends what a lost connection left unconfirmed."""

    def __init__(
        self, bus: Bus, *, source: str, deadline_s: float, clock: Clock = lambda: datetime.now(tz=UTC)
    ) -> None:
        self._bus = bus
        self._source = source
        self._deadline_s = deadline_s
        self._clock = clock

    async def publish(
        self,
        event: Message,
        *,
        subject: str,
        sequence: str | int = 0,
        correlation_id: str | None = None,
        cause: Envelope | None = None,
        time: datetime | None = None,
    ) -> str:
        """Publish one event and return its id. BusUnavailable, Unroutable, UnknownMessage, ValueError (too large)."""
        key, message = self._compose(
            OutgoingEvent(
                event=event, subject=subject, sequence=sequence, correlation_id=correlation_id, cause=cause, time=time
            )
        )
        await self._deliver([(key, message)])
        return str(message.message_id)

    async def publish_many(self, events: Iterable[OutgoingEvent]) -> None:
        """Say many in order, up to IN_FLIGHT unconfirmed; the deadline holds for each of these windows."""
        outgoing_events = iter(events)
        while window := [self._compose(outgoing) for outgoing in islice(outgoing_events, IN_FLIGHT)]:
            await self._deliver(window)

    def _compose(self, outgoing: OutgoingEvent) -> tuple[str, aio_pika.Message]:
        envelope = address(outgoing, source=self._source, now=self._clock(), user=self._bus.user)
        return row_of(outgoing.event).routing_key, amqp_message(encode(outgoing.event, envelope))

    async def _deliver(self, outbox: Sequence[tuple[str, aio_pika.Message]]) -> None:
        unconfirmed = list(outbox)
        retrying = AsyncRetrying(
            retry=retry_if_exception(_is_passing),
            wait=wait_fixed(PAUSE_S),
            stop=stop_before_delay(self._deadline_s),
            reraise=True,
        )
        try:
            await retrying(self._send, unconfirmed)
        except (*AWAY, BusUnavailable) as error:
            if not _is_passing(error):
                raise
            raise BusUnavailable(
                f"{self._bus.safe_url} has not confirmed {unconfirmed[0][0]} and {len(unconfirmed) - 1} more "
                f"within {self._deadline_s:g} s: {error!r}"
            ) from error

    async def _send(self, unconfirmed: list[tuple[str, aio_pika.Message]]) -> None:
        """Send all and take out what came before the first failure, which is raised: the next try begins there, so
        that the order holds; ids make the repeats harmless."""
        results = await asyncio.gather(
            *(publish(self._bus, EXCHANGE, key, message, timeout_s=self._deadline_s) for key, message in unconfirmed),
            return_exceptions=True,
        )
        index, error = next(_failures(results), (len(results), None))
        for key, _ in unconfirmed[:index]:
            PUBLISHED.labels(routing_key=key).inc()
        del unconfirmed[:index]
        if error is not None:
            raise error


def _is_passing(error: BaseException) -> bool:
    """Whether the same message may go through later."""
    return isinstance(error, (*AWAY, BusUnavailable)) and not isinstance(error, Unroutable)


def _failures(results: Sequence[object]) -> Iterator[tuple[int, BaseException]]:
    return ((index, result) for index, result in enumerate(results) if isinstance(result, BaseException))


async def publish(bus: Bus, exchange: str, routing_key: str, message: aio_pika.Message, *, timeout_s: float) -> None:
    """Publish once with confirm. Unroutable where no queue takes it; what aio-pika raises where the broker is away."""
    async with asyncio.timeout(timeout_s):
        channel = await bus.publishing_channel()
        target = await channel.get_exchange(exchange, ensure=False) if exchange else channel.default_exchange
        try:
            await target.publish(message, routing_key, mandatory=True, timeout=timeout_s)
        except PublishError as error:
            raise Unroutable(f"no queue takes {routing_key!r} from exchange {exchange!r}") from error
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            # Nobody cancelled us: it is how aiormq tells those who wait that their channel closed.
            raise ConnectionError(f"the channel closed while {routing_key!r} was being published") from error
