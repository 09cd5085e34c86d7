"""Consuming events: decode, hand over, and settle each delivery by the handler's result."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import DeliveryError, MessageProcessError
from faststream.middlewares import AckPolicy
from faststream.rabbit import Channel, ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.rabbit.message import RabbitMessage
from google.protobuf.message import Message

from truscore.bus import declarations, topology, trace
from truscore.bus.broker import AWAY, Bus, the_bus
from truscore.bus.codec import RETRIES_HEADER, count, decode
from truscore.bus.consuming.delivery import carried, copy_of, wire_of
from truscore.bus.consuming.log_bound import LogBound
from truscore.bus.consuming.overflow import Overflow, overflow_of
from truscore.bus.consuming.retry import RetryPolicy
from truscore.bus.envelope import Envelope
from truscore.bus.errors import BusError, HandBack, Poison, Undecodable
from truscore.bus.metrics import RECEIVED
from truscore.bus.publisher import publish
from truscore.bus.topology import DEAD_EXCHANGE, RETRY_EXCHANGE, RETRY_QUEUE_HEADER, Consumer, Row, row_of

log = logging.getLogger("truscore.bus")

PUBLISH_TIMEOUT_S: Final = 30
DEAD_HEADER: Final = "truscore-dead-"
MAX_REASON_CHARS: Final = 1000
MAX_TRACEBACK_CHARS: Final = 8000
REFUSED_PAUSE_S: Final = 1.0

M = TypeVar("M", bound=Message)
Handler = Callable[[M, Envelope], Awaitable[None]]

EXCHANGE_TYPES: Final = {name: ExchangeType(kind) for name, kind in declarations.EXCHANGES}


def consume(
    broker: RabbitBroker,
    message_type: type[M],
    handler: Handler[M],
    *,
    service: str,
    prefetch: int = 16,
    lease: bool = False,
    policy: RetryPolicy | None = None,
) -> None:
    """Listen on the service's inbox for one message; up to `prefetch` handlers run at once.

    The handler returns: acknowledged. It raises Poison: dead letter. HandBack: back to the queue for another consumer.
    Anything else: tried again after the policy's delays, then a dead letter with reason, exception and trace.
    `lease`: one message at a time, whose handler may run for days.
    """
    bus, row, policy = the_bus(broker), row_of(message_type), policy or RetryPolicy()
    _check_consumer(row, service, lease=lease)
    queue = declarations.inbox(service, row.routing_key, lease=lease)
    bus.need(queue, *declarations.retry_and_dead_queues(service, policy))
    overflow = overflow_of(bus, service, every_s=policy.room_every_s)
    inbox = Inbox(bus=bus, row=row, service=service, policy=policy, handler=handler, overflow=overflow)
    subscribe(bus, queue, inbox.receive, prefetch=1 if lease else prefetch)


def subscribe(
    bus: Bus,
    queue: declarations.Queue,
    receive: Callable[[AbstractIncomingMessage], Coroutine[Any, Any, None]],
    *,
    prefetch: int,
    consume_arguments: dict[str, Any] | None = None,
) -> None:
    """Consume the queue, on a channel of its own, with nothing acknowledged but by `receive`."""

    async def hand_over(message: RabbitMessage) -> None:
        await bus.in_hand(receive(message.raw_message))

    async def as_it_is(message: RabbitMessage) -> RabbitMessage:
        return message

    bus.subscriber(
        RabbitQueue(  # type: ignore[call-overload]  # its overloads want the type known before the program runs
            queue.name,
            queue_type=QueueType(queue.arguments["x-queue-type"]),
            durable=True,
            arguments=queue.arguments,
            routing_key=queue.routing_key,
        ),
        # One for each, for the bus says of each whether it is declared.
        RabbitExchange(queue.exchange, type=EXCHANGE_TYPES[queue.exchange], durable=True) if queue.exchange else None,
        channel=Channel(prefetch_count=prefetch),
        consume_args=consume_arguments,
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
        decoder=as_it_is,
    )(hand_over)


@dataclass(frozen=True, kw_only=True, slots=True)
class Inbox:
    """One inbox and its handler."""

    bus: Bus
    row: Row
    service: str
    policy: RetryPolicy
    handler: Handler[Any]
    overflow: Overflow
    clock: Callable[[], datetime] = lambda: datetime.now(tz=UTC)
    log_bound: LogBound = field(default_factory=LogBound)  # of messages that are given up

    async def receive(self, message: AbstractIncomingMessage) -> None:
        """Take one delivery to its end. A delivery that can't be settled stays unacknowledged and comes again."""
        try:
            await self._settle(message)
        except (*AWAY, MessageProcessError, BusError) as error:
            log.warning("%s: delivery not settled, it will come again: %r", self.name, error)
            self._count("unsettled")
            await self._give_back(message)

    @property
    def name(self) -> str:
        """Name of the queue."""
        return topology.inbox_name(self.service, self.row.routing_key)

    async def _settle(self, message: AbstractIncomingMessage) -> None:
        if given_up := _given_up_before(message.headers):
            await self._to_dead_letters(message, given_up)
            return
        outcome = await self._outcome(message)
        match outcome:
            case None:
                await message.ack()
                self._count("done")
            case HandBack():
                # reject, not nack: from RabbitMQ 4.3 a nack doesn't count towards the delivery limit.
                await message.reject(requeue=True)
                self._count("handed_back")
            case Undecodable() | Poison():
                await self._bury(message, outcome)
            case _:
                await self._retry(message, outcome)

    async def _outcome(self, message: AbstractIncomingMessage) -> Exception | None:
        """The handler's result; None where it returned."""
        try:
            event, envelope = decode(wire_of(message), self.row, received=self.clock())
            with trace.handling(f"consume {self.row.routing_key}", envelope.traceparent):
                await self.handler(event, envelope)
        except Exception as error:  # noqa: BLE001  whatever it is, the delivery gets settled by it
            return error
        return None

    async def _retry(self, message: AbstractIncomingMessage, error: Exception) -> None:
        retries = count(message.headers, RETRIES_HEADER)
        delay_s = self.policy.delay_s(retries)
        if delay_s is None:
            await self._bury(message, error)
            return
        log.warning("%s: %r; trying again in %g s", self.name, error, delay_s, exc_info=error)
        headers = carried(message.headers) | {
            RETRIES_HEADER: retries + 1,
            RETRY_QUEUE_HEADER: topology.retry_name(self.service, delay_s),
        }
        await self._send_on(message, RETRY_EXCHANGE, self.name, headers)
        self._count("retried")

    async def _bury(self, message: AbstractIncomingMessage, error: Exception) -> None:
        self._log_given_up("%s: dead letter %s: %r", self.name, message.message_id, error, why=error)
        reason = dead_letter_reason(error, inbox=self.name, row=self.row, at=self.clock(), headers=message.headers)
        await self._to_dead_letters(message, carried(message.headers) | reason)

    async def _to_dead_letters(self, message: AbstractIncomingMessage, headers: dict[str, Any]) -> None:
        if self.overflow.is_full:
            await self._wait_for_room(message, headers)
            return
        try:
            await self._send_on(message, DEAD_EXCHANGE, self.service, headers)
        except DeliveryError:
            await self._wait_for_room(message, headers)
        else:
            self._count("dead")

    async def _wait_for_room(self, message: AbstractIncomingMessage, headers: dict[str, Any]) -> None:
        """The dead letters are full. What went back to the inbox would be delivered again before all orders behind it;
        in a queue of its own it is in nobody's way."""
        self._log_given_up("%s is full: %s waits for room", topology.dead_name(self.service), message.message_id)
        self.overflow.is_full = True
        await self._send_on(message, DEAD_EXCHANGE, topology.waiting_name(self.service), headers)
        self._count("dead_letters_full")

    def _log_given_up(self, text: str, *values: object, why: Exception | None = None) -> None:
        left_out = self.log_bound.take()
        if left_out is None:
            return  # counted by the metric, and the letters themselves say why
        more = f"; {left_out} such lines before it were left out" if left_out else ""
        # Where in our decoder bytes of others turned out to be no event tells nobody anything.
        trace_of = None if isinstance(why, Undecodable) else why
        log.error(text + "%s", *values, more, exc_info=trace_of)

    def _count(self, outcome: str) -> None:
        RECEIVED.labels(service=self.service, routing_key=self.row.routing_key, outcome=outcome).inc()

    async def _send_on(
        self, message: AbstractIncomingMessage, exchange: str, key: str, headers: dict[str, Any]
    ) -> None:
        # The copy is confirmed before the original is acknowledged: a crash between the two repeats, never loses.
        await publish(self.bus, exchange, key, copy_of(message, headers), timeout_s=PUBLISH_TIMEOUT_S)
        await message.ack()

    async def _give_back(self, message: AbstractIncomingMessage) -> None:
        await asyncio.sleep(REFUSED_PAUSE_S)
        try:
            await message.reject(requeue=True)
        except (*AWAY, MessageProcessError) as error:
            log.debug("%s: its channel is gone, the broker has it back already: %r", self.name, error)


