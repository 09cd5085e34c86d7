"""Each service on a disk of its own that fills up: a clear answer, nothing half-written, and the next order works."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetValidated
from truscore.events.v1.model_pb2 import ExportFailed, ExportOrdered, ModelExported
from truscore.events.v1.training_pb2 import TrainingCompleted, TrainingFailed
from truscore.process.supervised import Started, start_process
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from tests.conftest import PrivateBroker
from tests.connected.answers import logged
from tests.connected.trainer.trainer_harness import (
    REPOSITORY,
    EventListener,
    event_listener,
    service_environment,
    small_training,
    upload_cards,
    weights_left_alone,
)
from tests.small_disk import SmallDisk, small_disk, why_no_small_disks

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]
DISK_BYTES = 512 << 20
SERVICES = {"dataset_validator": "VALIDATOR", "trainer": "TRAINER", "exporter": "EXPORTER"}


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[dict[str, SmallDisk]]:
    """The work folder of each service. Mounted in this process's namespace, which `make chaos` gives it."""
    if refused := why_no_small_disks():
        pytest.skip(refused)
    with ExitStack() as mounted:
        yield {name: mounted.enter_context(small_disk(tmp_path / name, DISK_BYTES)) for name in SERVICES}


@pytest.fixture
def services(
    disks: dict[str, SmallDisk], private_broker: PrivateBroker, s3: ObjectServer, bucket: str, tmp_path: Path
) -> Iterator[dict[str, Started]]:
    environment = service_environment(private_broker.amqp_url, s3, bucket) | {
        "TRUSCORE_TRAINER_MIN_FREE_BYTES": "0",
        "TRUSCORE_TRAINER_RESTART_PAUSE_S": "0.1",
        "TRUSCORE_TRAINER_PROFILE": "small",
    }
    with ExitStack() as running:
        started = {}
        for package, prefix in SERVICES.items():
            own = {f"TRUSCORE_{prefix}_WORKDIR": str(disks[package].folder)}
            started[package] = start_process(
                package, [sys.executable, "-m", f"services.{package}"], log_path=tmp_path / f"{package}.log",
                env=environment | own, cwd=REPOSITORY,
            )  # fmt: skip
            running.callback(started[package].terminate)
        yield started


@pytest_asyncio.fixture
async def listener(services: dict[str, Started], private_broker: PrivateBroker) -> AsyncIterator[EventListener]:
    async with event_listener(private_broker.amqp_url) as listening:
        yield listening


def left_behind(disk: SmallDisk) -> list[Path]:
    """Files that somebody began to write."""
    return [path for path in disk.folder.rglob("*") if path.name.endswith(".part")]


async def test_a_full_disk_of_each_service_in_turn_costs_an_answer_and_no_more(
    disks: dict[str, SmallDisk], services: dict[str, Started], listener: EventListener, store: S3Store, bucket: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    uri = await asyncio.to_thread(upload_cards, store, bucket, tmp_path / "cards")

    def order(request_id: str) -> DatasetReady:
        return DatasetReady(
            dataset_id="cards", version="1", uri=uri, format="coco", category="border_detection",
            option="dual_class", training=small_training(), request_id=request_id,
        )  # fmt: skip

    for disk in disks.values():
        disk.fill()

    # The validator fails, and tries again by itself: a full disk is no property of a dataset.
    await listener.order(order("first"), sequence="first")
    await logged(services["dataset_validator"], "bytes are free, the dataset has")
    assert listener.of(DatasetValidated) == []
    disks["dataset_validator"].release()
    await listener.receive(DatasetValidated)

    # The trainer answers, and says that the same order may succeed later.
    [failed] = await listener.receive(TrainingFailed)
    assert (failed.code, failed.retryable) == ("disk_full", True)
    disks["trainer"].release()
    await listener.order(order("second"), sequence="second")
    [completed] = await listener.receive(TrainingCompleted)
    assert completed.weights_sha256 == await asyncio.to_thread(weights_left_alone)

    # The exporter answers, and makes the model once it is ordered again.
    [refused] = await listener.receive(ExportFailed)
    assert (refused.run_id, refused.code) == (completed.run_id, "disk_full")
    assert listener.of(ModelExported) == []
    assert list(store.list(f"s3://{bucket}/models/")) == []
    disks["exporter"].release()
    await listener.publish_request(ExportOrdered(run_id=completed.run_id, formats=["onnx"], request_id="again"))
    [exported] = await listener.receive(ModelExported)
    for artifact in exported.artifacts:
        stored = store.stat(artifact.uri)
        assert stored is not None
        assert stored.size_bytes == artifact.size_bytes
    assert [path for disk in disks.values() for path in left_behind(disk)] == []
    assert all(service.running for service in services.values())
