"""Gives a queue the arguments that this release wants: `python -m deploy.rabbitmq.migrate_queue QUEUE`.

A queue's arguments can't be changed, so it is made anew, and what waits in it goes round by a second queue meanwhile.
No message is lost, whenever this ends: each is confirmed where it goes before it is acknowledged where it was, and a
second call goes on. What is published at the moment of a change may be there twice, under one event id: harmless.

The address is TRUSCORE_AMQP_URL, of a user that may do everything. Stop the consumers of the queue first, and wait
until what waits for another try has come back: the command says so where either is not done.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed
from truscore.bus import RetryPolicy, declarations
from truscore.bus.consuming.delivery import copy_of
from truscore.bus.declarations import Queue
from truscore.bus.topology import retry_name
from truscore.settings import BusSettings

AT_ONCE = 200
TIMEOUT_S = 30
SETTLE_S = 1.0  # that a message may take from its exchange to its queue


# Of all services, as long as their settings say nothing else.
RETRY_DELAYS_S = (*RetryPolicy().delays_s, 1, 5, 30, 120, 300, 600, 1800, 3600)


class NotMigrated(Exception):
    """The queue is in use, or nobody's; the message says what to do."""


def waiting_queue(queue: Queue) -> Queue:
    """Where the messages are meanwhile."""
    arguments = {"x-queue-type": "quorum", "x-overflow": "reject-publish"}
    name = f"{queue.name}.migrating"
    return Queue(name=name, arguments=arguments, exchange=queue.exchange, routing_key=queue.routing_key)


async def migrate(connection: AbstractConnection, queue: Queue) -> int:
    """How many messages were moved to the queue that has the arguments now; 0 where it had them before, too."""
    waiting = waiting_queue(queue)
    if not await _as_wanted(connection, queue):
        consumers = await _consumers(connection, queue.name)
        if consumers:
            raise NotMigrated(f"{queue.name} has {consumers} consumers: stop the instances of its service first")
        await _check_retries(connection, queue)
        async with connection.channel() as channel:
            await _bound(await _declared(channel, waiting), waiting)
            old = await channel.get_queue(queue.name)
            await old.unbind(queue.exchange, queue.routing_key, timeout=TIMEOUT_S)
        await _emptied(connection, queue.name, into=waiting.name)
        await _as_wanted(connection, queue)
    if not await _is_there(connection, waiting.name):
        return 0
    async with connection.channel() as channel:
        await (await channel.get_queue(waiting.name)).unbind(queue.exchange, queue.routing_key, timeout=TIMEOUT_S)
    return await _emptied(connection, waiting.name, into=queue.name)


async def _as_wanted(connection: AbstractConnection, queue: Queue) -> bool:
    """Have it with its arguments and its binding; False where there is one with others."""
    try:
        async with connection.channel() as channel:
            await _bound(await _declared(channel, queue), queue)
    except ChannelPreconditionFailed:
        return False
    return True


async def _declared(channel: AbstractChannel, queue: Queue) -> AbstractQueue:
    return await channel.declare_queue(queue.name, durable=True, arguments=queue.arguments, timeout=TIMEOUT_S)


async def _bound(declared: AbstractQueue, queue: Queue) -> None:
    await declared.bind(queue.exchange, queue.routing_key, timeout=TIMEOUT_S)


async def _consumers(connection: AbstractConnection, name: str) -> int:
    async with connection.channel() as channel:
        declared = await channel.declare_queue(name, passive=True, timeout=TIMEOUT_S)
        return int(declared.declaration_result.consumer_count or 0)


async def _check_retries(connection: AbstractConnection, queue: Queue) -> None:
    """What waits for another try comes back by the queue's name, also while there is no such queue."""
    service = queue.name.partition(".")[0]
    for delay_s in RETRY_DELAYS_S:
        name = retry_name(service, delay_s)
        if await _is_there(connection, name) and (waiting := await _count(connection, name)):
            raise NotMigrated(f"{waiting} messages wait in {name} for another try: call again once they came back")


async def _count(connection: AbstractConnection, name: str) -> int:
    async with connection.channel() as channel:
        declared = await channel.declare_queue(name, passive=True, timeout=TIMEOUT_S)
        return int(declared.declaration_result.message_count or 0)


async def _is_there(connection: AbstractConnection, name: str) -> bool:
    try:
        await _consumers(connection, name)
    except ChannelNotFoundEntity:
        return False
    return True


async def _emptied(connection: AbstractConnection, name: str, *, into: str) -> int:
    """Move everything, and delete the queue, which nothing leads to any more; how many messages there were."""
    moved = 0
    while True:
        found = await _all_moved(connection, name, into)
        moved += found
        if not found and await _stays_empty(connection, name):
            break
    async with connection.channel() as channel:
        # Quorum queues know no "if-empty" and no "if-unused" before RabbitMQ 4.
        await channel.queue_delete(name, timeout=TIMEOUT_S)
    return moved


async def _all_moved(connection: AbstractConnection, name: str, into: str) -> int:
    moved = 0
    async with connection.channel(publisher_confirms=True) as channel:
        source = await channel.get_queue(name)
        while batch := await _taken(source):
            await _to_the_end([_moved(channel, message, into) for message in batch])
            moved += len(batch)
    return moved


async def _to_the_end(moves: list[Coroutine[None, None, None]]) -> None:
    """Wait for all, also where one fails: what one would still write to a closed channel ends the whole connection."""
    for outcome in await asyncio.gather(*moves, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def _stays_empty(connection: AbstractConnection, name: str) -> bool:
    """Whether nothing came whose way was chosen before the queue was unbound."""
    await asyncio.sleep(SETTLE_S)
    return not await _count(connection, name)


async def _taken(source: AbstractQueue) -> list[AbstractIncomingMessage]:
    batch: list[AbstractIncomingMessage] = []
    while len(batch) < AT_ONCE and (message := await source.get(fail=False, timeout=TIMEOUT_S)) is not None:
        batch.append(message)
    return batch


async def _moved(channel: AbstractChannel, message: AbstractIncomingMessage, into: str) -> None:
    copy = copy_of(message, message.headers)
    await channel.default_exchange.publish(copy, into, mandatory=True, timeout=TIMEOUT_S)
    await message.ack()


def queue_named(name: str) -> Queue:
    """Raises NotMigrated where this release has no such inbox."""
    queues = {each.name: each for each in declarations.all_queues() if each.exchange and "." in each.name}
    inboxes = {key: each for key, each in queues.items() if each.arguments["x-queue-type"] == "quorum"}
    if name not in inboxes:
        raise NotMigrated(f"{name!r} is no queue that can be migrated; accepted are {', '.join(sorted(inboxes))}")
    return inboxes[name]


async def connected(url: str, work: Callable[[AbstractConnection], Awaitable[int]]) -> int:
    async with await aio_pika.connect(url, timeout=TIMEOUT_S) as connection:
        return await work(connection)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.rabbitmq.migrate_queue", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("queue", help="as the broker calls it, such as dataset-validator.dataset.ready")
    arguments = parser.parse_args()
    try:
        queue = queue_named(arguments.queue)
        url = BusSettings().amqp_url.get_secret_value()
        moved = asyncio.run(connected(url, lambda connection: migrate(connection, queue)))
    except (NotMigrated, OSError) as error:
        parser.error(str(error))
    sys.stdout.write(f"{arguments.queue} has the arguments of this release; {moved} messages were moved\n")


if __name__ == "__main__":
    main()
