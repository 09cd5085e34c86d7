"""The exporter as it runs: a process on a real broker and a real object store."""

import asyncio
from pathlib import Path

import psutil
import pytest
from truscore.bus.consuming.dead_letters import DeadLetter, list_dead, replay_dead
from truscore.events.v1.model_pb2 import ExportFailed, ModelExported
from truscore.events.v1.training_pb2 import TrainingCompleted
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from tests.connected.exporter.exporter_harness import (
    GRADES,
    WAIT_S,
    completed_run,
    exporter_process,
    harness,
    keep_end,
    unmade_run,
)

pytestmark = [pytest.mark.connected, pytest.mark.timeout(600)]

MAX_IDLE_BYTES = 120 * 2**20


async def test_a_run_is_exported_once_though_it_is_announced_thrice_and_its_first_exporter_is_drained(
    amqp_url: str, s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    completed = await asyncio.to_thread(completed_run, store, bucket, tmp_path)
    async with harness(amqp_url) as one:
        with exporter_process(amqp_url, s3, bucket, tmp_path / "first"):
            await one.complete(completed, times=3)
            await one.working()
        assert [event for event, _ in one.answers if isinstance(event, ModelExported)] == []
        with exporter_process(amqp_url, s3, bucket, tmp_path / "second"):
            answers = await one.answered(3)
    assert {type(event) for event, _ in answers} == {ModelExported}
    assert len({envelope.event_id for _, envelope in answers}) == 1
    assert len({event.SerializeToString(deterministic=True) for event, _ in answers}) == 1
    exported, envelope = answers[0]
    (artifact,) = exported.artifacts
    assert artifact.parity.passed
    place = f"s3://{bucket}/models/border_detection.dual_class.mask_rcnn/run-1/"
    assert artifact.uri == place + "model.onnx"
    store.get(artifact.uri, limit_bytes=artifact.size_bytes, sha256=artifact.sha256)
    store.get(exported.package_uri, limit_bytes=1 << 28, sha256=exported.package_sha256)
    names = {entry.uri.removeprefix(place) for entry in store.list(place)}
    assert names == {"model.onnx", "package.tar", "model-card.md", "manifest.json"}
    assert envelope.correlation_id == "run-1"
    assert {sample.run_id for sample in one.samples} == {"run-1"}
    assert {sample.service for sample in one.samples} == {"exporter"}


async def test_what_cannot_be_exported_is_answered_and_what_can_never_be_read_is_a_dead_letter(
    amqp_url: str, s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    nameless = unmade_run(bucket)
    nameless.ClearField("dataset_uri")
    unknown = unmade_run(bucket)
    unknown.run_id = "run-3"
    unknown.export_formats.append("stone")
    async with harness(amqp_url) as one:
        with exporter_process(amqp_url, s3, bucket, tmp_path / "work") as process:
            await one.complete(unmade_run(bucket))
            await one.complete(unknown)
            answers = await one.answered(2)
            await one.complete(nameless)
            (letter,) = await dead_letters(amqp_url, 1)
            assert psutil.Process(process.pid).memory_info().rss < MAX_IDLE_BYTES
    by_run = {event.run_id: event for event, _ in answers}
    assert all(isinstance(event, ExportFailed) for event in by_run.values())
    assert by_run["run-2"].code == "checkpoint_missing"
    assert f"s3://{bucket}/runs/run-2/best.pt" in by_run["run-2"].message
    assert (by_run["run-3"].code, by_run["run-3"].format) == ("unsupported_format", "stone")
    assert letter.kind == "poison"
    assert "TrainingCompleted.dataset_uri is ''; accepted: s3://bucket/prefix/" in letter.reason


async def test_a_wrong_key_of_the_store_is_a_dead_letter_that_is_answered_after_a_replay(
    amqp_url: str, s3: ObjectServer, bucket: str, tmp_path: Path
) -> None:
    async with harness(amqp_url) as one:
        with exporter_process(amqp_url, s3, bucket, tmp_path / "work", TRUSCORE_S3_SECRET_KEY="wrong"):
            await one.complete(unmade_run(bucket))
            (letter,) = await dead_letters(amqp_url, 1)
        assert "AccessRefused" in letter.exception
        assert letter.correlation_id == "run-2"
        assert not one.answers
        with exporter_process(amqp_url, s3, bucket, tmp_path / "work"):
            await replay_dead(amqp_url, "exporter")
            ((event, _),) = await one.answered(1)
    assert isinstance(event, ExportFailed)
    assert TrainingCompleted.DESCRIPTOR.full_name == letter.type


async def dead_letters(amqp_url: str, count: int) -> list[DeadLetter]:
    """The exporter's dead letters, once there are as many."""
    async with asyncio.timeout(WAIT_S):
        while len(letters := await list_dead(amqp_url, "exporter")) < count:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.1)
    return letters


async def test_a_further_format_of_a_finished_run_is_made_of_what_its_trainer_left(
    amqp_url: str, s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    """No TrainingCompleted comes this time: the exporter looks the run up."""
    completed = await asyncio.to_thread(completed_run, store, bucket, tmp_path, row=GRADES)
    keep_end(store, bucket, completed)
    async with harness(amqp_url) as one:
        with exporter_process(amqp_url, s3, bucket, tmp_path / "work"):
            await one.order("run-9", "onnx", request_id="mistaken")
            await one.order("run-1", "torch_export", "stone", request_id="first")
            await one.order("run-1", "torch_export", "stone", request_id="first")
            answers = await one.answered(5)
    by_kind = {kind: [pair for pair in answers if isinstance(pair[0], kind)] for kind in (ModelExported, ExportFailed)}
    exported, envelope = by_kind[ModelExported][0]
    assert {each.event_id for _, each in by_kind[ModelExported]} == {envelope.event_id}
    assert len(by_kind[ModelExported]) == 2
    assert exported.version == "run-1.torch_export"
    (artifact,) = exported.artifacts
    store.get(artifact.uri, limit_bytes=artifact.size_bytes, sha256=artifact.sha256)
    refused = {(event.run_id, event.format, event.code, event.request_id) for event, _ in by_kind[ExportFailed]}
    assert refused == {("run-9", "onnx", "unknown_run", "mistaken"), ("run-1", "stone", "unsupported_format", "first")}
    assert len({each.event_id for _, each in by_kind[ExportFailed]}) == 2
