from collections.abc import Callable

import aio_pika
import pytest
from truscore.bus import Bus, canary, consume, publisher
from truscore.events.v1.dataset_pb2 import DatasetReady

from tests.connected.bus.event_recorder import EventRecorder, until

pytestmark = pytest.mark.connected
MakeBus = Callable[..., Bus]
INBOX = "dataset-validator.dataset.ready"


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


async def test_a_bus_that_was_not_started_is_not_alive(make_bus: MakeBus) -> None:
    assert not canary(make_bus("monitor"), service="monitor").alive()


async def test_a_beat_that_came_back_is_life_for_as_long_as_it_is_fresh(make_bus: MakeBus) -> None:
    bus, clock = make_bus("monitor"), Clock()
    bird = canary(bus, service="monitor", every_s=3600, clock=clock)
    await bus.start()

    async def alive() -> bool:
        return bird.alive(30)

    await until(alive)
    clock.now_s += 30
    assert bird.alive(30)
    clock.now_s += 1
    assert not bird.alive(30)


async def test_an_inbox_that_was_deleted_is_made_again_and_consumed(make_bus: MakeBus, url: str) -> None:
    bus, recorder = make_bus("dataset-validator"), EventRecorder()
    consume(bus, DatasetReady, recorder, service="dataset-validator")
    await bus.start()
    async with await aio_pika.connect(url) as connection:
        await (await connection.channel()).queue_delete(INBOX)

    async def consuming() -> bool:
        return await bus.deaf() == []

    await until(consuming)
    # The deletion may not have reached us before `consuming` held: publish until it is received.
    orders = publisher(bus, service="cli")

    async def received() -> bool:
        await orders.publish(DatasetReady(dataset_id="d"), subject="d/1")
        return bool(recorder.received)

    await until(received)
    assert recorder.received[0][0] == DatasetReady(dataset_id="d")


async def test_a_service_that_cannot_consume_its_inbox_is_not_alive(make_bus: MakeBus, url: str) -> None:
    bus, clock = make_bus("dataset-validator"), Clock()
    consume(bus, DatasetReady, EventRecorder(), service="dataset-validator")
    bird = canary(bus, service="dataset-validator", every_s=3600, clock=clock)
    await bus.start()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.queue_delete(INBOX)
        # Another's queue in its place: ours can't be declared again.
        await until(lambda: _taken(connection))

        async def deaf() -> bool:
            return await bus.deaf() == [INBOX]

        await until(deaf)
        clock.now_s += 60
        await bird.sing()
        assert not bird.alive(30)


async def _taken(connection: aio_pika.abc.AbstractConnection) -> bool:
    channel = await connection.channel()
    try:
        await channel.queue_delete(INBOX)
        await channel.declare_queue(INBOX, durable=True)
    except aio_pika.exceptions.ChannelPreconditionFailed:
        return False
    return True
