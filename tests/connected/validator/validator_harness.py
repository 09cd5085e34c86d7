"""The validator as a process, and somebody who orders and hears the answers, for tests."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from truscore.bus import Bus, Envelope, Publisher, connect, consume_broadcast, publisher
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetRejected, DatasetValidated
from truscore.events.v1.telemetry_pb2 import HardwareSampled
from truscore.storage import Store

from deploy.local.objects import ObjectServer
from deploy.local.ports import free_ports

REPOSITORY = Path(__file__).resolve().parents[3]
WAIT_S = 90
STOP_S = 30
HEARD = (DatasetValidated, DatasetRejected, HardwareSampled)


@contextmanager
def validator_process(
    amqp_url: str, s3: ObjectServer, bucket: str, workdir: Path, *, killed: bool = False, **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m services.dataset_validator` until the block ends; unless killed it ends with code 0."""
    grpc_port, metrics_port = free_ports(2)
    given = {
        "TRUSCORE_AMQP_URL": amqp_url,
        "TRUSCORE_S3_ENDPOINT": s3.endpoint,
        "TRUSCORE_S3_ACCESS_KEY": s3.access_key,
        "TRUSCORE_S3_SECRET_KEY": s3.secret_key,
        "TRUSCORE_BUCKET": bucket,
        "TRUSCORE_VALIDATOR_WORKDIR": str(workdir),
        "TRUSCORE_VALIDATOR_GRPC_PORT": str(grpc_port),
        "TRUSCORE_VALIDATOR_METRICS_PORT": str(metrics_port),
        "TRUSCORE_VALIDATOR_RETRY_DELAYS_S": "[0.05, 0.1]",
        "TRUSCORE_VALIDATOR_SAMPLE_S": "0.1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "services.dataset_validator"], cwd=REPOSITORY, env={**os.environ, **given, **more}
    )
    try:
        yield process
        process.terminate()
        assert process.wait(STOP_S) == (-signal.SIGKILL if killed else 0)
    finally:
        process.kill()
        process.wait(STOP_S)


class Harness:
    """Says orders and keeps what the validator answers."""

    def __init__(self, bus: Bus) -> None:
        self.answers: list[tuple[Any, Envelope]] = []
        self.samples: list[HardwareSampled] = []
        self._bus, self._news = bus, asyncio.Condition()
        self._publisher: Publisher = publisher(bus, service="upstream")

    async def note(self, event: Any, envelope: Envelope) -> None:
        async with self._news:
            if isinstance(event, HardwareSampled):
                self.samples.append(event)
            else:
                self.answers.append((event, envelope))
            self._news.notify_all()

    async def order(self, ready: DatasetReady, *, times: int = 1) -> str:
        """Publish an order; its event id."""
        subject = f"{ready.dataset_id}/{ready.version}"
        ids = [await self._publisher.publish(ready, subject=subject, sequence=ready.request_id) for _ in range(times)]
        return ids[-1]

    async def heard_working(self) -> None:
        """Returns once the validator has told of its hardware, which it does while it works."""
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: bool(self.samples))

    async def answered(self, count: int = 1) -> list[tuple[Any, Envelope]]:
        """The answers, once there are `count`."""
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: len(self.answers) >= count)
        return self.answers


@asynccontextmanager
async def harness(amqp_url: str) -> AsyncIterator[Harness]:
    bus = connect(amqp_url, service="upstream", instance="harness")
    one = Harness(bus)
    consume_broadcast(bus, HEARD, one.note, service="upstream", instance="harness")
    await bus.start()
    try:
        yield one
    finally:
        await bus.stop()


def upload(store: Store, folder: Path, uri: str) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            store.put_file(uri + path.relative_to(folder).as_posix(), path)
