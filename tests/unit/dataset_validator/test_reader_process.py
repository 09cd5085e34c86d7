"""However the reading process ends, its end is understood: an answer where the dataset did it, a fault where not."""

import sys
from pathlib import Path

import psutil
import pytest
from PIL import Image
from truscore.validation import Finding, Policy

from services.dataset_validator.job import Job, ReaderResult, job_from_json, job_to_json
from services.dataset_validator.reader_process import READER, ReaderFault, read_in_child
from services.dataset_validator.seen_images import SEEN
from tests.unit.validation.small_datasets import write_coco


def job(folder: Path, *, memory_bytes: int = 3 * 2**30) -> Job:
    return Job(
        folder=str(folder),
        format="",
        category="border_detection",
        option="dual_class",
        class_names=(),
        policy=Policy(),
        memory_bytes=memory_bytes,
        workers=1,
        about={"dataset_id": "one"},
    )


async def end_of(program: str, work: Path, *, timeout_s: float = 30) -> ReaderResult | Finding:
    return await read_in_child(job(work), work, timeout_s=timeout_s, command=(sys.executable, "-c", program))


@pytest.mark.parametrize("signal_name", ["SIGSEGV", "SIGABRT", "SIGBUS"])
async def test_a_crash_of_the_reader_is_a_finding_that_names_where_it_was(signal_name: str, tmp_path: Path) -> None:
    (tmp_path / SEEN).write_text("+images/001.png\n+images/002.png\n-images/001.png\n")
    found = await end_of(f"import os, signal; os.kill(os.getpid(), signal.{signal_name})", tmp_path)
    assert isinstance(found, Finding)
    assert found.rule == "order.reader_crashed"
    assert signal_name in found.message
    assert found.location == "images/002.png"


async def test_a_reader_that_takes_too_long_is_ended_and_that_is_a_finding(tmp_path: Path) -> None:
    before = psutil.Process().children()
    found = await end_of("import sys; sys.stdin.read()", tmp_path, timeout_s=0.2)
    assert isinstance(found, Finding)
    assert found.rule == "order.reader_limits"
    assert "0.2 s" in found.message
    assert set(psutil.Process().children()) <= set(before)


async def test_an_error_of_our_own_is_a_fault_with_what_the_reader_printed(tmp_path: Path) -> None:
    with pytest.raises(ReaderFault, match="ZeroDivisionError"):
        await end_of("1 / 0", tmp_path)


async def test_a_reader_that_someone_killed_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ReaderFault, match="-9"):
        await end_of("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", tmp_path)


async def test_a_dataset_beyond_the_memory_bound_is_a_finding_that_names_the_bound(tmp_path: Path) -> None:
    def large(folder: Path, content: dict) -> None:
        Image.new("RGB", (10_000, 10_000), "white").save(folder / "images/000.png")

    folder = write_coco(tmp_path / "set", plant=large)
    bound = 400 * 2**20
    found = await read_in_child(job(folder, memory_bytes=bound), tmp_path, timeout_s=120)
    assert isinstance(found, Finding)
    assert found.rule == "order.reader_limits"
    assert str(bound) in found.message


async def test_the_reader_sees_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSCORE_S3_SECRET_KEY", "hidden")
    with pytest.raises(ReaderFault, match=r"seen: \[\]"):
        await end_of("import os, sys; sys.exit(f'seen: {[n for n in os.environ if \"KEY\" in n]}')", tmp_path)


async def test_a_reader_that_ends_well_but_says_nothing_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ReaderFault, match="without an outcome"):
        await end_of("pass", tmp_path)


async def test_the_real_reader_reads_a_dataset(tmp_path: Path) -> None:
    outcome = await read_in_child(job(write_coco(tmp_path / "set")), tmp_path, timeout_s=120, command=READER)
    assert isinstance(outcome, ReaderResult)
    assert (outcome.image_count, outcome.annotation_count, outcome.error_count) == (8, 16, 0)


def test_a_job_survives_being_written(tmp_path: Path) -> None:
    one = job(tmp_path)
    assert job_from_json(job_to_json(one)) == one
