import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest
from truscore.bus import (
    Bus,
    BusUnavailable,
    Envelope,
    OutgoingEvent,
    RetryPolicy,
    canary,
    connect,
    consume,
    publisher,
    replay_log,
    topology,
)
from truscore.bus.connection import Connection
from truscore.events.v1.control_pb2 import RunCancel
from truscore.events.v1.training_pb2 import TrainingProgressed

from tests.connected.bus.event_recorder import EventRecorder, until
from tests.connected.bus.service_process import line, service_process
from tests.connected.cut_off import CutOff

pytestmark = pytest.mark.connected
MakeBus = Callable[..., Bus]
EVENTS = 1500


async def test_nothing_is_lost_when_the_broker_is_killed_with_messages_in_flight(
    make_bus: MakeBus, private_broker: Any
) -> None:
    """Events being said, being handled, waiting for a retry and being replayed: all of them, and the log in order."""

    async def fail_at_first(_: RunCancel, envelope: Envelope) -> None:
        if envelope.delivery == 1:
            raise ConnectionError("at first")

    trainer, monitor, recorder, log = (
        make_bus("trainer"),
        make_bus("monitor"),
        EventRecorder(fail_at_first),
        EventRecorder(),
    )
    consume(trainer, RunCancel, recorder, service="trainer", policy=RetryPolicy(delays_s=(0.5,)))
    reader = replay_log(monitor, log, service="monitor")
    bird = canary(trainer, service="trainer", every_s=0.5)
    for bus in (trainer, monitor):
        await bus.start()
    await asyncio.to_thread(private_broker.settle)
    say = publisher(trainer, service="trainer", deadline_s=120)
    events = [
        OutgoingEvent(event=RunCancel(run_id=f"r{n}"), subject=f"r{n}")
        if n % 3 == 0
        else OutgoingEvent(event=TrainingProgressed(run_id="r", step=n), subject="r", sequence=n)
        for n in range(EVENTS)
    ]
    publishing = asyncio.create_task(say.publish_many(events))
    await recorder.first(20)
    await asyncio.to_thread(private_broker.kill)
    assert not publishing.done()
    await asyncio.to_thread(private_broker.start)
    async with asyncio.timeout(60):
        await publishing

    async def all_received() -> bool:
        done = {event.run_id for event, envelope in recorder.received if envelope.delivery > 1}
        return done == {f"r{n}" for n in range(0, EVENTS, 3)}

    await until(all_received, 60)
    assert len(await log.ids(EVENTS)) == EVENTS
    assert reader.last_offset is not None

    async def alive() -> bool:
        return bird.alive(5)

    await until(alive)


async def test_while_the_broker_is_away_services_wait_and_publishers_wait_as_long_as_they_may(
    make_bus: MakeBus, private_broker: Any, url: str
) -> None:
    bus = make_bus("cli")
    await bus.start()
    await asyncio.to_thread(private_broker.stop)
    hasty = publisher(bus, service="cli", deadline_s=0.5)
    with pytest.raises(BusUnavailable, match=r"has not confirmed run\.cancel .* within 0\.5 s"):
        await hasty.publish(RunCancel(run_id="r1"), subject="r1")
    patient = asyncio.create_task(
        publisher(bus, service="cli", deadline_s=120).publish(RunCancel(run_id="r2"), subject="r2")
    )
    async with service_process(url) as process:
        assert await line(process) == "enter health"
        await asyncio.to_thread(private_broker.start)
        async with asyncio.timeout(60):
            await patient
        published = [await line(process) for _ in range(3)]
        assert sorted(published) == ["done r2", "enter work", "took r2"]
        process.send_signal(signal.SIGTERM)
        assert [await line(process) for _ in range(3)] == ["drain", "leave work", "leave health"]
        assert await process.wait() == 0


async def test_a_queue_that_comes_back_later_than_its_broker_is_waited_for(
    make_bus: MakeBus, private_broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await make_bus("cli").start()
    log_queue = f'Name = rabbit_misc:r(<<"{private_broker.vhost}">>, queue, <<"{topology.LOG}">>), '
    # The table of queues that are up; what is durable lies in another.
    await asyncio.to_thread(private_broker.node.control, "eval", log_queue + "mnesia:dirty_delete(rabbit_queue, Name).")
    with pytest.raises(BusUnavailable, match=r"queue 'truscore\.log' has not come back yet: .* down or inaccessible"):
        await make_bus("cli", retry_for_s=1).start()
    starting = asyncio.create_task(make_bus("cli", retry_for_s=120).start())

    async def tried_twice() -> bool:
        return caplog.text.count("has not come back yet") >= 3

    await until(tried_twice, 60)
    assert not starting.done()
    back = "[Queue] = mnesia:dirty_read(rabbit_durable_queue, Name), mnesia:dirty_write(rabbit_queue, Queue)."
    await asyncio.to_thread(private_broker.node.control, "eval", log_queue + back)
    async with asyncio.timeout(60):
        await starting


async def test_a_broker_that_falls_silent_or_goes_while_all_is_restored_is_connected_to_again(
    private_broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the handshake and the last consumer, and while a consumer is brought back that the broker cancelled."""
    monkeypatch.setattr(Connection, "RESTORE_TIMEOUT_S", 2)
    broker = CutOff(str(private_broker.amqp_url))
    bus = connect(await broker.begin(), service="trainer", instance="i0")
    consume(bus, RunCancel, EventRecorder(), service="trainer")
    await bus.start()
    say = publisher(bus, service="trainer", deadline_s=60)

    expected = 0

    async def consumes_again() -> bool:
        # On a connection after those that end. The bus says "consumed" once it has asked, the broker a bit later.
        has_ended = not broker.ends + broker.falls_silent and broker.made >= expected
        return has_ended and broker.consumers() > 0 and not await bus.deaf()

    try:
        for fault in ("silent", "closed", "closed later", "cancelled"):
            expected = broker.made + (1 if fault == "cancelled" else 2)
            if fault == "cancelled":
                assert broker.cancel_consumers() > 0
                broker.cut(after=2)
            else:
                broker.falls_silent = [6] if fault == "silent" else []
                broker.ends = {"closed": [6], "closed later": [40]}.get(fault, [])
                broker.cut()
            await say.publish(RunCancel(run_id=fault), subject=fault)
            await until(consumes_again, 60)
    finally:
        await bus.stop()
        await broker.end()
