"""What has to exist on the broker, as data, and the one function that makes it so.

Everybody who connects declares all of it, so that an order that is published before its listener ever ran waits for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed
from aiormq.exceptions import ChannelAccessRefused

from truscore.bus import topology
from truscore.bus.consuming.retry import RetryPolicy
from truscore.bus.errors import BusUnavailable, TopologyMismatch

TIMEOUT_S: Final = 30
# What the broker answers with NOT_FOUND where there is none; it has the same code for one that is not reachable.
ABSENT: Final = ("no queue", "no exchange")


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A durable queue, and the one binding it has, if any."""

    name: str
    arguments: dict[str, Any]
    exchange: str = ""
    routing_key: str = ""
    bind_arguments: dict[str, Any] | None = None


EXCHANGES: Final = (
    (topology.EXCHANGE, "topic"),
    (topology.RETRY_EXCHANGE, "headers"),
    (topology.DEAD_EXCHANGE, "direct"),
    (topology.AUDIT, "direct"),
)
LOG_QUEUE: Final = Queue(
    name=topology.LOG, arguments=topology.log_arguments(), exchange=topology.EXCHANGE, routing_key="#"
)
# A reader's marker goes to the log alone, by an exchange that every reader may write to.
MARKERS: Final = Queue(
    name=topology.LOG, arguments=topology.log_arguments(), exchange=topology.DEAD_EXCHANGE, routing_key=topology.LOG
)
AUDIT_QUEUE: Final = Queue(
    name=topology.AUDIT, arguments=topology.audit_arguments(), exchange=topology.AUDIT, routing_key=topology.AUDIT
)


def inbox(service: str, routing_key: str, *, lease: bool) -> Queue:
    """A service's inbox for one routing key."""
    return Queue(
        name=topology.inbox_name(service, routing_key),
        arguments=topology.inbox_arguments(service, lease=lease),
        exchange=topology.EXCHANGE,
        routing_key=routing_key,
    )


def retry_and_dead_queues(service: str, policy: RetryPolicy) -> list[Queue]:
    """Where a service's failed messages wait, where they wait to end, and where they end."""
    retries = [
        Queue(
            name=name,
            arguments=topology.retry_arguments(delay_s),
            exchange=topology.RETRY_EXCHANGE,
            bind_arguments={"x-match": "all", topology.RETRY_QUEUE_HEADER: name},
        )
        for delay_s in dict.fromkeys(policy.delays_s)
        for name in [topology.retry_name(service, delay_s)]
    ]
    full = Queue(
        name=topology.waiting_name(service),
        arguments=topology.waiting_arguments(),
        exchange=topology.DEAD_EXCHANGE,
        routing_key=topology.waiting_name(service),
    )
    dead = Queue(
        name=topology.dead_name(service),
        arguments=topology.dead_arguments(),
        exchange=topology.DEAD_EXCHANGE,
        routing_key=service,
    )
    return [*retries, full, dead]


def all_queues() -> list[Queue]:
    """The log, the audit record, and every inbox of our services with its dead letters.

    Retry queues come with their listener."""
    inboxes = [inbox(listener.service, row.routing_key, lease=listener.lease) for row, listener in topology.inboxes()]
    services = dict.fromkeys(listener.service for _, listener in topology.inboxes())
    dead_queues = [retry_and_dead_queues(service, RetryPolicy(delays_s=()))[-1] for service in services]
    return [LOG_QUEUE, MARKERS, AUDIT_QUEUE, *inboxes, *dead_queues]


async def declare(channel: AbstractChannel, queues: Iterable[Queue], *, only_of: str = "") -> None:
    """Make exchanges, queues and bindings exist. With `only_of` just the queues of that user: the others have to be
    there, for its rights end there. TopologyMismatch where one has other arguments, or is not there; BusUnavailable
    where the broker knows one and cannot reach it yet."""
    at = ""
    try:
        for name, kind in EXCHANGES:
            at = f"exchange {name!r}"
            await channel.declare_exchange(name, kind, durable=True, passive=bool(only_of), timeout=TIMEOUT_S)
        for queue in queues:
            at = f"queue {queue.name!r}"
            if only_of and not owns(only_of, queue.name):
                await channel.declare_queue(queue.name, passive=True, timeout=TIMEOUT_S)
                continue
            declared = await channel.declare_queue(
                queue.name, durable=True, arguments=queue.arguments, timeout=TIMEOUT_S
            )
            if queue.exchange:
                await declared.bind(
                    queue.exchange, queue.routing_key, arguments=queue.bind_arguments, timeout=TIMEOUT_S
                )
    except ChannelPreconditionFailed as error:
        raise TopologyMismatch(f"{at} exists with other arguments; delete it once it is empty: {error}") from error
    except ChannelNotFoundEntity as error:
        if not any(absent in str(error) for absent in ABSENT):
            # "home node of durable queue is down or inaccessible": the queues of a node that restarts come back
            # one by one, some of them after it has begun to take connections.
            raise BusUnavailable(f"{at} has not come back yet: {error}") from error
        raise TopologyMismatch(
            f"{at} is not there, and {only_of!r} may not make it: import the definitions that "
            f"`python -m deploy.rabbitmq.definitions` writes: {error}"
        ) from error


def owns(user: str, queue: str) -> bool:
    """Whether a queue is named as those of this user are."""
    return queue.startswith((f"{user}.", f"canary.{user}."))


async def may_make_exchanges(connection: AbstractConnection) -> bool:
    """Whether this user may make what everybody shares. A refusal closes the channel, so it is one of its own."""
    channel = await connection.channel()
    try:
        await channel.declare_exchange(topology.EXCHANGE, "topic", durable=True, timeout=TIMEOUT_S)
    except ChannelAccessRefused:
        return False
    else:
        return True
    finally:
        await channel.close()
