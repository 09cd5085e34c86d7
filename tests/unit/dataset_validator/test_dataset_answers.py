"""An order in, an answer out: on a store in memory, with the reading process real."""

import asyncio
import dataclasses
import io
import json
import os
import sqlite3
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from truscore.bus import HandBack, MemoryPublisher, reporting_hardware
from truscore.datasets import index_digest, index_from_json
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetRejected, DatasetValidated
from truscore.events.v1.order_pb2 import OrderPrioritized
from truscore.events.v1.training_pb2 import TrainingSpec
from truscore.storage import Entry, MemoryStore, NoSpace, StoreUnavailable
from truscore.telemetry import HardwareSampler
from truscore.validation import policy_for, validate_folder
from truscore.validation.report.signature import Signer, Verifier

from services.dataset_validator.handlers import order_of, publishing_progress
from services.dataset_validator.progress import STAGES, Progress, ProgressThrottle
from services.dataset_validator.reader_process import read_in_child
from tests.planted_faults import lit
from tests.unit.dataset_validator.service_harness import URI, CountingStore, ServiceHarness, rules, upload
from tests.unit.validation.small_datasets import texture, write_coco


@pytest.fixture
def harness(tmp_path: Path) -> ServiceHarness:
    (tmp_path / "work").mkdir()
    return ServiceHarness(tmp_path / "work", CountingStore())


async def test_a_good_dataset_is_validated_with_index_and_report(harness: ServiceHarness, tmp_path: Path) -> None:
    upload(harness, write_coco(tmp_path / "set"))
    event, envelope = await harness.handle(harness.ready(request_id="r1", export_formats=["onnx"]))
    assert isinstance(event, DatasetValidated)
    assert (event.image_count, event.annotation_count, event.format) == (8, 16, "coco")
    assert list(event.class_names) == ["outer_border", "graphical_border"]
    assert (event.request_id, list(event.export_formats)) == ("r1", ["onnx"])
    assert envelope.subject == "one/v1"
    index = harness.store.get(event.index.uri, limit_bytes=10**7, sha256=event.index.sha256)
    assert index_digest(index_from_json(index)) == event.dataset_digest
    report = json.loads(harness.store.get(event.report.uri, limit_bytes=10**7, sha256=event.report.sha256))
    assert report["accepted"] is True
    assert report["about"]["dataset_id"] == "one"
    assert report["policy_digest"] == policy_for("border_detection").digest
    assert event.warning_count == report["counts"]["warning"] == 3
    # With a priority it is published once more, for an inbox that others do not wait in.
    urgent, _ = await harness.handle(harness.ready(request_id="r2", training=TrainingSpec(priority=3, time_budget_s=9)))
    *_, (overtaking, _), _ = harness.answers
    assert isinstance(overtaking, OrderPrioritized)
    assert overtaking.order == urgent
    assert (urgent.training.priority, urgent.training.time_budget_s) == (3, 9)


async def test_views_under_lights_are_validated_where_nothing_is_to_be_trained(
    harness: ServiceHarness, tmp_path: Path
) -> None:
    (tmp_path / "set").mkdir()
    lit.numbered(tmp_path / "set", np.random.default_rng(0))
    upload(harness, tmp_path / "set")
    stereo = {"category": "photometric_stereo", "option": "surface_normal_estimation"}
    event, _ = await harness.handle(harness.ready(validation_only=True, **stereo))
    assert isinstance(event, DatasetValidated)
    assert (event.image_count, event.format, list(event.class_names)) == (2 * lit.LIGHTS, "multi_light", [])
    index = index_from_json(harness.store.get(event.index.uri, limit_bytes=10**7, sha256=event.index.sha256))
    assert [thing.name for thing in index.objects] == ["gray/gray", "owl/owl"]
    assert "coverage.no_targets" in rules(await harness.rejected(**stereo))  # no normals to train on
    depths = stereo | {"option": "depth_reconstruction"}
    assert "coverage.no_targets" in rules(await harness.rejected(**depths))
    of_cameras = depths | {"training": TrainingSpec(architecture="multi_view_stereo")}
    assert "coverage.no_targets" in rules(await harness.rejected(**of_cameras))  # no cameras.json


