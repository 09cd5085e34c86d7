"""How many messages wait in our queues, and how many consumers each has. Looking declares and takes nothing."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import aio_pika
from aio_pika.exceptions import AMQPError, ChannelClosed

from truscore.bus.broker import AWAY
from truscore.bus.errors import BusUnavailable
from truscore.bus.topology import dead_name, inbox_name, inboxes

DEADLINE_S: Final = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueCount:
    """`messages` wait to be delivered; those that a consumer has in hand are not among them."""

    messages: int
    consumers: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """A queue of ours: a service's inbox, or its dead letters. A lease may wait for days and nothing is wrong."""

    name: str
    service: str
    is_dead: bool = False
    is_lease: bool = False


def watched_queues() -> tuple[Watched, ...]:
    """Every inbox, then the dead letters of every service that has one."""
    found = [
        Watched(name=inbox_name(listener.service, row.routing_key), service=listener.service, is_lease=listener.lease)
        for row, listener in inboxes()
    ]
    services = sorted({each.service for each in found})
    return (*found, *(Watched(name=dead_name(service), service=service, is_dead=True) for service in services))


async def count_queues(amqp_url: str, names: Iterable[str]) -> Mapping[str, QueueCount]:
    """The counts of now, by name; what is not there is absent. BusUnavailable where the broker does not answer.

    On a connection of its own, which ends with the look: asking for a queue that is missing closes the channel.
    """
    try:
        async with asyncio.timeout(DEADLINE_S), await aio_pika.connect(amqp_url) as connection:
            found = {}
            channel = await connection.channel()
            for name in names:
                try:
                    declared = (await channel.declare_queue(name, passive=True)).declaration_result
                except ChannelClosed:
                    channel = await connection.channel()
                    continue
                messages, consumers = declared.message_count or 0, declared.consumer_count or 0
                found[name] = QueueCount(messages=messages, consumers=consumers)
            return found
    except (AMQPError, *AWAY) as error:
        raise BusUnavailable(f"queues not counted: {error!r}") from error
