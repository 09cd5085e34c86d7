"""A file that looks unchanged on the disk is not read again, and none that might have changed is taken for one."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from truscore.datasets import FileReuse
from truscore.validation import CacheOptions, ValidationCallbacks, report_to_json, validate_folder

from tests.unit.validation.small_datasets import texture, write_coco

COUNT = 8
NAME = "images/003.png"


def later() -> int:
    """A moment at which the times of all files are settled."""
    return time.time_ns() + 3600 * 10**9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_coco(tmp_path / "set", COUNT)


@pytest.fixture
def cache(tmp_path: Path) -> CacheOptions:
    return CacheOptions(file=tmp_path / "results.sqlite", now_ns=later)


def read(folder: Path, cache: CacheOptions) -> list[str]:
    """Images that had to be read."""
    paths: list[str] = []
    validate_folder(folder, cache=cache, callbacks=ValidationCallbacks(on_start=paths.append))
    return sorted(paths)


def report(folder: Path, cache: CacheOptions | None) -> str:
    return report_to_json(validate_folder(folder, cache=cache), about={})


def test_files_that_look_unchanged_are_not_read_again(folder: Path, cache: CacheOptions) -> None:
    assert len(read(folder, cache)) == COUNT
    assert read(folder, cache) == []


def test_a_rerun_after_a_change_reads_one_file_and_gives_the_report_of_a_full_run(
    folder: Path, cache: CacheOptions
) -> None:
    before = report(folder, cache)
    texture(77).save(folder / NAME)
    again, full = report(folder, cache), report(folder, None)
    assert again == full != before
    texture(78).save(folder / NAME)
    assert read(folder, cache) == [NAME]


def rewritten(path: Path) -> None:
    """Other bytes of the same number."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(content)


def rewritten_and_backdated(path: Path) -> None:
    found = path.stat()
    rewritten(path)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def replaced(path: Path) -> None:
    found = path.stat()
    other = path.with_name("other.tmp")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    other.replace(path)


def linked(path: Path) -> None:
    other = path.with_name("000.png")
    path.unlink()
    path.symlink_to(other)


@pytest.mark.parametrize("change", [rewritten, rewritten_and_backdated, replaced, linked])
def test_a_file_that_was_touched_in_any_way_is_read_again(
    change: Callable[[Path], None], folder: Path, cache: CacheOptions
) -> None:
    read(folder, cache)
    change(folder / NAME)
    assert read(folder, cache) == [NAME]
    assert report(folder, cache) == report(folder, None)


def test_a_file_that_was_young_when_it_was_read_is_read_again(folder: Path, cache: CacheOptions) -> None:
    written_ns = max(path.stat().st_ctime_ns for path in (folder / "images").iterdir())
    young = replace(cache, now_ns=lambda: written_ns + 10**9)
    assert len(read(folder, young)) == COUNT
    assert len(read(folder, young)) == COUNT


def test_a_file_from_the_future_is_read_each_time(folder: Path, cache: CacheOptions) -> None:
    ahead_ns = later() + 3600 * 10**9
    os.utime(folder / NAME, ns=(ahead_ns, ahead_ns))
    read(folder, cache)
    assert read(folder, cache) == [NAME]


def test_all_is_read_where_that_is_wanted_and_noted_for_the_next_time(folder: Path, cache: CacheOptions) -> None:
    rereading = replace(cache, files=FileReuse.REREAD)
    assert len(read(folder, rereading)) == len(read(folder, rereading)) == COUNT
    assert read(folder, cache) == []


def test_files_of_a_folder_that_passes_are_not_noted(folder: Path, cache: CacheOptions) -> None:
    transient = replace(cache, files=FileReuse.TRANSIENT)
    assert len(read(folder, transient)) == len(read(folder, transient)) == COUNT
    assert len(read(folder, cache)) == COUNT


def test_a_copy_of_the_folder_is_another_folder(folder: Path, cache: CacheOptions, tmp_path: Path) -> None:
    read(folder, cache)
    folder.rename(tmp_path / "moved")
    assert len(read(tmp_path / "moved", cache)) == COUNT


def test_an_image_that_is_gone_is_missing(folder: Path, cache: CacheOptions) -> None:
    read(folder, cache)
    (folder / NAME).unlink()
    assert "format.image_missing" in report(folder, cache)
    assert report(folder, cache) == report(folder, None)


def test_a_digest_whose_result_was_forgotten_is_measured_again(folder: Path, cache: CacheOptions) -> None:
    small = replace(cache, limit_bytes=1)
    full = report(folder, small)
    assert len(read(folder, small)) == COUNT
    assert report(folder, small) == full
