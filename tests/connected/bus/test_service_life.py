import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from truscore.bus import Bus, connect, publisher, serve
from truscore.events.v1.control_pb2 import RunCancel

from tests.connected.bus.service_process import line, service_process
from tests.connected.bus.test_consumers import messages_in

pytestmark = pytest.mark.connected
MakeBus = Callable[..., Bus]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_the_handler_in_hand_finish_and_ends_with_zero(
    make_bus: MakeBus, url: str, number: signal.Signals
) -> None:
    bus = make_bus("cli")
    await bus.start()
    async with service_process(url) as process:
        assert [await line(process) for _ in range(2)] == ["enter health", "enter work"]
        await publisher(bus, service="cli").publish(RunCancel(run_id="r"), subject="r")
        assert await line(process) == "took r"
        process.send_signal(number)
        published = [await line(process) for _ in range(4)]
        assert published == ["drain", "leave work", "done r", "leave health"]
        assert await process.wait() == 0
    assert await messages_in(url, "trainer.run.cancel") == 0


async def test_a_service_ends_in_order_while_its_broker_never_answered() -> None:
    bus = connect("amqp://127.0.0.1:1/", service="trainer", retry_for_s=0)
    stop, entered = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def health() -> AsyncIterator[None]:
        entered.set()
        yield

    serving = asyncio.create_task(serve(bus, before=[health()], stop=stop))
    async with asyncio.timeout(20):
        await entered.wait()
        stop.set()
        assert await serving == 0
