"""The validator as a process, the orders for it and its answers, for tests."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

from truscore.bus import publisher
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetRejected, DatasetValidated
from truscore.storage import Store

from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.ports import free_ports
from tests.connected.answers import AnswerRecorder, broker_and_store, recording, service_process

WAIT_S = 90


@contextmanager
def validator_process(
    amqp_url: str, s3: ObjectServer, bucket: str, workdir: Path, *, killed: bool = False, **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m services.dataset_validator` until the block ends; unless killed it ends with code 0."""
    grpc_port, metrics_port = free_ports(2)
    environment = broker_and_store(amqp_url, s3, bucket) | {
        "TRUSCORE_VALIDATOR_WORKDIR": str(workdir),
        "TRUSCORE_VALIDATOR_GRPC_PORT": str(grpc_port),
        "TRUSCORE_VALIDATOR_METRICS_PORT": str(metrics_port),
        "TRUSCORE_VALIDATOR_RETRY_DELAYS_S": "[0.05, 0.1]",
        "TRUSCORE_VALIDATOR_SAMPLE_S": "0.1",
    }
    exit_code = -signal.SIGKILL if killed else 0
    with service_process("services.dataset_validator", environment | more, exit_code=exit_code) as process:
        yield process


class Harness(AnswerRecorder):
    """Publishes orders and keeps what the validator answers."""

    async def order(self, ready: DatasetReady, *, times: int = 1) -> str:
        """Publish an order; its event id."""
        upstream, subject = publisher(self._bus, service="upstream"), f"{ready.dataset_id}/{ready.version}"
        ids = [await upstream.publish(ready, subject=subject, sequence=ready.request_id) for _ in range(times)]
        return ids[-1]


def harness(amqp_url: str) -> AbstractAsyncContextManager[Harness]:
    return recording(Harness, amqp_url, (DatasetValidated, DatasetRejected), wait_s=WAIT_S)


def upload(store: Store, folder: Path, uri: str) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            store.put_file(uri + path.relative_to(folder).as_posix(), path)
