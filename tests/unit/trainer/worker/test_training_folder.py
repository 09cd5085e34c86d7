"""The run's folder: what is read from it, what is written to it, and how a failure is recorded."""

import errno
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from truscore.catalog import rows
from truscore.catalog.table import Row
from truscore.datasets import (
    Annotation,
    DatasetIndex,
    ImageRecord,
    Split,
    UnreadableImage,
    index_to_json,
    split_to_json,
)
from truscore.datasets.index.targets import MARKED
from truscore.recipes import InvalidConfig, recipe_to_json, resolve
from truscore.zoo.checkpoint import UnusableCheckpoint

from services.trainer.journal import DISK_FULL, Failed, records_of
from services.trainer.worker.checkpoint import digest_of, link_as, read, write
from services.trainer.worker.devices import choose_precision, deterministic
from services.trainer.worker.errors import Diverged, InvalidJob, failure_of
from services.trainer.worker.main import main
from services.trainer.worker.run_dir import RunDir, read_job
from services.trainer.worker.stop_signal import StopSignal
from tests.small_disk import own_mounts, why_no_small_disks

REPOSITORY = Path(__file__).parents[4]
CONTENT = {"format": 1, "model": {"w": torch.ones(3)}, "recipe": "{}", "class_names": ["a"]}


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    """An order for one image to train on and one to evaluate on; the image files are not there."""
    records = tuple(
        ImageRecord(
            path=f"{name}.png",
            sha256="0" * 64,
            size_bytes=1,
            width=8,
            height=8,
            annotations=(Annotation(label=1, box_xywh=(1, 1, 3, 3)),),
        )
        for name in ("one", "two")
    )
    index = DatasetIndex(format="coco", class_names=("outer",), images=records)
    split = Split(train=("one.png",), validation=("two.png",), test=(), seed=0)
    (tmp_path / "index.json").write_text(index_to_json(index))
    (tmp_path / "split.json").write_text(split_to_json(split))
    job: dict[str, Any] = {
        "run_id": "run-1", "attempt": 1, "class_names": ["outer"], "index": "index.json", "split": "split.json",
        "images": "images", "pretrained": "", "git_commit": "",
        "recipe": json.loads(recipe_to_json(resolve("border_detection", "single_class"))),
    }  # fmt: skip
    (tmp_path / "order.json").write_text(json.dumps(job))
    return RunDir(path=tmp_path)


LEARNT = [row for row in rows() if row.available and row.category != "experimental"]
# Something to learn from, that the tasks of no marks, or of nothing else, learn.
ONLY_BOXES: Any = {"annotations": (Annotation(label=1, box_xywh=(1, 1, 3, 3)),)}
ONLY_LABELS: Any = {"labels": (1,)}


@pytest.mark.parametrize("row", LEARNT, ids=lambda row: f"{row.option}-{row.architecture}")
def test_a_run_on_images_without_what_is_learnt_ends_before_its_first_step(run_dir: RunDir, row: Row) -> None:
    has = ONLY_LABELS if row.learns_from in MARKED else ONLY_BOXES
    records = tuple(
        ImageRecord(path=f"{name}.png", sha256="0" * 64, size_bytes=1, width=8, height=8, **has)
        for name in ("one", "two")
    )
    index = DatasetIndex(format="folder", class_names=("outer",), images=records, grades=(8.0,))
    (run_dir.path / "index.json").write_text(index_to_json(index))
    recipe = json.loads(recipe_to_json(resolve(row.category, row.option, row.architecture)))
    edit(run_dir.path / "order.json", recipe=recipe)
    # Where whole images are learnt those without are left out, until none is left to train on.
    lacking = "1 images has" if row.learns_from in MARKED else "1 images have no label, grade or score to learn"
    with pytest.raises(InvalidJob, match=lacking):
        read_job(run_dir)


def edit(path: Path, **changes: Any) -> None:
    plain = json.loads(path.read_text())
    path.write_text(json.dumps({**plain, **changes}))


