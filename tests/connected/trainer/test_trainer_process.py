"""The trainer as a process, on a real broker and store, with the real training process."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from truscore.events.v1.control_pb2 import RunCancel, RunPause, RunResume
from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.order_pb2 import ORDER_STATE_CANCELLED, ORDER_STATE_COMPLETED, OrderAttached
from truscore.events.v1.telemetry_pb2 import HardwareSampled
from truscore.events.v1.training_pb2 import (
    EpochCompleted,
    TrainingCancelled,
    TrainingCompleted,
    TrainingPaused,
    TrainingProgressed,
    TrainingStarted,
)
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from services.trainer.journal import Cancelled
from tests.connected.trainer.trainer_harness import (
    EventListener,
    Trainer,
    event_listener,
    service_environment,
    small_order,
    trainer_process,
    weights_left_alone,
)

pytestmark = [pytest.mark.connected, pytest.mark.timeout(600)]


@pytest.fixture
def environment(amqp_url: str, s3: ObjectServer, bucket: str) -> dict[str, str]:
    return service_environment(amqp_url, s3, bucket)


@pytest.fixture
def trainer(tmp_path: Path, environment: dict[str, str]) -> Iterator[Trainer]:
    with trainer_process(tmp_path / "here", environment) as running:
        yield running


async def test_twenty_equal_orders_are_one_run_from_start_to_end(
    trainer: Trainer, amqp_url: str, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    order = small_order(store, bucket, tmp_path / "cards")
    waiting = await trainer.standby()
    async with event_listener(amqp_url) as listener:
        for number in range(20):
            order.order_event_id = f"order-{number}"
            await listener.order(order, sequence=str(number))
        [completed] = await listener.receive(TrainingCompleted)
        [started] = listener.of(TrainingStarted)
        # Trained by the process that was there before the order: the same bits as by one that is started.
        assert trainer.pids("training process started") == [waiting]
        assert completed.weights_sha256 == weights_left_alone()
        assert list((trainer.workdir / "packs").glob("*.pack")), "decoded pixels are kept for the next run"
        assert started.config.uri == f"s3://{bucket}/runs/{started.run_id}/config.json"
        assert started.parameters["image_size"] == "64"
        report = json.loads(store.get(completed.report_uri, limit_bytes=10_000_000))
        assert report["environment"]["digest"] == started.environment_digest
        assert (report["git_commit"], report["git_dirty"]) == (started.git_commit, started.git_dirty)
        assert [event.epoch for event in listener.of(EpochCompleted)] == [1, 2, 3]
        assert listener.of(HardwareSampled)[0].run_id == started.run_id
        best = completed.best_checkpoint
        store.get_file(best.uri, tmp_path / "best.pt", sha256=best.sha256)
        assert json.loads(store.get(completed.config.uri, limit_bytes=100_000))["image_size"] == 64
        assert set(json.loads(store.get(completed.split.uri, limit_bytes=100_000))) >= {"train", "validation"}
        await listener.until(lambda now: len({event.order_event_id for event in now.of(OrderAttached)}) == 20)
        assert {event.run_id for event in listener.of(OrderAttached)} == {started.run_id}
        await _the_same_images_under_another_name_are_answered_as_well(listener, order, completed)
        assert trainer.stop() == 0
        assert listener.of(TrainingStarted) == [started]


async def test_a_cancelled_run_stops_in_the_middle_of_an_epoch(
    trainer: Trainer, amqp_url: str, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    async with event_listener(amqp_url) as listener:
        await listener.order(small_order(store, bucket, tmp_path / "cards"))
        await trainer.in_epoch(1)
        [started] = await listener.receive(TrainingStarted)
        await listener.publish_request(RunCancel(run_id=started.run_id, reason="wrong cards", request_id="1"))
        [cancelled] = await listener.receive(TrainingCancelled)
        assert cancelled.reason == "wrong cards"
        assert isinstance(trainer.journal()[-1], Cancelled)
        assert cancelled.step == trainer.journal()[-1].step < 12
        assert listener.of(TrainingCompleted) == []
        again = small_order(store, bucket, tmp_path / "cards-again")
        again.order_event_id = "late"
        await listener.order(again, sequence="late")
        attached, end = await listener.answer_to("late", TrainingCancelled)
        assert (attached.run_id, attached.state) == (started.run_id, ORDER_STATE_CANCELLED)
        assert listener.of(TrainingCancelled) == [end]


async def _the_same_images_under_another_name_are_answered_as_well(
    listener: EventListener, order: DatasetValidated, completed: TrainingCompleted
) -> None:
    other = DatasetValidated.FromString(order.SerializeToString())
    other.order_event_id, other.dataset_id, other.version = "other system", "other-cards", "7"
    await listener.order(other)
    attached, end = await listener.answer_to("other system", TrainingCompleted)
    assert listener.of(TrainingCompleted) == [end] == [completed]
    assert (attached.run_id, attached.state) == (completed.run_id, ORDER_STATE_COMPLETED)
    assert (attached.dataset_id, attached.version) == ("other-cards", "7")


async def test_a_run_survives_a_pause_and_a_drain_and_ends_on_another_trainer(
    trainer: Trainer, environment: dict[str, str], amqp_url: str, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    async with event_listener(amqp_url) as listener:
        await listener.order(small_order(store, bucket, tmp_path / "cards"))
        await trainer.in_epoch(1)
        [started] = await listener.receive(TrainingStarted)
        await listener.publish_request(RunPause(run_id=started.run_id, request_id="1"))
        [paused] = await listener.receive(TrainingPaused)
        assert store.stat(paused.checkpoint.uri)
        await listener.publish_request(RunResume(run_id=started.run_id, request_id="2"))
        await trainer.in_epoch(2, attempt=2)
        with trainer_process(tmp_path / "there", environment):
            assert await asyncio.to_thread(trainer.stop) == 0
            assert trainer.children() == []
            [completed] = await listener.receive(TrainingCompleted)
        assert completed.attempts == 3
        assert [event.epoch for event in listener.of(EpochCompleted)] == [1, 2, 3]
        assert [event.attempt for event in listener.of(TrainingStarted)] == [1, 2, 3]
        assert sorted(event.step for event in listener.of(TrainingProgressed)) == list(range(1, 13))
        assert completed.weights_sha256 == weights_left_alone()
