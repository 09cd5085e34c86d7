"""Broadcast: every instance of a service receives the same events at once, best effort, while it runs."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import MessageProcessError
from faststream.rabbit import RabbitBroker
from google.protobuf.message import Message

from truscore.bus import topology
from truscore.bus.broker import AWAY, the_bus
from truscore.bus.codec import decode
from truscore.bus.consuming.consumer import subscribe
from truscore.bus.consuming.delivery import wire_of
from truscore.bus.declarations import Queue
from truscore.bus.envelope import Envelope
from truscore.bus.topology import EXCHANGE, Row, row_of

log = logging.getLogger("truscore.bus")

PREFETCH: Final = 32


def consume_broadcast(
    broker: RabbitBroker,
    message_types: Sequence[type[Message]],
    handler: Callable[[Any, Envelope], Awaitable[None]],
    *,
    service: str,
    instance: str | None = None,
) -> None:
    """Receive events on queues of this instance alone. What the handler fails on is logged and not tried again."""
    bus = the_bus(broker)
    for row in map(row_of, message_types):
        queue = Queue(
            name=f"{service}.{instance or bus.instance}.overheard.{row.routing_key}",
            arguments=topology.passing_arguments(),
            exchange=EXCHANGE,
            routing_key=row.routing_key,
        )
        subscribe(bus, queue, BroadcastConsumer(row=row, handler=handler).receive, prefetch=PREFETCH)


@dataclass(frozen=True, kw_only=True, slots=True)
class BroadcastConsumer:
    """One message type that is broadcast."""

    row: Row
    handler: Callable[[Any, Envelope], Awaitable[None]]

    async def receive(self, message: AbstractIncomingMessage) -> None:
        """Hand over and acknowledge, whatever comes of it: the inboxes and the log are where nothing is lost."""
        try:
            event, envelope = decode(wire_of(message), self.row, received=datetime.now(tz=UTC))
            await self.handler(event, envelope)
        except Exception as error:
            log.warning("broadcast %s failed: %r", self.row.routing_key, error, exc_info=error)
        try:
            await message.ack()
        except (*AWAY, MessageProcessError) as error:
            log.debug("broadcast %s comes again: %r", self.row.routing_key, error)
