"""What a run survives, shown on the services as processes: each fault in the middle of an epoch."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.events.v1.model_pb2 import ModelExported
from truscore.events.v1.training_pb2 import EpochCompleted, TrainingCompleted, TrainingStarted
from truscore.process.supervised import start_process
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from services.trainer.journal import Progressed
from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.uploads import LATEST
from tests.conftest import PrivateBroker
from tests.connected.trainer.trainer_harness import (
    POLL_S,
    REPOSITORY,
    WAIT_S,
    EventListener,
    Trainer,
    event_listener,
    service_environment,
    small_training,
    trainer_process,
    upload_cards,
    weights_left_alone,
)
from tests.e2e.conftest import LITTLE_PROOF

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def left_alone() -> str:
    """Digest of the final weights of a run that nobody touched."""
    return weights_left_alone()


@pytest.fixture
def system(private_broker: PrivateBroker, s3: ObjectServer, bucket: str, tmp_path: Path) -> Iterator[Trainer]:
    """Validator, trainer and exporter."""
    environment = service_environment(private_broker.amqp_url, s3, bucket) | LITTLE_PROOF
    with service("dataset_validator", tmp_path, environment), service("exporter", tmp_path, environment):
        with trainer_process(tmp_path / "trainer", environment) as trainer:
            yield trainer


@contextmanager
def service(package: str, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    workdir = {f"TRUSCORE_{name}_WORKDIR": str(folder / package) for name in ("VALIDATOR", "EXPORTER")}
    started = start_process(
        package, [sys.executable, "-m", f"services.{package}"], log_path=folder / f"{package}.log",
        env=environment | workdir, cwd=REPOSITORY,
    )  # fmt: skip
    try:
        yield
    finally:
        started.terminate()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ordered:
    """A run that is under way, in the middle of its last epoch."""

    trainer: Trainer
    listener: EventListener


@pytest_asyncio.fixture
async def ordered(
    system: Trainer, private_broker: PrivateBroker, store: S3Store, bucket: str, tmp_path: Path
) -> AsyncIterator[Ordered]:
    ready = DatasetReady(
        dataset_id="cards", version="1", uri=upload_cards(store, bucket, tmp_path / "cards"), format="coco",
        category="border_detection", option="dual_class", training=small_training(), request_id="first",
    )  # fmt: skip
    async with event_listener(private_broker.amqp_url) as listener:
        await listener.order(ready)
        [started] = await listener.receive(TrainingStarted)
        await system.in_epoch(3)
        # What a successor goes on from has to be in the store, and uploading takes as long as it takes. The training
        # waits for it: beside a slow upload it would be over before a fault is planted.
        held = system.hold()
        await until_stored(store, RunKeys(bucket=bucket, run_id=started.run_id).pointer(LATEST))
        for process in held:
            process.resume()
        yield Ordered(trainer=system, listener=listener)


async def until_stored(store: S3Store, uri: str) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            if await asyncio.to_thread(store.stat, uri):
                return
            await asyncio.sleep(POLL_S)


async def finished(ordered: Ordered, left_alone: str) -> TrainingCompleted:
    """The run's end: the same weights, each epoch once, one model."""
    listener = ordered.listener
    [exported] = await listener.receive(ModelExported)
    [completed] = listener.of(TrainingCompleted)
    assert exported.run_id == completed.run_id
    assert completed.weights_sha256 == left_alone
    assert [event.epoch for event in listener.of(EpochCompleted)] == [1, 2, 3]
    assert {event.run_id for event in listener.of(TrainingStarted)} == {completed.run_id}
    assert ordered.trainer.children() == []
    return completed


def died_in_the_middle(trainer: Trainer, *, attempt: int = 1) -> bool:
    last = trainer.journal(attempt)[-1]
    return isinstance(last, Progressed) and last.epoch == 3 and last.step < 12


def went_on(ordered: Ordered) -> bool:
    """Whether the second attempt began where a checkpoint was, not anew."""
    return bool(ordered.listener.of(TrainingStarted)[-1].first_epoch > 1)


async def test_a_run_survives_the_end_of_its_training_process(ordered: Ordered, left_alone: str) -> None:
    for process in ordered.trainer.children():
        with suppress(psutil.NoSuchProcess):
            process.kill()
    await ordered.listener.receive(TrainingStarted, 2)
    assert died_in_the_middle(ordered.trainer)
    completed = await finished(ordered, left_alone)
    assert completed.attempts == 2
    assert went_on(ordered)


async def test_a_run_survives_the_end_of_the_trainer_service(ordered: Ordered, left_alone: str) -> None:
    children = ordered.trainer.children()
    assert children
    ordered.trainer.kill()
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, timeout=30)
    assert alive == [], "no training process outlives its trainer"
    assert died_in_the_middle(ordered.trainer)
    ordered.trainer.start()
    completed = await finished(ordered, left_alone)
    assert completed.attempts == 2
    assert went_on(ordered)


async def test_a_run_survives_the_end_of_the_broker(
    ordered: Ordered, private_broker: PrivateBroker, left_alone: str
) -> None:
    await asyncio.to_thread(private_broker.kill)
    assert ordered.trainer.children(), "training goes on without a broker"
    await asyncio.to_thread(private_broker.start)
    completed = await finished(ordered, left_alone)
    assert completed.attempts == 1, "an outage of the broker never slows training"
