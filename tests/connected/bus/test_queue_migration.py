"""A queue gets other arguments while orders wait in it and more come, and none is lost, also where it is broken off."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aio_pika
import pytest
from truscore.bus import EXCHANGE, consume, declarations
from truscore.bus.declarations import declare
from truscore.bus.topology import retry_name
from truscore.events.v1.dataset_pb2 import DatasetReady

from deploy.rabbitmq import migrate_queue
from deploy.rabbitmq.migrate_queue import NotMigrated, migrate, queue_named
from tests.connected.bus.conftest import MakeBus
from tests.connected.bus.event_recorder import EventRecorder

pytestmark = pytest.mark.connected
SERVICE, NAME = "dataset-validator", "dataset-validator.dataset.ready"
WAITING, MORE = 60, 40


@pytest.fixture
async def connection(url: str) -> AsyncIterator[Any]:
    async with await aio_pika.connect(url) as connected:
        yield connected


@pytest.fixture
async def old_queue(connection: Any) -> str:
    """The inbox as an earlier release made it, with orders in it."""
    async with connection.channel() as channel:
        await declare(channel, [queue for queue in declarations.all_queues() if queue.name != NAME])
        old = await channel.declare_queue(NAME, durable=True, arguments={"x-queue-type": "quorum"})
        await old.bind(EXCHANGE, "dataset.ready")
    await publish(connection, range(WAITING))
    return NAME


async def publish(connection: Any, numbers: range) -> None:
    async with connection.channel() as channel:
        exchange = await channel.get_exchange(EXCHANGE)
        for number in numbers:
            order = DatasetReady(dataset_id=f"cards-{number}", version="1", uri="s3://b/cards/")
            message = aio_pika.Message(order.SerializeToString(), message_id=f"order-{number}", delivery_mode=2)
            await exchange.publish(message, "dataset.ready")


async def ignore(_: object) -> None:
    """Left unacknowledged."""


async def received(make_bus: MakeBus, count: int) -> set[str]:
    """What the service takes of the queue; it would not start on one with other arguments."""
    recorder, bus = EventRecorder(), make_bus(SERVICE)
    consume(bus, DatasetReady, recorder, service=SERVICE)
    await bus.start()
    return await recorder.ids(count)


async def test_orders_that_wait_and_orders_that_come_are_all_there_afterwards(
    connection: Any, old_queue: str, make_bus: MakeBus
) -> None:
    coming = asyncio.create_task(publish(connection, range(WAITING, WAITING + MORE)))
    moved = await migrate(connection, queue_named(old_queue))
    await coming
    assert moved >= WAITING
    assert await received(make_bus, WAITING + MORE) == {f"order-{number}" for number in range(WAITING + MORE)}


@pytest.mark.parametrize("broken_off_after", [10, WAITING + 10])
async def test_one_that_was_broken_off_is_gone_on_with(
    connection: Any, old_queue: str, make_bus: MakeBus, monkeypatch: pytest.MonkeyPatch, broken_off_after: int
) -> None:
    moving, moved = migrate_queue._moved, 0

    async def broken(channel: Any, message: Any, into: str) -> None:
        nonlocal moved
        moved += 1
        if moved > broken_off_after:
            raise ConnectionError("pulled the plug")
        await moving(channel, message, into)

    monkeypatch.setattr(migrate_queue, "_moved", broken)
    with pytest.raises(ConnectionError):
        await migrate(connection, queue_named(old_queue))
    monkeypatch.setattr(migrate_queue, "_moved", moving)
    await publish(connection, range(WAITING, WAITING + MORE))
    await migrate(connection, queue_named(old_queue))
    assert await received(make_bus, WAITING + MORE) == {f"order-{number}" for number in range(WAITING + MORE)}
    assert await migrate_queue._is_there(connection, f"{NAME}.migrating") is False


async def test_a_queue_that_is_consumed_is_left_alone(connection: Any, old_queue: str) -> None:
    async with connection.channel() as channel:
        queue = await channel.get_queue(old_queue)
        await queue.consume(ignore)
        with pytest.raises(NotMigrated, match="1 consumers"):
            await migrate(connection, queue_named(old_queue))


async def test_what_waits_for_another_try_is_waited_for(connection: Any, old_queue: str) -> None:
    name = retry_name(SERVICE, 30)
    async with connection.channel() as channel:
        await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
        await channel.default_exchange.publish(aio_pika.Message(b"again"), name)
    with pytest.raises(NotMigrated, match=r"1 messages wait in dataset-validator\.retry\.30000ms"):
        await migrate(connection, queue_named(old_queue))


def test_a_queue_that_nobody_has_is_refused_by_name() -> None:
    with pytest.raises(NotMigrated, match=r"'stone'.*dataset-validator\.dataset\.ready"):
        queue_named("stone")