async def test_the_report_has_a_page_beside_it_and_says_that_nobody_signed(
    harness: ServiceHarness, tmp_path: Path
) -> None:
    upload(harness, write_coco(tmp_path / "set"))
    event, _ = await harness.handle(harness.ready())
    assert event.report_page.uri == event.report.uri.removesuffix(".json") + ".html"
    page = harness.store.get(event.report_page.uri, limit_bytes=10**7, sha256=event.report_page.sha256)
    assert event.report.sha256.encode() in page
    assert (event.report_seal.algorithm, event.report_seal.key_id, event.report_seal.signature) == ("none", "", "")
    report = json.loads(harness.store.get(event.report.uri, limit_bytes=10**7))
    assert report["seal"] == {"algorithm": "none", "key_id": ""}


async def test_a_validator_with_a_key_signs_what_it_accepts_and_what_it_rejects(
    harness: ServiceHarness, tmp_path: Path
) -> None:
    signer = Signer("11" * 32)
    verdict_store = dataclasses.replace(harness.validator.verdict_store, signer=signer)
    harness.validator = dataclasses.replace(harness.validator, verdict_store=verdict_store)
    upload(harness, write_coco(tmp_path / "set"))
    accepted, _ = await harness.handle(harness.ready())
    harness.store.put(URI + "images/000.png", b"no image")
    rejected, _ = await harness.handle(harness.ready(version="v2"))
    assert (type(accepted), type(rejected)) == (DatasetValidated, DatasetRejected)
    for event in (accepted, rejected):
        seal, report = event.report_seal, event.report
        assert (seal.algorithm, seal.key_id) == ("ed25519", signer.key_id)
        Verifier([signer.public_hex]).check(report.sha256, key_id=seal.key_id, signature=seal.signature)
        assert json.loads(harness.store.get(report.uri, limit_bytes=10**7))["seal"]["key_id"] == signer.key_id


async def test_an_unsigned_verdict_is_reached_anew_once_there_is_a_key(harness: ServiceHarness, tmp_path: Path) -> None:
    upload(harness, write_coco(tmp_path / "set"))
    await harness.handle(harness.ready())
    verdict_store = dataclasses.replace(harness.validator.verdict_store, signer=Signer("11" * 32))
    harness.validator = dataclasses.replace(harness.validator, verdict_store=verdict_store)
    event, _ = await harness.handle(harness.ready())
    assert event.report_seal.signature


async def test_progress_is_published_stage_by_stage(harness: ServiceHarness, tmp_path: Path) -> None:
    upload(harness, write_coco(tmp_path / "set"))
    await harness.handle(harness.ready(request_id="r1"))
    assert list(dict.fromkeys(event.stage for event in harness.progress)) == list(STAGES)
    assert [event.stage for event in harness.progress] == sorted((e.stage for e in harness.progress), key=STAGES.index)
    # A clock that stands still lets through how a stage begins and how it ends.
    last = {event.stage: (event.images_done, event.images_total) for event in harness.progress}
    uncounted = dict.fromkeys(set(STAGES) - {"fetching", "reading"}, (0, 0))
    assert last == {"fetching": (9, 9), "reading": (8, 8), **uncounted}
    assert {(event.elapsed_s, event.eta_s) for event in harness.progress} == {(0.0, 0.0)}
    assert {(event.dataset_id, event.version, event.request_id) for event in harness.progress} == {("one", "v1", "r1")}


class SlowPublisher(MemoryPublisher):
    """A broker that confirms nothing until it is let."""

    def __init__(self) -> None:
        super().__init__(service="dataset-validator")
        self.requested, self.let = asyncio.Event(), asyncio.Event()

    async def publish(self, *published: Any, **how: Any) -> Any:
        self.requested.set()
        await self.let.wait()
        return await super().publish(*published, **how)


async def test_of_each_stage_only_the_newest_waits_for_a_slow_broker() -> None:
    slow = SlowPublisher()
    pace = ProgressThrottle(every_s=0.0, clock=lambda: 0.0)
    async with publishing_progress(slow, DatasetReady(dataset_id="one"), "order", pace) as report:
        report(Progress(stage="listing"))
        await slow.requested.wait()
        for stage in ("fetching", "reading"):
            for done in range(1, 9):
                report(Progress(stage=stage, done=done, total=8))
        slow.let.set()
    assert [(event.stage, event.images_done) for event, _ in slow.published] == [
        ("listing", 0),
        ("fetching", 8),
        ("reading", 8),
    ]


