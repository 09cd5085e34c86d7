"""A rolling upgrade, half way: services of this release and of the one before on one broker, in both directions."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from truscore.bus.consuming.dead_letters import list_dead
from truscore.events import CONTRACT_VERSION
from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.events.v1.model_pb2 import ExportFailed, ModelExported
from truscore.events.v1.training_pb2 import EpochCompleted, TrainingCompleted, TrainingFailed
from truscore.process.supervised import start_process
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from tests.conftest import PrivateBroker
from tests.connected.stack.previous_release import NoRelease, Release, previous_release
from tests.connected.trainer.trainer_harness import (
    REPOSITORY,
    EventListener,
    event_listener,
    service_environment,
    small_training,
    upload_cards,
)

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]
SERVICES = {"dataset_validator": "VALIDATOR", "trainer": "TRAINER", "exporter": "EXPORTER"}


@pytest.fixture(scope="module")
def release() -> Release:
    try:
        return previous_release()
    except NoRelease as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def older(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of the release before."""
    return release.unpack(tmp_path_factory.mktemp("release-before") / "source")


@contextmanager
def running(source_of: dict[str, Path], environment: dict[str, str], folder: Path) -> Iterator[None]:
    """Each service from the source that is named for it."""
    with ExitStack() as started:
        for package, source in source_of.items():
            prefix = SERVICES[package]
            own = {
                f"TRUSCORE_{prefix}_WORKDIR": str(folder / package),
                # Before what the environment has of this release.
                "PYTHONPATH": f"{source}:{source / 'shared'}",
            }
            process = start_process(
                package, [sys.executable, "-m", f"services.{package}"], log_path=folder / f"{package}.log",
                env=environment | own, cwd=source,
            )  # fmt: skip
            started.callback(process.terminate)
        yield


def order(uri: str, request_id: str) -> DatasetReady:
    return DatasetReady(
        dataset_id="cards", version="1", uri=uri, format="coco", category="border_detection", option="dual_class",
        training=small_training(), request_id=request_id,
    )  # fmt: skip


async def to_model(listener: EventListener, ready: DatasetReady, *, models: int) -> None:
    """Order, and wait for the model; ``models`` there are by then."""
    await listener.order(ready, sequence=ready.request_id)
    await listener.until(lambda it: len(it.of(ModelExported)) >= models or it.of(TrainingFailed) or it.of(ExportFailed))
    assert [str(event) for event in (*listener.of(TrainingFailed), *listener.of(ExportFailed))] == []


async def test_both_halves_of_a_rolling_upgrade_bring_a_dataset_to_a_model(
    release: Release, older: Path, private_broker: PrivateBroker, s3: ObjectServer, store: S3Store, bucket: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    assert release.contract.split(".")[0] == CONTRACT_VERSION.split(".")[0]
    uri = await asyncio.to_thread(upload_cards, store, bucket, tmp_path / "cards")
    environment = service_environment(private_broker.amqp_url, s3, bucket) | {
        "TRUSCORE_TRAINER_MIN_FREE_BYTES": "0",
        "TRUSCORE_TRAINER_PROFILE": "small",
    }
    new = REPOSITORY
    async with event_listener(private_broker.amqp_url) as listener:
        # The older services declare the queues; the newer ones have to take them as they are, and the other way round.
        with running({"dataset_validator": older, "exporter": older, "trainer": new}, environment, tmp_path / "first"):
            await to_model(listener, order(uri, "first"), models=1)
        with running({"dataset_validator": new, "exporter": new, "trainer": older}, environment, tmp_path / "second"):
            await to_model(listener, order(uri, "second"), models=2)
        assert len(listener.of(TrainingCompleted)) == 2
        assert sorted(event.epoch for event in listener.of(EpochCompleted)) == [1, 1, 2, 2, 3, 3]
    letters = [
        letter for package in SERVICES for letter in await list_dead(private_broker.amqp_url, package.replace("_", "-"))
    ]
    assert letters == []
