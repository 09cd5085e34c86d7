"""`truscore submit --watch` of an order whose run is over: the monitor as a process, on a real broker."""

import asyncio
import json
from datetime import datetime

import pytest
from google.protobuf.message import Message
from truscore.bus import Envelope, connect, consume_broadcast, publisher
from truscore.events.v1.control_pb2 import RunCancel
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetValidated
from truscore.events.v1.order_pb2 import ORDER_STATE_CANCELLED, ORDER_STATE_COMPLETED, OrderAttached

from tests.connected.bus.event_recorder import EventRecorder
from tests.connected.cli.test_truscore_command import truscore
from tests.connected.monitor.monitor_harness import monitor_process, publish
from tests.unit.monitor import event_sequences
from tests.unit.monitor.event_sequences import RUN

pytestmark = pytest.mark.connected


class Services:
    """Answers each order as validator, trainer and exporter do where the run is over."""

    def __init__(self, amqp_url: str, ends: list[Message], state: int) -> None:
        self.bus = connect(amqp_url, service="trainer", instance="script")
        self._publisher = publisher(self.bus, service="trainer")
        self._ends, self._state = ends, state
        consume_broadcast(self.bus, (DatasetReady,), self._answer, service="trainer", instance="script")

    async def _answer(self, ready: DatasetReady, envelope: Envelope) -> None:
        named = {"dataset_id": ready.dataset_id, "version": ready.version, "order_event_id": envelope.event_id}
        subject = f"{ready.dataset_id}/{ready.version}"
        validated = DatasetValidated(**named, category=ready.category, option=ready.option, dataset_digest="d" * 64)
        await self._publisher.publish(validated, subject=subject, sequence=envelope.event_id)
        attached = OrderAttached(**named, run_id=RUN, state=self._state)
        await self._publisher.publish(attached, subject=RUN, sequence=envelope.event_id)
        for end in self._ends:
            await self._publisher.publish(end, subject=RUN, time=datetime.fromisoformat("2027-01-15T08:06:40+00:00"))


@pytest.mark.parametrize(
    ("ends", "state", "shown", "code"),
    [
        (
            [event_sequences.completed().message, event_sequences.exported().message],
            ORDER_STATE_COMPLETED,
            "EXPORTED",
            0,
        ),
        ([event_sequences.cancelled().message], ORDER_STATE_CANCELLED, "CANCELLED", 6),
    ],
    ids=["exported", "cancelled"],
)
async def test_submit_watch_of_a_repeated_order_shows_the_run_and_ends_with_its_end(
    amqp_url: str, ends: list[Message], state: int, shown: str, code: int
) -> None:
    events = (
        event_sequences.whole_run()
        if code == 0
        else [event_sequences.ready(), event_sequences.started(), event_sequences.cancelled()]
    )
    await publish(amqp_url, events)
    services = Services(amqp_url, ends, state)
    await services.bus.start()
    try:
        with monitor_process(amqp_url) as monitor:
            async with monitor.client():
                environment = {
                    "TRUSCORE_AMQP_URL": amqp_url,
                    "TRUSCORE_MONITOR_ADDRESS": f"127.0.0.1:{monitor.grpc_port}",
                }
                order = ("submit", "s3://bucket/other/", "-c", "border_detection", "-o", "dual_class", "--version", "7")
                for _ in range(2):  # the first time somebody orders it, and the hundredth
                    done = await asyncio.to_thread(truscore, environment, *order, "--watch", "--json")
                    assert done.returncode == code, done.stderr
                    last = json.loads(done.stdout.splitlines()[-1])
                    assert (last["run_id"], last["state"], last["dataset_id"]) == (RUN, shown, "cards")
    finally:
        await services.bus.stop()


async def test_a_cancel_of_an_unknown_run_is_refused_and_reaches_nobody(amqp_url: str) -> None:
    listener, bus = EventRecorder(), connect(amqp_url, service="trainer", instance="ear")
    consume_broadcast(bus, (RunCancel,), listener, service="trainer", instance="ear")
    await bus.start()
    try:
        await publish(amqp_url, [event_sequences.ready(), event_sequences.started()])
        with monitor_process(amqp_url) as monitor:
            async with monitor.client():
                environment = {
                    "TRUSCORE_AMQP_URL": amqp_url,
                    "TRUSCORE_MONITOR_ADDRESS": f"127.0.0.1:{monitor.grpc_port}",
                }
                unknown = await asyncio.to_thread(truscore, environment, "cancel", "run-nobody")
                known = await asyncio.to_thread(truscore, environment, "cancel", RUN)
                ((first, _),) = await listener.first(1)
    finally:
        await bus.stop()
    assert (unknown.returncode, known.returncode) == (4, 0)
    assert "run 'run-nobody' is not known" in unknown.stderr
    assert first.run_id == RUN
