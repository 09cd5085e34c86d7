"""Networks on views of several cameras learn how deep a surface is, and train to the same weights again."""

import json
from pathlib import Path

import pytest
from PIL import Image
from truscore.synthesis.lit import render_multi_view_dataset

from services.trainer.worker.run_dir import RunDir, read_job
from services.trainer.worker.tasks.make import sample_count
from tests.learning.lit_runs import assert_answers_as_reported, assert_same_when_stopped, lay_out_lit
from tests.learning.run_folder import RunFolder

pytestmark = pytest.mark.learning

SCENES, VIEWS, LIGHTS, EPOCHS, SIDE = 10, 3, 3, 2, 32
ROW = ("depth_reconstruction", "multi_view_stereo")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cards")
    return render_multi_view_dataset(folder, count=SCENES, views=VIEWS, seed=4, lights=LIGHTS, image_size=(SIDE, SIDE))


def laid_out(folder: Path, scenes: Path, *, epochs: int) -> RunFolder:
    return lay_out_lit(folder, scenes, *ROW, epochs=epochs, image_size=SIDE)


@pytest.fixture(scope="module")
def learned(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = laid_out(tmp_path_factory.mktemp("learned") / "run", scenes, epochs=EPOCHS)
    assert run.finish() == 0, run.records[-1]
    return run


def test_it_beats_the_classical_sweep_and_the_plane_in_the_middle(learned: RunFolder) -> None:
    comparison = learned.completed.comparison
    assert comparison is not None
    assert set(comparison.trivial_metrics) == {"middle_plane", "plane_sweep"}
    for metrics in comparison.trivial_metrics.values():
        assert learned.completed.metrics["mean_error_intervals"] < 0.9 * metrics["mean_error_intervals"]


def test_the_report_shows_depths_and_errors(learned: RunFolder) -> None:
    job = read_job(RunDir(path=learned.path))
    assert len(job.training) == LIGHTS * VIEWS * sample_count(job)
    report = json.loads((learned.path / learned.completed.report).read_text())
    assert report["validation"] == dict(learned.completed.metrics)
    assert len(report["image_errors"]) == len(job.validation) // (LIGHTS * VIEWS) == len(report["pictures"])
    with Image.open(learned.path / "report" / report["pictures"][0]["file"]) as image:
        assert image.size == (960, 320)  # truth, answer, error


def test_the_checkpoint_answers_as_the_run_reported(learned: RunFolder) -> None:
    assert_answers_as_reported(learned)


def test_stopped_on_the_way_and_ordered_again_it_comes_to_the_same_weights(scenes: Path, tmp_path: Path) -> None:
    alone, stopped = (laid_out(tmp_path / name, scenes, epochs=2) for name in ("alone", "stopped"))
    assert_same_when_stopped(alone, stopped)
