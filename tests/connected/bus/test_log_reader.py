import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.message import Message
from truscore.bus import Bus, Envelope, OutgoingEvent, Poison, Stray, publisher, replay_log
from truscore.events.v1.control_pb2 import RunCancel
from truscore.events.v1.training_pb2 import EpochCompleted

from tests.connected.bus.event_recorder import EventRecorder, publish_plainly

pytestmark = pytest.mark.connected
MakeBus = Callable[..., Bus]


async def publish_epochs(bus: Bus, epochs: range) -> None:
    await publisher(bus, service="trainer").publish_many(
        OutgoingEvent(event=EpochCompleted(run_id="r", epoch=epoch), subject="r", sequence=epoch) for epoch in epochs
    )


def epochs_of(received: list[tuple[Any, Envelope]]) -> list[int]:
    return [event.epoch for event, _ in received]


async def test_a_reader_that_comes_late_reads_everything_from_the_beginning(make_bus: MakeBus) -> None:
    early = make_bus("trainer")
    await early.start()
    await publish_epochs(early, range(1, 301))
    late, recorder = make_bus("monitor"), EventRecorder()
    reader = replay_log(late, recorder, service="monitor")
    await late.start()
    async with asyncio.timeout(30):
        await reader.caught_up.wait()
    assert epochs_of(recorder.received) == list(range(1, 301))
    await publish_epochs(early, range(301, 311))
    assert epochs_of(await recorder.first(310))[300:] == list(range(301, 311))


async def test_a_reader_that_remembers_its_offset_goes_on_from_there(make_bus: MakeBus) -> None:
    bus, offsets = make_bus("trainer"), []

    async def note(_: Message, __: Envelope, offset: int) -> None:
        offsets.append(offset)

    reader = replay_log(bus, note, service="monitor")
    await bus.start()
    await publish_epochs(bus, range(1, 21))
    async with asyncio.timeout(30):
        await reader.caught_up.wait()
    again, recorder = make_bus("monitor"), EventRecorder()
    second = replay_log(again, recorder, service="monitor", offset=10)
    await again.start()
    async with asyncio.timeout(30):
        await second.caught_up.wait()
    received = epochs_of(recorder.received)
    assert received == list(range(received[0], 21))
    assert 1 < received[0] <= 11
    assert offsets == sorted(set(offsets))


async def test_a_reader_may_start_at_a_moment(make_bus: MakeBus) -> None:
    bus, recorder = make_bus("monitor"), EventRecorder()
    reader = replay_log(bus, recorder, service="monitor", offset=datetime.now(tz=UTC) - timedelta(hours=1))
    await bus.start()
    await publish_epochs(bus, range(1, 6))
    assert epochs_of(await recorder.first(5)) == [1, 2, 3, 4, 5]
    assert reader.last_offset is not None


async def test_an_event_that_fails_is_tried_until_it_succeeds_and_keeps_its_place(make_bus: MakeBus) -> None:
    bus, failures = make_bus("monitor"), [OSError("mlflow is away"), OSError("still away")]

    async def fail_at_first(event: EpochCompleted, _: Envelope) -> None:
        if event.epoch == 2 and failures:
            raise failures.pop()

    recorder = EventRecorder(fail_at_first)
    replay_log(bus, recorder, service="monitor")
    await bus.start()
    await publish_epochs(bus, range(1, 5))
    assert epochs_of(await recorder.first(6)) == [1, 2, 2, 2, 3, 4]


async def test_poison_is_passed_over(make_bus: MakeBus) -> None:
    bus = make_bus("monitor")

    async def refuse_the_second(event: EpochCompleted, _: Envelope) -> None:
        if event.epoch == 2:
            raise Poison("no such run")

    recorder = EventRecorder(refuse_the_second)
    replay_log(bus, recorder, service="monitor")
    await bus.start()
    await publish_epochs(bus, range(1, 4))
    assert epochs_of(await recorder.first(3)) == [1, 2, 3]


async def test_what_is_no_event_in_the_log_is_reported_and_stops_nobody(make_bus: MakeBus, url: str) -> None:
    bus, recorder, strays = make_bus("monitor"), EventRecorder(), []

    async def note(stray: Stray) -> None:
        strays.append(stray)

    replay_log(bus, recorder, service="monitor", on_stray=note)
    await bus.start()
    await publish_plainly(url, "dataset.redy", RunCancel(run_id="r"))
    await publish_plainly(url, "run.cancel", b"\xff\xff")
    await publish_plainly(url, "run.cancel", RunCancel(run_id="r"))
    await recorder.first(1)
    assert [stray.routing_key for stray in strays] == ["dataset.redy", "run.cancel"]
    assert "unknown routing key 'dataset.redy'" in strays[0].reason
    assert "are no truscore.events.v1.RunCancel" in strays[1].reason


async def test_a_stray_of_the_past_is_as_old_as_the_event_before_it(make_bus: MakeBus, url: str) -> None:
    published, strays = make_bus("trainer"), []
    await published.start()
    await publish_epochs(published, range(1, 2))
    await publish_plainly(url, "dataset.redy", RunCancel(run_id="r"))
    await publish_epochs(published, range(2, 3))
    late, recorder = make_bus("monitor"), EventRecorder()

    async def note(stray: Stray) -> None:
        strays.append(stray)

    replay_log(late, recorder, service="monitor", on_stray=note)
    await late.start()
    await recorder.first(2)
    (stray,) = strays
    assert stray.at == recorder.received[0][1].time
