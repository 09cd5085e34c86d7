"""The monitor as a process, and a publisher and client of it, for tests."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from truscore.api.v1.monitor_pb2_grpc import MonitorServiceStub
from truscore.bus import connect, publisher

from deploy.local.servers.ports import free_ports
from tests.connected.answers import service_process
from tests.unit.monitor.event_sequences import PublishedEvent

START_S = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class MonitorProcess:
    process: subprocess.Popen[bytes]
    grpc_port: int
    metrics_port: int

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        """The API, once the process answers."""
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.grpc_port}") as channel:
            await asyncio.wait_for(channel.channel_ready(), START_S)
            yield MonitorServiceStub(channel)


@contextmanager
def monitor_process(amqp_url: str, **more: str) -> Iterator[MonitorProcess]:
    """`python -m services.monitor` until the end of the block; it has to end by itself and with code 0."""
    grpc_port, metrics_port = free_ports(2)
    given = {
        "TRUSCORE_AMQP_URL": amqp_url,
        "TRUSCORE_MONITOR_GRPC_PORT": str(grpc_port),
        "TRUSCORE_MONITOR_METRICS_PORT": str(metrics_port),
        "TRUSCORE_MONITOR_ALERT_INTERVAL_S": "0.2",
    }
    with service_process("services.monitor", given | more) as process:
        yield MonitorProcess(process=process, grpc_port=grpc_port, metrics_port=metrics_port)


async def publish(amqp_url: str, events: Iterable[PublishedEvent]) -> None:
    """Publish events on the broker, in order."""
    bus = connect(amqp_url, service="cli", instance="teller")
    await bus.start()
    try:
        outgoing = publisher(bus, service="cli")
        for number, published in enumerate(events):
            subject = getattr(published.message, "run_id", "") or "cards/1"
            await outgoing.publish(published.message, subject=subject, sequence=number)
    finally:
        await bus.stop()