def dead_letter_reason(error: Exception, *, inbox: str, row: Row, at: datetime, headers: Any) -> dict[str, Any]:
    """Headers of a dead letter: why, by what exception, where and when."""
    match error:
        case Poison():
            kind, reason = "poison", error.reason
        case Undecodable():
            kind, reason = "undecodable", str(error)
        case _:
            kind, reason = "failed", f"{type(error).__name__}: {error}"
    # Formatting one costs as much as all else that is done with a message of a flood.
    frames = "" if isinstance(error, Undecodable) else "".join(traceback.format_exception(error))
    return {
        f"{DEAD_HEADER}kind": kind,
        f"{DEAD_HEADER}reason": reason[:MAX_REASON_CHARS],
        f"{DEAD_HEADER}exception": f"{type(error).__module__}.{type(error).__qualname__}",
        f"{DEAD_HEADER}traceback": frames[-MAX_TRACEBACK_CHARS:],
        f"{DEAD_HEADER}inbox": inbox,
        f"{DEAD_HEADER}routing-key": row.routing_key,
        f"{DEAD_HEADER}deliveries": 1 + count(headers, RETRIES_HEADER) + count(headers, "x-delivery-count"),
        f"{DEAD_HEADER}at": at.isoformat(timespec="milliseconds"),
    }


def _given_up_before(headers: Any) -> dict[str, Any]:
    """Headers of a message that waits among the retries because an older version found the dead letters full; none
    where it is another."""
    if f"{DEAD_HEADER}kind" not in headers:
        return {}
    why = {name: str(value)[:MAX_TRACEBACK_CHARS] for name, value in headers.items() if name.startswith(DEAD_HEADER)}
    kept = {name: value for name, value in carried(headers).items() if name != RETRY_QUEUE_HEADER}
    return kept | why


def _check_consumer(row: Row, service: str, *, lease: bool) -> None:
    listed = Consumer(service=service, lease=not lease)
    if listed in row.listeners:
        raise ValueError(f"lease={lease}: the topology lists {service} for {row.routing_key} with lease={not lease}")
