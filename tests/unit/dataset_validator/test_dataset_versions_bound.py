"""A dataset's version names one content from its first acceptance on."""

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from truscore.dataset_versions import find_version, list_versions
from truscore.events.v1.dataset_pb2 import DatasetRejected, DatasetValidated

from services.dataset_validator.reader_process import read_in_child
from tests.unit.dataset_validator.service_harness import URI, CountingStore, ServiceHarness, upload
from tests.unit.validation.small_datasets import write_coco


@pytest.fixture
def harness(tmp_path: Path) -> ServiceHarness:
    (tmp_path / "work").mkdir()
    return ServiceHarness(tmp_path / "work", CountingStore())


def one_annotation_less(harness: ServiceHarness, folder: Path) -> None:
    content = json.loads((folder / "annotations.json").read_text())
    content["annotations"].pop()
    harness.store.put(URI + "annotations.json", json.dumps(content).encode())


@pytest.mark.parametrize("validation_only", [False, True], ids=["for a training", "validation only"])
async def test_an_accepted_version_with_other_content_is_refused_with_both_digests(
    harness: ServiceHarness, tmp_path: Path, *, validation_only: bool
) -> None:
    folder = write_coco(tmp_path / "set")
    upload(harness, folder)
    await harness.handle(harness.ready(validation_only=validation_only))
    bound = find_version(harness.store, "truscore", "one", "v1")
    one_annotation_less(harness, folder)
    event = await harness.rejected()
    (found,) = event.findings
    assert (found.rule, found.location) == ("order.version_changed", "version")
    assert bound is not None
    assert (bound.accepted, bound.image_count) == (True, 8)
    digests = re.findall(r"[0-9a-f]{64}", found.message)
    assert len(set(digests)) == 2
    assert digests[0] == bound.digest
    assert "new version" in found.message
    assert find_version(harness.store, "truscore", "one", "v1") == bound


async def test_a_refused_content_takes_nothing_from_the_accepted_one(harness: ServiceHarness, tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "set")
    upload(harness, folder)
    _, before = await harness.handle(harness.ready())
    one_annotation_less(harness, folder)
    await harness.rejected()
    upload(harness, folder)
    again, after = await harness.handle(harness.ready())
    assert again.annotation_count == 16
    assert before.event_id == after.event_id
    assert harness.store.fetched == 18


async def test_changed_content_is_read_again_as_another_version(harness: ServiceHarness, tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "set")
    upload(harness, folder)
    first, before = await harness.handle(harness.ready())
    one_annotation_less(harness, folder)
    event, after = await harness.handle(harness.ready(version="v2"))
    assert (first.annotation_count, event.annotation_count) == (16, 15)
    assert before.event_id != after.event_id
    kept = list_versions(harness.store, "truscore", "one")
    assert [(one.version, one.verdict, one.image_count) for one in kept] == [
        ("v1", "accepted", 8),
        ("v2", "accepted", 8),
    ]
    assert kept[0].digest != kept[1].digest


async def test_a_rejected_version_is_bound_to_nothing_and_may_be_mended(
    harness: ServiceHarness, tmp_path: Path
) -> None:
    folder = write_coco(tmp_path / "set")
    whole = (folder / "images/003.png").read_bytes()
    upload(harness, folder)
    harness.store.put(URI + "images/003.png", whole[:-300])
    await harness.rejected()
    (kept,) = list_versions(harness.store, "truscore", "one")
    assert kept.verdict == "rejected"
    harness.store.put(URI + "images/003.png", whole)
    event, _ = await harness.handle(harness.ready())
    assert isinstance(event, DatasetValidated)
    (kept,) = list_versions(harness.store, "truscore", "one")
    assert kept.verdict == "accepted"


async def test_the_same_content_elsewhere_is_the_same_version(harness: ServiceHarness, tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "set")
    upload(harness, folder)
    await harness.handle(harness.ready())
    for path in (path for path in folder.rglob("*") if path.is_file()):
        harness.store.put(f"s3://cards/elsewhere/{path.relative_to(folder)}", path.read_bytes())
    event, _ = await harness.handle(harness.ready(uri="s3://cards/elsewhere/"))
    assert isinstance(event, DatasetValidated)


async def test_two_validators_with_two_contents_at_once_accept_one_and_refuse_the_other(tmp_path: Path) -> None:
    store, both_read = CountingStore(), asyncio.Barrier(2)

    async def read_together(job, folder, **options):  # type: ignore[no-untyped-def]
        # Behind the look at what is bound, before anything is: the moment in which neither knows of the other.
        async with asyncio.timeout(60):
            await both_read.wait()
        return await read_in_child(job, folder, **options)

    events = []
    for name, images in (("first", 8), ("second", 9)):
        (tmp_path / name).mkdir()
        harness = ServiceHarness(tmp_path / name, store)
        harness.validator = replace(harness.validator, read=read_together)
        folder = write_coco(tmp_path / f"set {name}", images)
        for path in (path for path in folder.rglob("*") if path.is_file()):
            store.put(f"s3://cards/{name}/{path.relative_to(folder)}", path.read_bytes())
        events.append(harness.handle(harness.ready(uri=f"s3://cards/{name}/")))
    (one, _), (other, _) = await asyncio.gather(*events)
    accepted, refused = sorted((one, other), key=lambda event: isinstance(event, DatasetRejected))
    assert isinstance(accepted, DatasetValidated)
    assert isinstance(refused, DatasetRejected)
    assert [found.rule for found in refused.findings] == ["order.version_changed"]
    (kept,) = list_versions(store, "truscore", "one")
    assert (kept.verdict, kept.image_count) == ("accepted", accepted.image_count)
    assert kept.digest in refused.findings[0].message
