"""What images measured is remembered by their content, and taken again only where nothing it depends on changed."""

import sqlite3
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from truscore.datasets import Limits, ScanCache
from truscore.datasets.images.decode import UnreadableImage
from truscore.datasets.images.scan import ScanOptions, scan_images
from truscore.validation import CacheOptions, Policy, ValidationCallbacks, validate_folder
from truscore.validation.measures.image_stats import ImageStats, measure_image

from tests.unit.validation.small_datasets import texture, write_coco


class Counting:
    """Measures, and counts how often it had to."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def __call__(self, path: str, picture: object) -> ImageStats:
        self.paths.append(path)
        return measure_image(picture, thumbnail_px=512)  # type: ignore[arg-type]


def results(
    path: Path, *, measured_with: str = "", limits: Limits | None = None, limit_bytes: int = 2**30
) -> ScanCache:
    return ScanCache(
        path, measured_with=measured_with, limits=limits or Limits(), to_dict=asdict,
        from_dict=lambda plain: ImageStats(**plain), limit_bytes=limit_bytes,
    )  # fmt: skip


def scanned(folder: Path, file: Path, *, names: list[str] | None = None, **how: object) -> tuple[list, list[str]]:
    """The scans, and the paths that had to be measured for them."""
    measure = Counting()
    paths = names or [path.relative_to(folder).as_posix() for path in sorted((folder / "images").iterdir())]
    with results(file, **how) as kept:  # type: ignore[arg-type]
        scans = list(scan_images(folder, paths, limits=Limits(), scan_options=ScanOptions(measure=measure, cache=kept)))
    return scans, measure.paths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_coco(tmp_path / "set")


def test_the_second_look_measures_only_what_changed(folder: Path, tmp_path: Path) -> None:
    first, measured = scanned(folder, tmp_path / "r")
    assert len(measured) == 8
    again, measured = scanned(folder, tmp_path / "r")
    assert measured == []
    assert again == first
    texture(77).save(folder / "images/003.png")
    assert scanned(folder, tmp_path / "r")[1] == ["images/003.png"]


def test_the_same_bytes_under_another_name_are_known(folder: Path, tmp_path: Path) -> None:
    scanned(folder, tmp_path / "r")
    (folder / "images/000.png").rename(folder / "images/card.rf.0123456789abcdef01.png")
    scans, measured = scanned(folder, tmp_path / "r")
    assert measured == []
    assert any(scan.record.path == "images/card.rf.0123456789abcdef01.png" for scan in scans)


def test_a_file_that_was_unreadable_is_so_again_with_the_same_reason(folder: Path, tmp_path: Path) -> None:
    (folder / "images/000.png").write_bytes(b"no image at all, though long enough")
    faults = [scanned(folder, tmp_path / "r", names=["images/000.png"])[0][0].fault for _ in range(2)]
    assert all(isinstance(fault, UnreadableImage) for fault in faults)
    assert len({(fault.code, fault.reason) for fault in faults}) == 1


@pytest.mark.parametrize("how", [{"measured_with": "other thresholds"}, {"limits": Limits(image_pixels=10**6)}])
def test_other_thresholds_or_bounds_are_another_look(how: dict, folder: Path, tmp_path: Path) -> None:
    scanned(folder, tmp_path / "r")
    assert len(scanned(folder, tmp_path / "r", **how)[1]) == 8


def test_verdicts_are_the_same_with_and_without_memory(folder: Path, tmp_path: Path) -> None:
    memory = CacheOptions(file=tmp_path / "r")
    verdicts = [validate_folder(folder, cache=one) for one in (None, memory, memory)]
    assert verdicts[0] == verdicts[1] == verdicts[2]
    other = validate_folder(folder, policy=replace(Policy(), thumbnail_px=64), cache=memory)
    assert other.image_stats == validate_folder(folder, policy=replace(Policy(), thumbnail_px=64)).image_stats


def test_the_file_stays_within_its_bound_and_what_was_used_last_stays(folder: Path, tmp_path: Path) -> None:
    names = [f"images/{number:03}.png" for number in range(8)]
    for name in names:
        scanned(folder, tmp_path / "r", names=[name], limit_bytes=24_000)
    with closing(sqlite3.connect(tmp_path / "r")) as file:
        assert 1 <= file.execute("select count(*) from results").fetchone()[0] < 8
    assert scanned(folder, tmp_path / "r", names=names[-1:], limit_bytes=24_000)[1] == []


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be taken for one" * 100])
def test_a_damaged_file_of_results_is_begun_anew(content: bytes, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(content)
    assert len(scanned(folder, tmp_path / "r")[1]) == 8
    assert scanned(folder, tmp_path / "r")[1] == []


def test_progress_is_reported_for_every_image_and_then_for_the_rules(folder: Path) -> None:
    events: list[tuple[str, int, int]] = []
    validate_folder(folder, callbacks=ValidationCallbacks(on_progress=lambda *event: events.append(event)))
    assert events == [*(("reading", done, 8) for done in range(1, 9)), ("judging", 0, 0)]