async def test_an_order_that_fails_does_not_wait_for_its_progress() -> None:
    slow = SlowPublisher()

    async def fails() -> None:
        async with publishing_progress(
            slow, DatasetReady(dataset_id="one"), "order", ProgressThrottle(every_s=0.0, clock=lambda: 0.0)
        ) as report:
            report(Progress(stage="listing"))
            await slow.requested.wait()
            raise NoSpace("here", "none")

    with pytest.raises(NoSpace):
        await fails()
    assert slow.published == []


async def test_a_dataset_of_which_little_changed_costs_little_again(harness: ServiceHarness, tmp_path: Path) -> None:
    cache_file = tmp_path / "results.sqlite"
    harness.validator = dataclasses.replace(harness.validator, cache_file=cache_file)
    folder = write_coco(tmp_path / "set")
    upload(harness, folder)
    first, _ = await harness.handle(harness.ready())
    texture(99).save(folder / "images/000.png")
    upload(harness, folder)
    again, _ = await harness.handle(harness.ready(version="v2"))
    plain = write_coco(tmp_path / "plain")
    texture(99).save(plain / "images/000.png")
    assert again.dataset_digest == index_digest(validate_folder(plain).index) != first.dataset_digest
    with sqlite3.connect(cache_file) as file:
        assert file.execute("select count(*) from results").fetchone() == (9,)
    file.close()


async def test_equal_orders_cost_one_reading_and_are_one_event(harness: ServiceHarness, tmp_path: Path) -> None:
    upload(harness, write_coco(tmp_path / "set"))
    await asyncio.gather(*(harness.handle(harness.ready()) for _ in range(20)))
    assert harness.store.fetched == 9
    assert len({envelope.event_id for _, envelope in harness.answers}) == 1
    assert len({event.SerializeToString(deterministic=True) for event, _ in harness.answers}) == 1
    assert len(harness.answers) == 20


async def test_another_request_about_the_same_content_is_another_event_from_the_same_reading(
    harness: ServiceHarness, tmp_path: Path
) -> None:
    upload(harness, write_coco(tmp_path / "set"))
    _, first = await harness.handle(harness.ready(request_id="a"))
    _, second = await harness.handle(harness.ready(request_id="b"))
    assert first.event_id != second.event_id
    assert harness.store.fetched == 9


@pytest.mark.parametrize("validation_only", [False, True], ids=["for a training", "validation only"])
async def test_equal_orders_of_two_clients_are_answered_each_by_name_from_one_reading(
    harness: ServiceHarness, tmp_path: Path, *, validation_only: bool
) -> None:
    upload(harness, write_coco(tmp_path / "set"))
    ready = harness.ready(validation_only=validation_only)
    answers = [await harness.handle(ready, event_id=event_id) for event_id in ("mine", "yours", "yours")]
    assert [event.order_event_id for event, _ in answers] == ["mine", "yours", "yours"]
    assert len({envelope.event_id for _, envelope in answers}) == 2
    assert {event.order_event_id for event in harness.progress} == {"mine", "yours"}
    assert harness.store.fetched == 9


async def test_a_rejected_order_is_answered_by_name(harness: ServiceHarness) -> None:
    for event_id in ("mine", "yours"):
        event, _ = await harness.handle(harness.ready(option="no such option"), event_id=event_id)
        assert isinstance(event, DatasetRejected)
        assert event.order_event_id == event_id


async def test_a_verdict_whose_report_is_gone_is_reached_again(harness: ServiceHarness, tmp_path: Path) -> None:
    upload(harness, write_coco(tmp_path / "set"))
    event, _ = await harness.handle(harness.ready())
    harness.store.delete(event.report.uri)
    again, _ = await harness.handle(harness.ready())
    assert harness.store.stat(again.report.uri) is not None
    assert harness.store.fetched == 18


async def test_a_verdict_file_of_another_shape_is_not_believed(harness: ServiceHarness, tmp_path: Path) -> None:
    upload(harness, write_coco(tmp_path / "set"))
    harness.store.put("s3://truscore/datasets/one/v1/_truscore/verdict.json", b'{"schema": 1, "key": 7}')
    event, _ = await harness.handle(harness.ready())
    assert isinstance(event, DatasetValidated)


