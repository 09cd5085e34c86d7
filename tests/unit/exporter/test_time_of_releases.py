"""What a release need not wait for: imports that nobody uses, images decoded twice, latencies measured again, what the
checkpoint says while its file is made."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from services.exporter.child.ahead import Ahead
from services.exporter.child.benchmark import Stopwatch, measure
from services.exporter.child.decoded import Decoded
from services.exporter.child.evaluation import evaluate
from services.exporter.child.export_target import Answers, Picture
from services.exporter.child.formats.onnx import graph_file
from services.exporter.child.pictures import Pictures
from services.exporter.child.refused import ExportRefused
from tests.unit.exporter.test_framed_models import picture, tiny
from tests.unit.exporter.test_gate import labelled_as

PICTURES = [np.zeros((3, 2, side), np.float32) for side in (2, 3)]


def test_the_child_starts_without_the_compiler_of_torch_and_regions_are_pooled_as_with_it() -> None:
    script = (
        "import sys\n"
        "from truscore.zoo.torch_imports import import_torchvision\n"
        "import_torchvision()\n"
        "import services.exporter.child.convert\n"
        "assert 'torch._dynamo' not in sys.modules\n"
        "from torchvision.ops.roi_align import is_compile_supported as given\n"
        "before = given('cpu'), given('meta')\n"
        "from torch._dynamo.utils import is_compile_supported as own\n"
        "assert given is not own\n"
        "assert before == (own('cpu'), own('meta'))\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)


def ticking(step_s: float) -> Iterator[float]:
    now_s = 0.0
    while True:
        yield now_s
        now_s += step_s


def stopwatch(step_s: float) -> Stopwatch:
    ticks = ticking(step_s)
    return Stopwatch(run=lambda picture_CHW: picture_CHW.shape, clock=lambda: next(ticks))


def test_the_time_of_the_run_that_warms_a_model_up_is_left_out() -> None:
    watch = stopwatch(0.25)
    assert [watch(each) for each in PICTURES] == [(3, 2, 2), (3, 2, 3)]
    assert watch.elapsed_ms == [250.0]


@pytest.mark.parametrize(("step_s", "times"), [(0.01, 1 + 3 * 2), (0.2, 3), (0.6, 1)])
def test_latencies_are_measured_again_until_there_is_enough_to_go_by(step_s: float, times: int) -> None:
    """Steps of both: after a second of them there is."""
    file, eager = stopwatch(step_s), stopwatch(step_s)
    for picture_CHW in PICTURES:
        eager(picture_CHW)
        file(picture_CHW)
    found = measure(file, eager, PICTURES, rounds=3)
    assert (len(file.elapsed_ms), len(eager.elapsed_ms)) == (times, times)
    assert found.latency_ms_p50 == pytest.approx(step_s * 1000)
    assert found.images == 2


def test_one_picture_alone_is_measured_though_it_warmed_both_up() -> None:
    file, eager = stopwatch(2.0), stopwatch(2.0)
    eager(PICTURES[0])
    file(PICTURES[0])
    assert measure(file, eager, PICTURES[:1], rounds=1).eager_latency_ms_p50 == 2000


def test_decoded_images_are_kept_as_far_as_there_is_room() -> None:
    made: list[int] = []

    def make(place: int) -> bytes:
        made.append(place)
        return b"." * 60

    decoded = Decoded(100)
    for place in (0, 1, 0, 1):
        assert decoded.get(place, lambda place=place: make(place), size_bytes=len) == b"." * 60  # type: ignore[misc]
    assert made == [0, 1, 1]


def grading(here: list[int], *, elsewhere: Callable[[], None] = lambda: None) -> Callable[[Picture], Answers]:
    """By brightness; counts its pictures in this process, and in another does what is said first."""
    ours = os.getpid()

    def run(picture_CHW: Picture) -> Answers:
        if os.getpid() == ours:
            here.append(1)
        else:
            elsewhere()
        grade = int(picture_CHW.mean() > 0.5)
        return {"grade_index": np.array(grade), "probabilities": np.eye(3, dtype=np.float32)[grade]}

    return run


def test_what_the_checkpoint_is_worth_is_worked_out_by_another_process_which_leaves_what_it_decoded(
    tmp_path: Path,
) -> None:
    here: list[int] = []
    run = grading(here)
    labelled = labelled_as(run, tmp_path)
    here.clear()
    found = Ahead.begin(run, [labelled]).finish()
    assert here == []
    for file in labelled.files:
        file.unlink()
    assert found == {labelled.split: evaluate(run, labelled)}
    assert len(here) == len(labelled.files) > 1


def test_nothing_comes_of_a_process_that_died_over_it(tmp_path: Path) -> None:
    run = grading([], elsewhere=lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert Ahead.begin(run, [labelled_as(run, tmp_path)]).finish() == {}


def test_pictures_are_decoded_once_beside_what_is_done_meanwhile(tmp_path: Path) -> None:
    files = []
    for side in (5, 6):
        files.append(str(tmp_path / f"{side}.png"))
        Image.fromarray(np.full((side, 4, 3), 51, np.uint8)).save(files[-1])
    pictures = Pictures(files)
    pictures.begin()
    assert [picture_CHW.shape for picture_CHW in pictures] == [(3, 5, 4), (3, 6, 4)]
    assert [here is there for here, there in zip(pictures, pictures[:], strict=True)] == [True, True]
    assert float(pictures[-1].max()) == pytest.approx(0.2)


def test_a_picture_that_cannot_be_decoded_refuses_the_file_by_its_code(tmp_path: Path) -> None:
    (tmp_path / "card.png").write_bytes(b"no picture")
    with pytest.raises(ExportRefused) as refused:
        _ = Pictures([str(tmp_path / "card.png")])[0]
    assert refused.value.code == "dataset_unreadable"


def test_torchs_own_checks_of_a_graph_change_nothing_of_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, example_CHW = tiny("ordinal_classification"), picture(61, 40)
    graph_file.write(target, tmp_path / "unchecked.onnx", example_CHW)
    monkeypatch.setattr(graph_file, "_unchecked_passes", nullcontext)
    graph_file.write(target, tmp_path / "checked.onnx", example_CHW)
    assert (tmp_path / "unchecked.onnx").read_bytes() == (tmp_path / "checked.onnx").read_bytes()