def last_failure(run_dir: RunDir) -> Failed:
    last = list(records_of(run_dir.journal))[-1]
    assert isinstance(last, Failed)
    return last


def test_an_order_is_read_with_its_images_in_their_parts(run_dir: RunDir) -> None:
    job = read_job(run_dir)
    assert [record.path for record in job.training] == ["one.png"]
    assert [record.path for record in job.validation] == ["two.png"]
    assert (job.test, job.pretrained, job.images) == ((), None, run_dir.path / "images")
    assert len(job.dataset_digest) == 64


@pytest.mark.parametrize(
    ("file", "content", "output"),
    [
        ("order.json", "no json", "order.json: not JSON"),
        ("order.json", "[1]", "order.json: expected an object"),
        ("order.json", '{"index": "index.json"}', "order.json: lacks or misuses 'split'"),
        ("split.json", '{"train": ["three.png"], "validation": ["two.png"], "test": [], "seed": 0}', "three.png"),
        ("split.json", '{"train": ["one.png"], "validation": [], "test": [], "seed": 0}', "validation has no images"),
        ("index.json", "{}", "not a dataset index"),
    ],
)
def test_a_folder_that_cannot_be_used_ends_in_a_failure_that_names_why(
    run_dir: RunDir, file: str, content: str, output: str
) -> None:
    (run_dir.path / file).write_text(content)
    assert main(["--run-dir", str(run_dir.path)]) == 1
    failed = last_failure(run_dir)
    assert (failed.code, failed.retryable, failed.epoch) == ("data_unreadable", False, 0)
    assert output in failed.message


def test_an_image_that_went_missing_ends_in_a_failure_that_names_it(run_dir: RunDir) -> None:
    assert main(["--run-dir", str(run_dir.path)]) == 1
    failed = last_failure(run_dir)
    assert failed.code == "data_unreadable"
    assert "one.png" in failed.message


def test_a_recipe_that_asks_for_weights_that_were_not_given_fails_by_name(run_dir: RunDir) -> None:
    recipe = resolve("border_detection", "single_class", "", {"architecture_config": {"pretrained_weights": "ours"}})
    edit(run_dir.path / "order.json", recipe=json.loads(recipe_to_json(recipe)))
    assert main(["--run-dir", str(run_dir.path)]) == 1
    failed = last_failure(run_dir)
    assert failed.code == "invalid_config"
    assert "pretrained_weights" in failed.message


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (MemoryError(), "out_of_memory", False),
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory", False),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "out_of_memory", False),
        (torch.AcceleratorError("CUDA error: out of memory"), "out_of_memory", False),
        (torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered"), "device_error", True),
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), "device_error", True),
        (torch.AcceleratorError("CUDA error: device-side assert triggered"), "internal", True),
        (Diverged("the mask loss became nan"), "diverged", False),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full", True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk_full", True),
        (FileNotFoundError(errno.ENOENT, "No such file", "x.png"), "data_unreadable", False),
        (UnreadableImage("image.corrupt", "x.png: torn"), "data_unreadable", False),
        (InvalidJob("split.json: no"), "data_unreadable", False),
        (UnusableCheckpoint("latest.pt: no"), "data_unreadable", False),
        (InvalidConfig("seed", "x", "a whole number"), "invalid_config", False),
        (ZeroDivisionError("division by zero"), "internal", True),
    ],
)
def test_every_failure_has_a_code(error: Exception, code: str, retryable: bool) -> None:
    failure = failure_of(error)
    assert (failure.code, failure.retryable) == (code, retryable)
    assert failure.message


def test_a_message_stays_short() -> None:
    assert len(failure_of(Diverged("x" * 100_000)).message) <= 2000


