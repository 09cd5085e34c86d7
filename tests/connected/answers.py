"""A service as a process, and what it answers on the broker, for tests."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.message import Message
from truscore.bus import Bus, Envelope, connect, consume_broadcast
from truscore.events.v1.telemetry_pb2 import HardwareSampled
from truscore.process.supervised import Started

from deploy.local.servers.objects import ObjectServer

REPOSITORY = Path(__file__).resolve().parents[2]
STOP_S = 40
LOGGED_S = 300


def broker_and_store(amqp_url: str, s3: ObjectServer, bucket: str) -> dict[str, str]:
    """The settings that every service with a store has."""
    return {
        "TRUSCORE_AMQP_URL": amqp_url,
        "TRUSCORE_S3_ENDPOINT": s3.endpoint,
        "TRUSCORE_S3_ACCESS_KEY": s3.access_key,
        "TRUSCORE_S3_SECRET_KEY": s3.secret_key,
        "TRUSCORE_BUCKET": bucket,
    }


@contextmanager
def service_process(
    module: str, environment: Mapping[str, str], *, exit_code: int = 0
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m <module>` until the block ends; SIGTERM ends it with this code. Anybody may ask it over gRPC, where
    the environment does not say otherwise."""
    given = {**os.environ, "TRUSCORE_GRPC_ANONYMOUS_ROLE": "admin", **environment}
    process = subprocess.Popen([sys.executable, "-m", module], cwd=REPOSITORY, env=given)
    try:
        yield process
        process.terminate()
        assert process.wait(STOP_S) == exit_code
    finally:
        process.kill()
        process.wait(STOP_S)


async def logged(process: Started, words: str) -> None:
    """Returns once the process has said this in its log."""
    async with asyncio.timeout(LOGGED_S):
        while words not in process.log_path.read_text():
            assert process.running, process.tail()
            await asyncio.sleep(0.1)


class AnswerRecorder:
    """Keeps what a service answers, apart from the samples of its hardware."""

    def __init__(self, bus: Bus, *, wait_s: float) -> None:
        self.answers: list[tuple[Any, Envelope]] = []
        self.samples: list[HardwareSampled] = []
        self._bus, self._wait_s = bus, wait_s
        self._changed = asyncio.Condition()

    async def record(self, event: Any, envelope: Envelope) -> None:
        async with self._changed:
            if isinstance(event, HardwareSampled):
                self.samples.append(event)
            else:
                self.answers.append((event, envelope))
            self._changed.notify_all()

    async def working(self) -> None:
        """Returns once the service has published a sample of its hardware, which it does while it works."""
        async with asyncio.timeout(self._wait_s), self._changed:
            await self._changed.wait_for(lambda: bool(self.samples))

    async def answered(self, count: int = 1) -> list[tuple[Any, Envelope]]:
        """The answers, once there are `count`."""
        async with asyncio.timeout(self._wait_s), self._changed:
            await self._changed.wait_for(lambda: len(self.answers) >= count)
        return self.answers


Recorder = TypeVar("Recorder", bound=AnswerRecorder)


@asynccontextmanager
async def recording(
    recorder: type[Recorder], amqp_url: str, answers: tuple[type[Message], ...], *, wait_s: float
) -> AsyncIterator[Recorder]:
    """A recorder of these events and of hardware samples."""
    bus = connect(amqp_url, service="upstream", instance="harness")
    one = recorder(bus, wait_s=wait_s)
    consume_broadcast(bus, [*answers, HardwareSampled], one.record, service="upstream", instance="harness")
    await bus.start()
    try:
        yield one
    finally:
        await bus.stop()
