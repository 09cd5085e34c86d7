import asyncio
from collections.abc import Callable

import aio_pika
import pytest
from truscore.bus import (
    Bus,
    Envelope,
    HandBack,
    Poison,
    RetryPolicy,
    TopologyMismatch,
    connect,
    consume,
    consume_broadcast,
    inbox_name,
    publisher,
)
from truscore.bus.consuming.dead_letters import list_dead
from truscore.events.v1.control_pb2 import RunCancel
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetValidated

from tests.connected.bus.event_recorder import EventRecorder, publish_plainly, until

pytestmark = pytest.mark.connected
MakeBus = Callable[..., Bus]
READY = DatasetReady(dataset_id="cards", version="1", uri="s3://b/cards/")


async def messages_in(url: str, queue: str) -> int:
    """Messages that wait in the queue; those in hand don't count."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        declared = await channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0


async def test_what_is_published_is_consumed_with_its_envelope(make_bus: MakeBus) -> None:
    bus, recorder = make_bus("dataset-validator"), EventRecorder()
    consume(bus, DatasetReady, recorder, service="dataset-validator")
    await bus.start()
    published = await publisher(bus, service="studio").publish(READY, subject="cards/1", sequence="r-1")
    [(event, envelope)] = await recorder.first(1)
    assert event == READY
    assert (envelope.event_id, envelope.source, envelope.subject) == (published, "truscore/studio", "cards/1")
    assert (envelope.correlation_id, envelope.delivery) == ("cards/1", 1)


async def test_an_event_continues_trace_and_correlation_of_its_cause(make_bus: MakeBus) -> None:
    bus = make_bus("trainer")
    say = publisher(bus, service="trainer")

    async def answer(_: DatasetReady, envelope: Envelope) -> None:
        await say.publish(RunCancel(run_id="r"), subject="r", cause=envelope)

    first, second = EventRecorder(answer), EventRecorder()
    consume(bus, DatasetReady, first, service="dataset-validator")
    consume(bus, RunCancel, second, service="trainer")
    await bus.start()
    await say.publish(READY, subject="cards/1", correlation_id="order-9")
    [(_, cause)], [(_, effect)] = await first.first(1), await second.first(1)
    assert cause.traceparent is not None
    assert effect.traceparent is not None
    assert effect.traceparent.split("-")[1] == cause.traceparent.split("-")[1]
    assert effect.correlation_id == "order-9"


async def test_an_order_published_before_its_consumer_ever_ran_waits_for_it(make_bus: MakeBus) -> None:
    upstream = make_bus("cli")
    await upstream.start()
    await publisher(upstream, service="cli").publish(READY, subject="cards/1")
    await upstream.stop()
    late, recorder = make_bus("dataset-validator"), EventRecorder()
    consume(late, DatasetReady, recorder, service="dataset-validator")
    await late.start()
    assert (await recorder.first(1))[0][0] == READY


async def test_a_client_that_gives_only_a_routing_key_and_a_body_is_consumed(make_bus: MakeBus, url: str) -> None:
    bus, recorder = make_bus("dataset-validator"), EventRecorder()
    consume(bus, DatasetReady, recorder, service="dataset-validator")
    await bus.start()
    await publish_plainly(url, "dataset.ready", READY)
    await publish_plainly(url, "dataset.ready", READY, type="truscore.events.v1.DatasetReady", message_id="m-2")
    (one, _), (two, _) = await recorder.first(2)
    assert one == two == READY
    assert "m-2" in {published.event_id for _, published in recorder.received}


async def test_the_same_event_published_twice_has_one_id(make_bus: MakeBus) -> None:
    bus, recorder = make_bus("dataset-validator"), EventRecorder()
    consume(bus, DatasetReady, recorder, service="dataset-validator")
    await bus.start()
    say = publisher(bus, service="cli")
    assert await say.publish(READY, subject="cards/1", sequence=4) == await say.publish(
        READY, subject="cards/1", sequence=4
    )
    (_, one), (_, two) = await recorder.first(2)
    assert one.event_id == two.event_id


async def test_a_failing_message_is_tried_again_after_growing_delays(make_bus: MakeBus) -> None:
    bus = make_bus("dataset-validator")
    clock = asyncio.get_running_loop().time
    tried_at: list[float] = []

    async def fail_twice(_: DatasetReady, envelope: Envelope) -> None:
        tried_at.append(clock())
        if envelope.delivery < 3:
            raise ConnectionError("store is away")

    recorder = EventRecorder(fail_twice)
    consume(bus, DatasetReady, recorder, service="dataset-validator", policy=RetryPolicy(delays_s=(0.1, 0.6)))
    await bus.start()
    published = await publisher(bus, service="cli").publish(READY, subject="cards/1")
    tries = await recorder.first(3)
    assert [envelope.delivery for _, envelope in tries] == [1, 2, 3]
    assert {envelope.event_id for _, envelope in tries} == {published}
    # The broker holds a message at least as long as its time to live: lower bounds, which no slow machine breaks.
    assert tried_at[1] - tried_at[0] >= 0.1
    assert tried_at[2] - tried_at[1] >= 0.6


async def test_a_message_is_not_lost_when_its_retry_queue_is_gone(make_bus: MakeBus, url: str) -> None:
    bus = make_bus("dataset-validator")

    async def fail_once(_: DatasetReady, envelope: Envelope) -> None:
        if envelope.delivery == 1:
            raise RuntimeError("once")

    recorder = EventRecorder(fail_once)
    consume(bus, DatasetReady, recorder, service="dataset-validator", policy=RetryPolicy(delays_s=(0.05,)))
    await bus.start()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.queue_delete("dataset-validator.retry.50ms")
    await publisher(bus, service="cli").publish(READY, subject="cards/1")
    assert [envelope.delivery for _, envelope in await recorder.first(2)] == [1, 2]


async def test_a_message_handed_back_while_draining_goes_to_another_consumer(make_bus: MakeBus) -> None:
    leaving, staying = make_bus("trainer"), make_bus("trainer")
    taken, draining = asyncio.Event(), asyncio.Event()

    async def hand_back(_: DatasetValidated, __: Envelope) -> None:
        taken.set()
        await draining.wait()
        raise HandBack

    recorder = EventRecorder()
    consume(leaving, DatasetValidated, hand_back, service="trainer", lease=True)
    consume(staying, DatasetValidated, recorder, service="trainer", lease=True)
    await leaving.start()
    await publisher(leaving, service="dataset-validator").publish(DatasetValidated(dataset_id="d"), subject="d/1")
    async with asyncio.timeout(20):
        await taken.wait()
    await staying.start()
    await leaving.hush()
    draining.set()
    [(_, envelope)] = await recorder.first(1)
    assert envelope.delivery == 2


async def test_a_message_handed_back_for_ever_ends_among_the_dead_letters(make_bus: MakeBus, url: str) -> None:
    bus = make_bus("dataset-validator")

    async def never(_: DatasetReady, __: Envelope) -> None:
        raise HandBack

    consume(bus, DatasetReady, never, service="dataset-validator")
    await bus.start()
    await publisher(bus, service="cli").publish(READY, subject="cards/1")

    async def is_dead() -> bool:
        return await messages_in(url, "dataset-validator.dead") == 1

    await until(is_dead)
    [letter] = await list_dead(url, "dataset-validator")
    assert (letter.kind, letter.inbox) == ("delivery_limit", "dataset-validator.dataset.ready")


async def test_a_lease_is_one_message_at_a_time(make_bus: MakeBus, url: str) -> None:
    bus, release = make_bus("trainer"), asyncio.Event()

    async def work(_: DatasetValidated, __: Envelope) -> None:
        await release.wait()

    recorder = EventRecorder(work)
    consume(bus, DatasetValidated, recorder, service="trainer", lease=True)
    await bus.start()
    say = publisher(bus, service="dataset-validator")
    for number in range(2):
        await say.publish(DatasetValidated(dataset_id="d"), subject="d/1", sequence=number)
    await recorder.first(1)
    assert await messages_in(url, "trainer.dataset.validated") == 1
    assert len(recorder.received) == 1
    release.set()
    assert len(await recorder.first(2)) == 2


async def test_stopping_waits_for_the_handlers_in_hand(make_bus: MakeBus, url: str) -> None:
    bus, taken = make_bus("dataset-validator"), asyncio.Event()
    done: list[str] = []

    async def work(event: DatasetReady, _: Envelope) -> None:
        taken.set()
        await asyncio.sleep(0.2)
        done.append(event.dataset_id)

    consume(bus, DatasetReady, work, service="dataset-validator")
    await bus.start()
    await publisher(bus, service="cli").publish(READY, subject="cards/1")
    async with asyncio.timeout(20):
        await taken.wait()
    await bus.stop()
    assert done == ["cards"]
    assert await messages_in(url, "dataset-validator.dataset.ready") == 0


async def test_a_handler_in_hand_outlives_its_connection_and_the_message_comes_again(make_bus: MakeBus) -> None:
    bus, release = make_bus("trainer"), asyncio.Event()
    ended: list[str] = []

    async def work(_: DatasetValidated, envelope: Envelope) -> None:
        try:
            await release.wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        ended.append(f"done {envelope.delivery}")

    recorder = EventRecorder(work)
    consume(bus, DatasetValidated, recorder, service="trainer", lease=True)
    await bus.start()
    await publisher(bus, service="dataset-validator").publish(DatasetValidated(dataset_id="d"), subject="d/1")
    await recorder.first(1)
    await (await bus.connect()).reconnect()
    await recorder.first(2)
    assert ended == []
    release.set()
    await bus.stop()
    assert ended == ["done 1", "done 2"]


async def test_a_handler_that_outlasts_the_graceful_timeout_is_cancelled_and_its_message_goes_back(
    make_bus: MakeBus, url: str
) -> None:
    bus = make_bus("dataset-validator", graceful_timeout_s=0.1)
    ended: list[str] = []

    async def work(_: DatasetReady, __: Envelope) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    recorder = EventRecorder(work)
    consume(bus, DatasetReady, recorder, service="dataset-validator")
    await bus.start()
    await publisher(bus, service="cli").publish(READY, subject="cards/1")
    await recorder.first(1)
    await bus.stop()
    assert ended == ["cancelled"]
    assert await messages_in(url, "dataset-validator.dataset.ready") == 1


async def test_every_instance_receives_as_a_broadcast_what_its_inbox_takes_once(make_bus: MakeBus) -> None:
    one, two, inbox = EventRecorder(), EventRecorder(), EventRecorder()
    for recorder in (one, two):
        bus = make_bus("trainer")
        consume(bus, RunCancel, inbox, service="trainer")
        consume_broadcast(bus, [RunCancel], recorder, service="trainer")
        await bus.start()
    await publisher(bus, service="cli").publish(RunCancel(run_id="run-1"), subject="run-1")
    assert (await one.first(1))[0][0] == (await two.first(1))[0][0] == (await inbox.first(1))[0][0]
    assert len(inbox.received) == 1


async def test_what_a_broadcast_handler_fails_on_is_not_tried_again(make_bus: MakeBus) -> None:
    bus = make_bus("trainer")

    async def fail(event: RunCancel, _: Envelope) -> None:
        if event.run_id == "bad":
            raise Poison("bad")

    recorder = EventRecorder(fail)
    consume_broadcast(bus, [RunCancel], recorder, service="trainer")
    await bus.start()
    say = publisher(bus, service="cli")
    await say.publish(RunCancel(run_id="bad"), subject="bad")
    await say.publish(RunCancel(run_id="good"), subject="good")
    assert [event.run_id for event, _ in await recorder.first(2)] == ["bad", "good"]


def test_a_lease_that_the_topology_does_not_list_is_refused() -> None:
    bus = connect("amqp://localhost", service="trainer")
    with pytest.raises(ValueError, match=r"lists trainer for dataset\.validated with lease=True"):
        consume(bus, DatasetValidated, EventRecorder(), service="trainer")


async def test_a_queue_with_other_arguments_is_named(make_bus: MakeBus, url: str) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.declare_queue(inbox_name("exporter", "training.completed"), durable=True)
    with pytest.raises(TopologyMismatch, match=r"queue 'exporter\.training\.completed' exists with other arguments"):
        await make_bus("exporter").start()
