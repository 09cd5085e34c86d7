"""Dead letters that are full: orders are not held up, nothing is lost, and it is counted."""

from collections.abc import Callable
from typing import Any

import aio_pika
import pytest
from prometheus_client import REGISTRY
from truscore.bus import Bus, RetryPolicy, consume, topology
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetValidated

from tests.connected.bus.event_recorder import EventRecorder, publish_plainly, until

pytestmark = pytest.mark.connected
MakeBus = Callable[..., Bus]
BOUND = 5
JUNK = 24  # more than are handled at once
FULL = "truscore_bus_heard_total"


@pytest.fixture(autouse=True)
def small_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topology, "DEAD_LETTERS_MAX", BOUND)


def parked(service: str, routing_key: str) -> float:
    labels = {"service": service, "routing_key": routing_key, "outcome": "dead_letters_full"}
    return REGISTRY.get_sample_value(FULL, labels) or 0


async def take_all(url: str, queue: str) -> list[tuple[bytes, str]]:
    """What lies there, body and kind, and is gone from there afterwards."""
    async with await aio_pika.connect(url) as connection:
        declared = await (await connection.channel()).get_queue(queue)
        taken = []
        while (message := await declared.get(fail=False)) is not None:
            taken.append((message.body, str(message.headers["truscore-dead-kind"])))
            await message.ack()
        return taken


@pytest.mark.parametrize(
    ("service", "event"),
    [
        ("dataset-validator", DatasetReady(dataset_id="cards", version="1", uri="s3://b/cards/")),
        ("trainer", DatasetValidated(dataset_id="cards", version="1")),
    ],
)
async def test_an_order_behind_junk_is_taken_and_junk_arrives_once_there_is_room(
    make_bus: MakeBus, url: str, service: str, event: Any
) -> None:
    recorder, bus = EventRecorder(), make_bus(service)
    lease = service == "trainer"
    policy = RetryPolicy(delays_s=(0.05, 0.1), room_every_s=0.1)
    consume(bus, type(event), recorder, service=service, lease=lease, policy=policy)
    await bus.start()
    routing_key = topology.row_of(event).routing_key
    counted = parked(service, routing_key)
    bodies = [b"\xff\xfe no protobuf %d" % number for number in range(JUNK)]
    for body in bodies:
        await publish_plainly(url, routing_key, body)
    await publish_plainly(url, routing_key, event)
    assert [received for received, _ in await recorder.first(1)] == [event]
    assert parked(service, routing_key) > counted

    found: list[tuple[bytes, str]] = []

    async def emptied() -> bool:
        found.extend(await take_all(url, topology.dead_name(service)))
        return len(found) >= JUNK

    await until(emptied)
    assert sorted(found) == sorted((body, "undecodable") for body in bodies)
    assert len(recorder.received) == 1
