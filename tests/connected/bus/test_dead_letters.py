from collections.abc import Callable
from typing import Any

import pytest
from truscore.bus import (
    Bus,
    Envelope,
    Poison,
    RetryPolicy,
    UnknownMessage,
    Unroutable,
    consume,
    publisher,
)
from truscore.bus.consuming.dead_letters import DeadLetter, NoSuchLetter, list_dead, replay_dead, show_dead
from truscore.events.v1.control_pb2 import RunCancel
from truscore.events.v1.dataset_pb2 import DatasetReady

from tests.connected.bus.event_recorder import EventRecorder, publish_plainly, until

pytestmark = pytest.mark.connected
MakeBus = Callable[..., Bus]
SERVICE = "dataset-validator"
READY = DatasetReady(dataset_id="cards", version="1", uri="s3://b/cards/")


async def fail(_: Any, __: Envelope) -> None:
    raise ConnectionError("the store said 503")


async def poison(_: Any, __: Envelope) -> None:
    raise Poison("the version is taken by other content")


async def letters(url: str, count: int) -> list[DeadLetter]:
    found: list[DeadLetter] = []

    async def enough() -> bool:
        found[:] = await list_dead(url, SERVICE)
        return len(found) >= count

    await until(enough)
    return found


async def start_with(make_bus: MakeBus, handler: Any, policy: RetryPolicy | None = None) -> Bus:
    bus = make_bus(SERVICE)
    consume(bus, DatasetReady, handler, service=SERVICE, policy=policy)
    await bus.start()
    return bus


async def test_a_message_that_failed_every_time_says_why_what_and_where(make_bus: MakeBus, url: str) -> None:
    recorder = EventRecorder(fail)
    bus = await start_with(make_bus, recorder, RetryPolicy(delays_s=(0.05, 0.1)))
    published = await publisher(bus, service="cli").publish(READY, subject="cards/1")
    [letter] = await letters(url, 1)
    assert len(recorder.received) == 3
    assert (letter.kind, letter.reason) == ("failed", "ConnectionError: the store said 503")
    assert letter.exception == "builtins.ConnectionError"
    assert "in fail\n    raise ConnectionError" in letter.traceback
    assert (letter.deliveries, letter.inbox) == (3, "dataset-validator.dataset.ready")
    assert (letter.event_id, letter.type) == (published, "truscore.events.v1.DatasetReady")
    assert letter.traceparent == recorder.received[0][1].traceparent
    assert '"dataset_id": "cards"' in letter.content


async def test_poison_is_not_tried_again(make_bus: MakeBus, url: str) -> None:
    recorder = EventRecorder(poison)
    bus = await start_with(make_bus, recorder)
    await publisher(bus, service="cli").publish(READY, subject="cards/1")
    [letter] = await letters(url, 1)
    assert (letter.kind, letter.reason) == ("poison", "the version is taken by other content")
    assert len(recorder.received) == 1


@pytest.mark.parametrize(
    ("body", "properties", "reason"),
    [
        (b"\xff\xfe not protobuf", {}, "bytes of the body are no truscore.events.v1.DatasetReady"),
        (READY, {"type": "truscore.events.v1.Nonsense"}, "wrong type: type is 'truscore.events.v1.Nonsense'"),
        (RunCancel(run_id="r"), {"type": "truscore.events.v1.RunCancel"}, "'dataset.ready' carries"),
        (READY, {"content_type": "application/json"}, "content_type is 'application/json'"),
        (b"", {}, "set no field"),
    ],
    ids=["bytes", "unknown-type", "other-type", "content-type", "empty"],
)
async def test_what_is_no_event_is_dead_lettered_at_once_with_the_reason(
    make_bus: MakeBus, url: str, body: Any, properties: dict[str, Any], reason: str
) -> None:
    recorder = EventRecorder()
    await start_with(make_bus, recorder)
    await publish_plainly(url, "dataset.ready", body, **properties)
    [letter] = await letters(url, 1)
    assert letter.kind == "undecodable"
    assert reason in letter.reason
    assert recorder.received == []


async def test_looking_at_letters_leaves_them_where_they_are(make_bus: MakeBus, url: str) -> None:
    bus = await start_with(make_bus, poison)
    say = publisher(bus, service="cli")
    for number in range(3):
        await say.publish(READY, subject="cards/1", sequence=number)
    looked = [{letter.letter_id for letter in await letters(url, 3)} for _ in range(25)]
    assert all(found == looked[0] for found in looked)
    assert len(looked[0]) == 3
    one = looked[0].pop()
    assert (await show_dead(url, SERVICE, one)).letter_id == one


async def test_replayed_letters_come_home_with_all_their_retries_before_them(make_bus: MakeBus, url: str) -> None:
    bus = await start_with(make_bus, fail, RetryPolicy(delays_s=(0.05,)))
    published = await publisher(bus, service="cli").publish(READY, subject="cards/1")
    await letters(url, 1)
    await bus.stop()
    mended = EventRecorder()
    await start_with(make_bus, mended)
    replayed = await replay_dead(url, SERVICE)
    [(event, envelope)] = await mended.first(1)
    assert [letter.event_id for letter in replayed] == [published]
    assert (event, envelope.event_id, envelope.delivery) == (READY, published, 1)
    assert await list_dead(url, SERVICE) == []


async def test_only_the_letters_that_are_named_are_replayed(make_bus: MakeBus, url: str) -> None:
    bus = await start_with(make_bus, poison)
    say = publisher(bus, service="cli")
    for number in range(3):
        await say.publish(READY, subject="cards/1", sequence=number)
    chosen, *others = await letters(url, 3)
    await bus.stop()
    mended = EventRecorder()
    await start_with(make_bus, mended)
    await replay_dead(url, SERVICE, [chosen.letter_id])
    assert (await mended.first(1))[0][1].event_id == chosen.event_id
    left = {letter.letter_id for letter in await letters(url, 2)}
    assert left == {letter.letter_id for letter in others}


async def test_a_letter_or_service_that_is_not_there_is_named(make_bus: MakeBus, url: str) -> None:
    await make_bus("cli").start()
    with pytest.raises(NoSuchLetter, match="feed"):
        await replay_dead(url, SERVICE, ["feed"])
    with pytest.raises(NoSuchLetter, match="beef"):
        await show_dead(url, SERVICE, "beef")
    with pytest.raises(UnknownMessage, match=r"'nobody' has no dead letters' queue; .*dataset-validator, trainer"):
        await list_dead(url, "nobody")


async def test_a_letter_stays_when_its_inbox_is_gone(make_bus: MakeBus, url: str) -> None:
    bus = await start_with(make_bus, poison)
    await publisher(bus, service="cli").publish(READY, subject="cards/1")
    await letters(url, 1)
    await bus.stop()
    connection = await make_bus("cli").connect()
    await (await connection.channel()).queue_delete("dataset-validator.dataset.ready")
    with pytest.raises(Unroutable, match=r"no queue takes 'dataset-validator\.dataset\.ready'"):
        await replay_dead(url, SERVICE)
    assert len(await list_dead(url, SERVICE)) == 1