def test_a_checkpoint_is_there_whole_under_its_hash(tmp_path: Path) -> None:
    written = write(CONTENT, tmp_path / "latest.pt")
    assert digest_of(tmp_path / "latest.pt") == written
    assert read(tmp_path / "latest.pt")["class_names"] == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == ["latest.pt"]


def test_the_best_keeps_its_content_when_the_latest_is_replaced(tmp_path: Path) -> None:
    first = write(CONTENT, tmp_path / "latest.pt")
    best = link_as(first, "best.pt")
    write({**CONTENT, "class_names": ["b"]}, tmp_path / "latest.pt")
    assert digest_of(tmp_path / "best.pt").sha256 == best.sha256 == first.sha256
    again = link_as(digest_of(tmp_path / "latest.pt"), "best.pt")
    assert read(again.path)["class_names"] == ["b"]


def test_a_disk_that_fills_up_leaves_the_old_checkpoint_and_nothing_else(tmp_path: Path) -> None:
    write(CONTENT, tmp_path / "latest.pt")
    code = """
import errno, resource, signal, sys
from pathlib import Path
import torch
from services.trainer.worker.checkpoint import write
from services.trainer.worker.errors import failure_of
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    write({"format": 1, "model": {"w": torch.ones(100_000)}}, Path(sys.argv[1]))
except Exception as error:
    print(failure_of(error).code)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "latest.pt")]
    output = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    assert output.stdout.strip() == "disk_full", output.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["latest.pt"]
    assert read(tmp_path / "latest.pt")["class_names"] == ["a"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_checkpoint_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    write({**CONTENT, "format": 2}, tmp_path / "latest.pt")
    with pytest.raises(InvalidJob, match="format 2, accepted is 1"):
        read(tmp_path / "latest.pt")


@pytest.mark.parametrize("stop", ["cancel", "pause", "drain"])
def test_a_request_is_consumed_and_only_a_cancellation_stays(tmp_path: Path, stop: str) -> None:
    stop_requested = StopSignal(tmp_path / "control")
    assert stop_requested() == ""
    (tmp_path / "control").write_text(f"{stop}\n")
    assert stop_requested() == stop
    stop_requested.acknowledge(stop)
    assert (tmp_path / "control").exists() == (stop == "cancel")


def test_a_word_that_is_no_stop_request_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "control").write_text("explode")
    assert StopSignal(tmp_path / "control")() == ""


def test_sigterm_asks_for_a_drain_and_a_cancellation_goes_before_it(tmp_path: Path) -> None:
    import signal

    stop_requested = StopSignal(tmp_path / "control")
    before = signal.getsignal(signal.SIGTERM)
    with stop_requested.handling_sigterm():
        signal.raise_signal(signal.SIGTERM)
        assert stop_requested() == "drain"
        (tmp_path / "control").write_text("cancel")
        assert stop_requested() == "cancel"
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("wanted", "reason"), [(True, "cpu gains nothing"), (False, "mixed_precision is false")])
def test_a_cpu_computes_in_full_precision_and_says_why(wanted: bool, reason: str) -> None:
    precision = choose_precision(wanted=wanted, device=torch.device("cpu"))
    assert not precision.half
    assert reason in precision.reason


def test_determinism_ends_with_the_run() -> None:
    with deterministic():
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_disk_that_takes_not_even_the_record_of_it_is_told_by_the_exit_status(run_dir: RunDir) -> None:
    """A real disk without a byte left, and a real process."""
    if refused := why_no_small_disks():
        pytest.skip(refused)
    child = [sys.executable, "-m", "tests.unit.trainer.worker.full_disk_child", str(run_dir.path), "0"]
    assert subprocess.run(own_mounts(child), cwd=REPOSITORY, check=False, timeout=300).returncode == DISK_FULL
    assert list(records_of(run_dir.journal)) == []
    # The next attempt, with room again, writes its record behind what the full disk left.
    assert main(["--run-dir", str(run_dir.path)]) == 1
    assert isinstance(list(records_of(run_dir.journal))[-1], Failed)
