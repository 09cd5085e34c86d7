"""Records of very many images lie in a file: the verdict is the same, and findings are counted without being kept."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from truscore.datasets import DatasetIndex, Limits, ReadResult, index_digest, index_to_json, split_dataset
from truscore.datasets.images import perceptual_hash
from truscore.datasets.index.stored_images import BLOCK, StoredImages, StoredMeasurements
from truscore.validation import Policy, report_page, report_to_json, validate_folder
from truscore.validation.measured_images import STATS_ROWS
from truscore.validation.rule import Finding, FindingCollector, Severity, truncated

from tests.measuring.simulated_sets import reading_in_file, reading_in_memory, verdict_of
from tests.unit.validation.small_datasets import record, sound_read_result, write_coco, write_yolo

IN_FILE = Limits(records_in_memory=0, workers=1)


def in_file(reading: ReadResult) -> ReadResult:
    assert reading.index is not None
    images = StoredImages(reading.index.images)
    measurements = StoredMeasurements(images, to_row=STATS_ROWS.to_row, from_row=STATS_ROWS.from_row)
    for image in images:
        measurements.append(reading.measurements[image.path])
    return replace(reading, index=replace(reading.index, images=images), measurements=measurements)


def labelled(reading: ReadResult) -> ReadResult:
    """Every image of one class as a whole, brighter ones of the second."""
    assert reading.index is not None
    images = tuple(
        replace(image, annotations=(), labels=(1 + place % 2,), group=f"card {place // 3}")
        for place, image in enumerate(reading.index.images)
    )
    stats = {
        image.path: replace(reading.measurements[image.path], mean=80.0 + 60 * (place % 2))
        for place, image in enumerate(images)
    }
    return replace(reading, index=replace(reading.index, images=images, grades=(9.0, 10.0)), measurements=stats)


def in_parts(reading: ReadResult) -> ReadResult:
    assert reading.index is not None
    parts = ("train", "train", "validation", "test")
    images = tuple(replace(image, part=parts[place % 4]) for place, image in enumerate(reading.index.images))
    return replace(reading, index=replace(reading.index, images=images))


def as_it_is(reading: ReadResult) -> ReadResult:
    return reading


@pytest.mark.parametrize("change", [as_it_is, labelled, in_parts])
def test_report_and_digest_are_those_of_records_in_memory(
    change: Callable[[ReadResult], ReadResult], tmp_path: Path
) -> None:
    reading = change(reading_in_memory(2 * BLOCK + 100, tmp_path))
    stored = in_file(reading)
    one, other = verdict_of(reading), verdict_of(stored)
    assert other.findings == one.findings
    assert len({found.rule for found in one.findings}) > 4
    report = report_to_json(one, about={})
    assert report_to_json(other, about={}) == report
    assert report_page(report, other, root=tmp_path) == report_page(report, one, root=tmp_path)
    assert reading.index is not None
    assert stored.index is not None
    assert index_to_json(stored.index) == index_to_json(reading.index)
    assert index_digest(stored.index) == index_digest(reading.index)
    assert split_dataset(stored.index, seed=3) == split_dataset(reading.index, seed=3)


def test_merged_shards_are_read_into_a_file_as_into_memory(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    stored, held = reading_in_file(300, tmp_path / "one"), reading_in_memory(300, tmp_path / "other")
    assert verdict_of(stored).findings == verdict_of(held).findings


@pytest.mark.parametrize("write", [write_coco, write_yolo])
def test_a_folder_is_validated_alike_whether_its_records_fit(write: Callable[..., Path], tmp_path: Path) -> None:
    folder = write(tmp_path / "set", 12)
    reports = [
        report_to_json(
            validate_folder(folder, category="border_detection", option="dual_class", limits=limits), about={}
        )
        for limits in (Limits(workers=1), IN_FILE)
    ]
    assert reports[0] == reports[1]


@pytest.mark.parametrize(
    "name", ["psa_duplicates", "coco_wrapped_truscore", "empty_mask_magnetic_tile", "mixed_mode_rgb_gray"]
)
def test_broken_real_datasets_are_judged_alike_too(name: str, shared_data: Path) -> None:
    folder = shared_data / "broken" / name
    limits = (Limits(workers=1), IN_FILE)
    one, other = (report_to_json(validate_folder(folder, limits=one), about={}) for one in limits)
    assert one == other


def test_images_in_a_file_are_a_sequence_like_any_other() -> None:
    images = tuple(record(number) for number in range(2 * BLOCK + 7))
    stored = StoredImages(images)
    assert stored == images
    assert list(stored) == list(images)
    assert (stored[0], stored[BLOCK], stored[-1]) == (images[0], images[BLOCK], images[-1])
    assert stored[BLOCK - 2 : BLOCK + 2] == images[BLOCK - 2 : BLOCK + 2]
    assert stored.in_order
    assert not StoredImages(reversed(images)).in_order
    with pytest.raises(IndexError):
        stored[len(images)]


def test_measurements_in_a_file_are_found_by_path() -> None:
    reading = in_file(sound_read_result(BLOCK + 3))
    assert isinstance(reading.index, DatasetIndex)
    paths = [image.path for image in reading.index.images]
    assert list(reading.measurements) == paths
    assert dict(reading.measurements.items()) == dict(sound_read_result(BLOCK + 3).measurements)
    assert reading.measurements[paths[BLOCK]] == sound_read_result(1).measurements[paths[0]]
    assert "elsewhere.png" not in reading.measurements


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 500])
def test_a_collector_gives_what_truncating_all_findings_gives(count: int) -> None:
    found = [
        Finding(
            rule=f"rule.{number % 2}", severity=Severity.WARNING, message="it is so", location=f"{number * 37 % 501:03}"
        )
        for number in range(count)
    ]
    found.append(Finding(rule="rule.2", severity=Severity.ERROR, message="many", count=40))
    collector = FindingCollector(per_rule=10)
    for one in found:
        collector.add(one)
    assert collector.findings() == truncated(found, per_rule=10)


def test_a_hundred_thousand_findings_take_the_room_of_a_few() -> None:
    policy = Policy()
    collector = FindingCollector(per_rule=policy.findings_per_rule)
    for number in range(100_000):
        collector.add(Finding(rule="rule.one", severity=Severity.WARNING, message="so", location=f"{number:06}"))
    kept = collector.findings()
    assert len(kept) == policy.findings_per_rule
    assert sum(found.count for found in kept) == 100_000
    assert max(map(len, collector._rows.values())) <= policy.findings_per_rule


def test_near_prints_are_found_alike_whichever_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    hashes_8N = generator.integers(0, 2**64, (8, 3000), dtype=np.uint64)
    hashes_8N[3, 50:400] = hashes_8N[0, 100:450]
    hashes_8N[0, 2500:2600] = hashes_8N[0, 2600:2700] ^ np.uint64(2**63 + 2**40 + 2**9 + 1)
    found = perceptual_hash.pairs_in_orientations(hashes_8N, bits=4)
    near = perceptual_hash.near_pairs(hashes_8N[0], bits=6)
    assert (len(found[0]), len(near[0])) == (350, 100)
    monkeypatch.setattr(perceptual_hash, "_ALL_COMPARED", 0)
    for many in (2**40, 0):
        monkeypatch.setattr(perceptual_hash, "_MANY", many)
        for one, other in (
            (found, perceptual_hash.pairs_in_orientations(hashes_8N, bits=4)),
            (near, perceptual_hash.near_pairs(hashes_8N[0], bits=6)),
        ):
            assert [places.tolist() for places in one] == [places.tolist() for places in other]
