"""The dataset validator as it runs: a process on a real broker and a real object store."""

import asyncio
import json
from pathlib import Path
from typing import Any

import psutil
import pytest
from truscore.bus.consuming.dead_letters import list_dead, replay_dead
from truscore.datasets import index_digest, index_from_json
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetRejected, DatasetValidated
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from tests.connected.validator.validator_harness import WAIT_S, harness, upload, validator_process
from tests.unit.validation.small_datasets import write_coco

pytestmark = pytest.mark.connected

MAX_IDLE_BYTES = 120 * 2**20


def ready(bucket: str, **changes: Any) -> DatasetReady:
    plain = {
        "dataset_id": "cards",
        "version": "1",
        "uri": f"s3://{bucket}/upstream/cards/",
        "category": "border_detection",
        "option": "dual_class",
    }
    return DatasetReady(**{**plain, **changes})


async def test_a_hundred_equal_orders_are_one_verdict_and_one_event(
    amqp_url: str, s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    upload(store, write_coco(tmp_path / "set"), f"s3://{bucket}/upstream/cards/")
    async with harness(amqp_url) as one:
        with validator_process(amqp_url, s3, bucket, tmp_path / "work", TRUSCORE_VALIDATOR_SLOTS="4"):
            event_id = await one.order(ready(bucket), times=100)
            answers = await one.answered(100)
    assert len({envelope.event_id for _, envelope in answers}) == 1
    assert {event.order_event_id for event, _ in answers} == {event_id}
    event, envelope = answers[0]
    assert isinstance(event, DatasetValidated)
    assert (event.image_count, event.annotation_count) == (8, 16)
    assert envelope.correlation_id == "cards/1"
    kept = [entry.uri for entry in store.list(f"s3://{bucket}/datasets/cards/1/_truscore/")]
    assert sorted(uri.rpartition("/")[2].partition("-")[0] for uri in kept) == [
        "index",
        "report",
        "report",
        "verdict.json",
    ]
    index = index_from_json(store.get(event.index.uri, limit_bytes=10**7, sha256=event.index.sha256))
    assert index_digest(index) == event.dataset_digest


async def test_bad_orders_and_bad_datasets_are_answered_each_with_its_finding(
    amqp_url: str, s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    folder = write_coco(tmp_path / "set")
    path = folder / "images/000.png"
    path.write_bytes(path.read_bytes()[:-300])
    upload(store, folder, f"s3://{bucket}/upstream/cut/")
    expected = {
        "nothing": "order.nothing_there",
        "bucketless": "order.nothing_there",
        "unknown": "order.architecture",
        "cut": "image.truncated",
    }
    orders = [
        ready(bucket, dataset_id="nothing", uri=f"s3://{bucket}/upstream/nothing/"),
        ready(bucket, dataset_id="bucketless", uri="s3://no-such-bucket-here/upstream/"),
        ready(bucket, dataset_id="unknown", training={"architecture": "perceptron"}),
        ready(bucket, dataset_id="cut", uri=f"s3://{bucket}/upstream/cut/"),
    ]
    async with harness(amqp_url) as one:
        with validator_process(amqp_url, s3, bucket, tmp_path / "work") as process:
            event_ids = {order.dataset_id: await one.order(order) for order in orders}
            answers = await one.answered(len(orders))
            used_bytes = psutil.Process(process.pid).memory_info().rss
    assert all(isinstance(event, DatasetRejected) for event, _ in answers)
    assert {event.dataset_id: event.findings[0].rule for event, _ in answers} == expected
    assert {event.dataset_id: event.order_event_id for event, _ in answers} == event_ids
    report = next(event.report for event, _ in answers if event.dataset_id == "cut")
    assert json.loads(store.get(report.uri, limit_bytes=10**7, sha256=report.sha256))["accepted"] is False
    assert {sample.service for sample in one.samples} == {"dataset-validator"}
    assert used_bytes <= MAX_IDLE_BYTES, f"{used_bytes / 2**20:.0f} MiB"


async def test_a_wrong_key_is_a_dead_letter_that_names_it_and_replayed_it_is_answered(
    amqp_url: str, s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    upload(store, write_coco(tmp_path / "set"), f"s3://{bucket}/upstream/cards/")
    async with harness(amqp_url) as one:
        with validator_process(amqp_url, s3, bucket, tmp_path / "work", TRUSCORE_S3_SECRET_KEY="wrong-key"):
            await one.order(ready(bucket))
            letter = await dead_letter(amqp_url)
        assert letter.kind == "failed"
        assert letter.deliveries == 3
        assert "AccessRefused" in letter.exception + letter.traceback
        assert f"s3://{bucket}/upstream/cards/" in letter.reason
        assert "wrong-key" not in letter.reason + letter.traceback
        assert one.answers == []
        with validator_process(amqp_url, s3, bucket, tmp_path / "work"):
            await replay_dead(amqp_url, "dataset-validator")
            ((event, _),) = await one.answered()
        assert isinstance(event, DatasetValidated)


async def dead_letter(amqp_url: str) -> Any:
    async with asyncio.timeout(WAIT_S):
        while not (letters := await list_dead(amqp_url, "dataset-validator")):  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.2)
    return letters[0]


async def test_a_killed_validator_leaves_no_reader_behind_and_another_answers(
    amqp_url: str, s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    upload(store, write_coco(tmp_path / "set", 60), f"s3://{bucket}/upstream/cards/")
    async with harness(amqp_url) as one:
        with validator_process(amqp_url, s3, bucket, tmp_path / "work", killed=True) as first:
            await one.order(ready(bucket))
            await one.working()
            readers = psutil.Process(first.pid).children(recursive=True)
            first.kill()
        assert psutil.wait_procs(readers, timeout=WAIT_S)[1] == []
        with validator_process(amqp_url, s3, bucket, tmp_path / "work"):
            answers = await one.answered()
        assert {event.image_count for event, _ in answers} == {60}
        assert len({envelope.event_id for _, envelope in answers}) == 1
    assert list((tmp_path / "work").glob("*/dataset-*")) == []
