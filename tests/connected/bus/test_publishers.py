"""One behaviour of both publishers, the one in memory and the one on the broker."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf.message import Message
from truscore.bus import (
    Bus,
    BusUnavailable,
    Envelope,
    MemoryPublisher,
    OutgoingEvent,
    Publisher,
    UnknownMessage,
    Unroutable,
    connect,
    publisher,
    replay_log,
)
from truscore.events.v1.control_pb2 import RunCancel
from truscore.events.v1.dataset_pb2 import DatasetReady, Finding
from truscore.events.v1.training_pb2 import TrainingProgressed
from yarl import URL

from tests.connected.bus.event_recorder import EventRecorder

pytestmark = pytest.mark.connected
MakeBus = Callable[..., Bus]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A publisher, and what has been said by it in order, once there are `count`."""

    publisher: Publisher
    published: Callable[[int], Awaitable[list[tuple[Message, Envelope]]]]


class PublisherClaims:
    """What every publisher does."""

    async def test_an_event_is_published_with_an_id_derived_from_what_it_is(self, stage: Stage) -> None:
        event = RunCancel(run_id="run-1", reason="enough")
        one = await stage.publisher.publish(event, subject="run-1", sequence="a")
        two = await stage.publisher.publish(event, subject="run-1", sequence="b")
        again = await stage.publisher.publish(event, subject="run-1", sequence="a")
        assert one == again != two
        published = await stage.published(3)
        assert [event for event, _ in published] == [event] * 3
        assert [envelope.event_id for _, envelope in published] == [one, two, one]
        assert published[0][1].source == "truscore/trainer"

    async def test_a_later_change_of_the_message_changes_nothing_that_was_published(self, stage: Stage) -> None:
        event = RunCancel(run_id="run-1")
        await stage.publisher.publish(event, subject="run-1")
        event.run_id = "run-2"
        assert (await stage.published(1))[0][0] == RunCancel(run_id="run-1")

    async def test_many_are_published_in_their_order(self, stage: Stage) -> None:
        await stage.publisher.publish_many(
            OutgoingEvent(event=TrainingProgressed(run_id="r", step=step), subject="r", sequence=step)
            for step in range(1, 601)
        )
        steps = [event.step for event, _ in await stage.published(600) if isinstance(event, TrainingProgressed)]
        assert steps == list(range(1, 601))

    async def test_saying_none_is_fine(self, stage: Stage) -> None:
        await stage.publisher.publish_many([])
        await stage.publisher.publish(RunCancel(run_id="first"), subject="first")
        [(event, _)] = await stage.published(1)
        assert event == RunCancel(run_id="first")

    async def test_what_is_no_event_of_the_contract_cannot_be_published(self, stage: Stage) -> None:
        with pytest.raises(UnknownMessage, match="Finding"):
            await stage.publisher.publish(Finding(rule="r"), subject="x")

    async def test_what_is_too_large_cannot_be_published(self, stage: Stage) -> None:
        with pytest.raises(ValueError, match="at most 1048576 are accepted"):
            await stage.publisher.publish(RunCancel(reason="x" * 2**20), subject="x")

    async def test_cause_and_correlation_go_with_the_event(self, stage: Stage) -> None:
        await stage.publisher.publish(RunCancel(run_id="r"), subject="r", correlation_id="order-1")
        [(_, cause)] = await stage.published(1)
        await stage.publisher.publish(RunCancel(run_id="r"), subject="r", sequence=1, cause=cause)
        _, (_, effect) = await stage.published(2)
        assert effect.correlation_id == "order-1"
        assert str(effect.traceparent).split("-")[1] == str(cause.traceparent).split("-")[1]


class TestInMemory(PublisherClaims):
    @pytest.fixture
    async def stage(self) -> Stage:
        memory = MemoryPublisher(service="trainer")

        async def remembered(count: int) -> list[tuple[Message, Envelope]]:
            return memory.published[:count]

        return Stage(publisher=memory, published=remembered)


class TestOnTheBroker(PublisherClaims):
    @pytest.fixture
    async def stage(self, make_bus: MakeBus) -> Stage:
        bus, recorder = make_bus("trainer"), EventRecorder()
        replay_log(bus, recorder, service="monitor")
        await bus.start()
        return Stage(publisher=publisher(bus, service="trainer"), published=recorder.first)


async def test_a_message_that_no_queue_takes_raises(make_bus: MakeBus) -> None:
    bus = make_bus("cli")
    await bus.start()
    connection = await bus.connect()
    channel = await connection.channel()
    for queue in ("truscore.log", "dataset-validator.dataset.ready"):
        await channel.queue_delete(queue)
    with pytest.raises(Unroutable, match=r"no queue takes 'dataset\.ready' from exchange 'truscore\.events'"):
        await publisher(bus, service="cli").publish(DatasetReady(dataset_id="d"), subject="d/1")


async def test_saying_on_a_bus_that_was_never_started_is_unavailable() -> None:
    bus = connect("amqp://someone:secret@localhost:1/", service="cli")
    with pytest.raises(BusUnavailable, match="amqp://someone@localhost:1/") as refusal:
        await publisher(bus, service="cli", deadline_s=0.1).publish(RunCancel(run_id="r"), subject="r")
    assert "secret" not in str(refusal.value)


async def test_a_broker_that_is_not_there_is_named_after_the_patience() -> None:
    bus = connect("amqp://someone:secret@127.0.0.1:1/", service="cli", retry_for_s=0)
    with pytest.raises(BusUnavailable, match=r"amqp://someone@127\.0\.0\.1:1/ did not answer for 0 s") as refusal:
        await bus.start()
    assert "secret" not in str(refusal.value)


async def test_a_wrong_password_is_distinguished_from_silence(url: str) -> None:
    wrong = str(URL(url).with_password("wrong"))
    with pytest.raises(BusUnavailable, match="refused us"):
        await connect(wrong, service="cli", retry_for_s=0).start()


async def test_concurrent_publishers_share_one_channel(make_bus: MakeBus) -> None:
    bus, recorder = make_bus("trainer"), EventRecorder()
    replay_log(bus, recorder, service="monitor")
    await bus.start()
    say = publisher(bus, service="trainer")
    published: list[Any] = await asyncio.gather(
        *(say.publish(RunCancel(run_id=f"r{n}"), subject=f"r{n}") for n in range(50))
    )
    assert await recorder.ids(50) == set(published)