async def test_a_truncated_image_rejects_the_dataset_and_is_named(harness: ServiceHarness, tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "set")
    path = folder / "images/003.png"
    path.write_bytes(path.read_bytes()[:-300])
    upload(harness, folder)
    event = await harness.rejected()
    assert [(found.rule, found.location) for found in event.findings if found.severity == "error"] == [
        ("image.truncated", "images/003.png")
    ]
    assert event.error_count == 1
    report = json.loads(harness.store.get(event.report.uri, limit_bytes=10**7, sha256=event.report.sha256))
    assert report["accepted"] is False
    assert "image.truncated" in report["rules"]


async def test_a_rejection_published_again_is_the_same_event(harness: ServiceHarness, tmp_path: Path) -> None:
    upload(harness, write_coco(tmp_path / "set", 2))
    _, first = await harness.handle(harness.ready())
    _, second = await harness.handle(harness.ready())
    assert first.event_id == second.event_id
    assert harness.store.fetched == 3


async def test_a_decompression_bomb_rejects_the_dataset(harness: ServiceHarness, tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "set")
    bomb = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(bomb, "PNG")
    (folder / "images/000.png").write_bytes(bomb.getvalue())
    upload(harness, folder)
    event = await harness.rejected()
    assert "image.too_many_pixels" in rules(event)


async def test_annotations_that_are_no_json_reject_the_dataset(harness: ServiceHarness, tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "set")
    (folder / "annotations.json").write_bytes(b'{"images": [\xff')
    upload(harness, folder)
    event = await harness.rejected(format="coco")
    assert "format.coco.invalid_json" in rules(event)


async def test_a_path_that_climbs_out_rejects_the_dataset_and_nothing_is_written(tmp_path: Path) -> None:
    class Climbing(MemoryStore):
        def list(self, prefix_uri: str, **_arguments: object):  # type: ignore[no-untyped-def]
            return iter([Entry(uri=prefix_uri + "../../escaped.json", size_bytes=2, etag="e")])

    harness = ServiceHarness(tmp_path, Climbing())
    event = await harness.rejected()
    assert rules(event) == ["order.unsafe_key"]
    assert "../../escaped.json" in event.findings[0].message
    assert os.listdir(tmp_path) == []  # noqa: PTH208


@pytest.mark.parametrize(
    ("uri", "rule"),
    [
        ("s3://cards/nothing/here/", "order.nothing_there"),
        ("s3://no-such-bucket/sets/one/", "order.nothing_there"),
        ("file:///etc/", "order.uri"),
        ("s3://cards/a/../../b/", "order.uri"),
    ],
)
async def test_an_address_with_nothing_behind_it_is_rejected(tmp_path: Path, uri: str, rule: str) -> None:
    harness = ServiceHarness(tmp_path, MemoryStore(buckets=["cards", "truscore"]))
    event = await harness.rejected(uri=uri)
    assert rules(event) == [rule]
    assert event.uri == uri
    assert not event.HasField("report")


async def test_an_unknown_architecture_is_rejected_before_anything_is_read(harness: ServiceHarness) -> None:
    event = await harness.rejected(training={"architecture": "perceptron"})
    assert rules(event) == ["order.architecture"]
    assert "mask_rcnn" in event.findings[0].message
    assert harness.store.fetched == 0


async def test_a_configuration_value_that_is_not_accepted_is_rejected_with_its_key(harness: ServiceHarness) -> None:
    config = {"hyperparameters": {"optimization": {"lr_scheduler": "zigzag"}}}
    event = await harness.rejected(training={"config": config})
    assert rules(event) == ["order.config"]
    assert event.findings[0].location == "hyperparameters.optimization.lr_scheduler"
    assert "cosine_annealing" in event.findings[0].message


async def test_a_configuration_field_of_a_newer_contract_is_rejected_and_not_overlooked(
    harness: ServiceHarness,
) -> None:
    ready = harness.ready(training={"config": {"seed": 7}})
    ready.training.config.MergeFromString(b"\xb8\x06\x05")  # field 103 = 5
    event, _ = await harness.handle(ready)
    assert rules(event) == ["order.config"]
    assert event.findings[0].location == "#103"


