"""What others on the broker can do to a service: floods of junk, messages that are too large."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import aio_pika
import pytest
from truscore.bus import EXCHANGE, Bus, consume, dead_name
from truscore.bus.consuming.log_bound import MOST_LINES
from truscore.events.v1.dataset_pb2 import DatasetReady

from tests.connected.bus.event_recorder import EventRecorder, publish_plainly, until

pytestmark = pytest.mark.connected
MakeBus = Callable[..., Bus]
SERVICE = "dataset-validator"
READY = DatasetReady(dataset_id="cards", version="1", uri="s3://b/cards/")
JUNK = b"\xff\xfe no protobuf"
FLOOD = 1000


@pytest.fixture
async def neighbour(url: str) -> AsyncIterator[Any]:
    """The exchange, as somebody with our library nowhere has it."""
    async with await aio_pika.connect(url) as connection:
        yield await (await connection.channel()).get_exchange(EXCHANGE)


@pytest.fixture
async def recorder(make_bus: MakeBus) -> EventRecorder:
    recorder, bus = EventRecorder(), make_bus(SERVICE)
    consume(bus, DatasetReady, recorder, service=SERVICE)
    await bus.start()
    return recorder


async def flood(neighbour: Any, count: int) -> None:
    for _ in range(count):
        await neighbour.publish(aio_pika.Message(JUNK, delivery_mode=2), "dataset.ready")


async def count_of(url: str, queue: str) -> int:
    async with await aio_pika.connect(url) as connection:
        declared = await (await connection.channel()).declare_queue(queue, passive=True)
        return int(declared.declaration_result.message_count or 0)


async def test_an_order_behind_a_flood_of_junk_is_taken_and_each_piece_of_junk_is_a_dead_letter(
    recorder: EventRecorder, neighbour: Any, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await flood(neighbour, FLOOD)
    await publish_plainly(url, "dataset.ready", READY)
    [(event, _)] = await recorder.first(1)
    assert event == READY

    async def all_there() -> bool:
        return await count_of(url, dead_name(SERVICE)) == FLOOD

    await until(all_there)
    # Nobody reads a thousand lines of the same; each letter says why it is one.
    lines = [record for record in caplog.records if "dead letter" in record.getMessage()]
    assert 0 < len(lines) <= 2 * MOST_LINES  # one window, or the end of one and the next


async def test_a_message_that_is_larger_than_the_broker_takes_ends_its_senders_channel_and_reaches_nobody(
    recorder: EventRecorder, url: str, neighbour: Any
) -> None:
    with pytest.raises(aio_pika.exceptions.ChannelPreconditionFailed, match="message size"):
        await neighbour.publish(aio_pika.Message(b"x" * (2 << 20)), "dataset.ready")
    await publish_plainly(url, "dataset.ready", READY)
    assert len(await recorder.first(1)) == 1