async def test_an_order_without_any_field_but_one_names_what_is_missing(harness: ServiceHarness) -> None:
    event, _ = await harness.handle(DatasetReady(request_id="r"))
    assert {found.location for found in event.findings} == {"dataset_id", "version", "uri", "category"}


def test_configuration_zero_and_false_are_set_and_not_left_out() -> None:
    advanced = {"mixed_precision": False}
    config = {"seed": 0, "hyperparameters": {"advanced_settings": advanced, "optimization": {"weight_decay": 0.0}}}
    ready = DatasetReady(training={"config": config})
    assert order_of(ready).overrides == config


async def test_a_store_that_is_away_is_a_fault_and_no_answer(harness: ServiceHarness, tmp_path: Path) -> None:
    class Away(MemoryStore):
        def list(self, prefix_uri: str, **_arguments: object):  # type: ignore[no-untyped-def]
            raise StoreUnavailable(prefix_uri, "did not answer for 30 s")

    away = ServiceHarness(harness.workdir, Away())
    with pytest.raises(StoreUnavailable):
        await away.handle(away.ready())
    assert away.answers == []


async def test_a_disk_without_room_is_a_fault_and_no_answer(harness: ServiceHarness, tmp_path: Path) -> None:
    class Vast(MemoryStore):
        def list(self, prefix_uri: str, **_arguments: object):  # type: ignore[no-untyped-def]
            return iter([Entry(uri=prefix_uri + "a.json", size_bytes=2**60, etag="e")])

    vast = ServiceHarness(harness.workdir, Vast())
    vast.validator = dataclasses.replace(
        vast.validator, bounds=dataclasses.replace(vast.validator.bounds, most_bytes=2**61)
    )
    with pytest.raises(NoSpace, match=str(2**60)):
        await vast.handle(vast.ready())
    assert vast.answers == []


async def test_a_dataset_that_changes_while_it_is_read_is_rejected_and_not_cached(tmp_path: Path) -> None:
    class Moving(MemoryStore):
        def get_file(self, uri: str, path: Path, **arguments: object):  # type: ignore[no-untyped-def]
            self.put(URI + "images/late.png", b"late")
            return super().get_file(uri, path, **arguments)

    (tmp_path / "work").mkdir()
    harness = ServiceHarness(tmp_path / "work", Moving())
    upload(harness, write_coco(tmp_path / "set"))
    assert rules(await harness.rejected()) == ["order.changed_meanwhile"]
    assert harness.store.stat("s3://truscore/datasets/one/v1/_truscore/verdict.json") is None


async def test_draining_hands_the_order_back_and_ends_the_reader(harness: ServiceHarness, tmp_path: Path) -> None:
    upload(harness, write_coco(tmp_path / "set"))
    waiting = (sys.executable, "-c", "import sys; sys.stdin.read()")
    reading = asyncio.Event()

    async def read(*arguments: object, **keywords: object):  # type: ignore[no-untyped-def]
        reading.set()
        return await partial(read_in_child, command=waiting)(*arguments, **keywords)

    harness.validator = dataclasses.replace(harness.validator, read=read)
    before = psutil.Process().children()
    task = asyncio.create_task(harness.handle(harness.ready()))
    await reading.wait()
    harness.draining.set()
    with pytest.raises(HandBack):
        await task
    assert harness.answers == []
    assert set(psutil.Process().children()) <= set(before)
    assert list(harness.workdir.iterdir()) == []


async def test_the_work_folder_is_empty_after_each_answer(harness: ServiceHarness, tmp_path: Path) -> None:
    upload(harness, write_coco(tmp_path / "set"))
    await harness.handle(harness.ready())
    assert list(harness.workdir.iterdir()) == []


async def test_hardware_is_published_while_working(harness: ServiceHarness, tmp_path: Path) -> None:
    upload(harness, write_coco(tmp_path / "set"))
    sampler = HardwareSampler("dataset-validator", tmp_path)
    beats = MemoryPublisher(service="dataset-validator")
    await harness.handle(harness.ready(), working=partial(reporting_hardware, beats, sampler.sample, every_s=0.05))
    assert beats.published
    event, _ = beats.published[0]
    assert event.service == "dataset-validator"
    assert event.memory_total_bytes > 0
    assert len({envelope.event_id for _, envelope in beats.published}) == len(beats.published)
