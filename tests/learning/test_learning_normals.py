"""Networks on views under many lights learn what no solver knows of a surface, and train to the same weights again."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from truscore.synthesis.lit import render_lit_dataset

from services.trainer.worker.run_dir import RunDir, read_job
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.make import make_task, sample_count
from services.trainer.worker.tasks.normals import NormalEstimation
from tests.learning.lit_runs import assert_answers_as_reported, assert_same_when_stopped, lay_out_lit
from tests.learning.run_folder import RunFolder

pytestmark = pytest.mark.learning

OBJECTS, LIGHTS, EPOCHS = 14, 8, 8
ROW = ("surface_normal_estimation", "ps_net")


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lit")
    # Foil and gloss in print, of which every solver with Lambert's law takes highlights for slopes.
    return render_lit_dataset(folder, count=OBJECTS, option="card", seed=4, lights=LIGHTS, image_size=(32, 32))


def laid_out(folder: Path, objects: Path, *, epochs: int, network: str = "") -> RunFolder:
    return lay_out_lit(folder, objects, *ROW, epochs=epochs, network=network)


@pytest.fixture(scope="module")
def learned(objects: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = laid_out(tmp_path_factory.mktemp("learned") / "run", objects, epochs=EPOCHS)
    assert run.finish() == 0, run.records[-1]
    return run


def test_it_beats_the_best_solver_that_learns_nothing(learned: RunFolder) -> None:
    comparison = learned.completed.comparison
    assert comparison is not None
    assert set(comparison.trivial_metrics) == {"flat_surface", "least_squares", "black_level_cauchy"}
    best = min(metrics["mean_error_deg"] for metrics in comparison.trivial_metrics.values())
    assert learned.completed.metrics["mean_error_deg"] < 0.9 * best


def test_with_what_lies_around_a_pixel_it_learns_too_and_answers_as_its_run_reported(
    objects: Path, tmp_path: Path
) -> None:
    run = laid_out(tmp_path / "run", objects, epochs=4, network="spatial_set_network")
    assert run.finish() == 0, run.records[-1]
    comparison = run.completed.comparison
    assert comparison is not None
    best = min(metrics["mean_error_deg"] for metrics in comparison.trivial_metrics.values())
    assert run.completed.metrics["mean_error_deg"] < best
    assert_answers_as_reported(run)


def test_a_sample_is_an_object_and_the_report_shows_its_normals(learned: RunFolder) -> None:
    job = read_job(RunDir(path=learned.path))
    assert len(job.training) == LIGHTS * sample_count(job)
    report = json.loads((learned.path / learned.completed.report).read_text())
    assert report["validation"] == dict(learned.completed.metrics)
    assert len(report["image_errors"]) == len(job.validation) // LIGHTS == len(report["pictures"])
    assert [row["class"] for row in report["by_class"]] == [f"{LIGHTS} lights"]
    with Image.open(learned.path / "report" / report["pictures"][0]["file"]) as image:
        assert image.size == (960, 320)  # truth, answer, error


def test_the_checkpoint_answers_as_the_run_reported(learned: RunFolder) -> None:
    assert_answers_as_reported(learned)


def test_training_samples_are_parts_of_objects_under_some_of_their_lights(learned: RunFolder) -> None:
    job = read_job(RunDir(path=learned.path))
    task = make_task(job, evaluated=job.validation)
    assert isinstance(task, NormalEstimation)
    whole = task.training[Key(epoch=0, index=0)]
    drawn = [task.training[Key(epoch=epoch, index=0)] for epoch in range(1, 9)]
    assert {len(sample.lights_L3) for sample in drawn} > {LIGHTS}
    for sample in drawn:
        assert set(sample.place_P) <= set(whole.place_P)
        at = np.searchsorted(whole.place_P, sample.place_P)
        assert torch.equal(sample.normals_P3, whole.normals_P3[at])
        again = task.training[Key(epoch=1, index=0)]
        assert torch.equal(again.samples_LP, drawn[0].samples_LP)
    # Lights are off as a rig's are, and stay unit vectors.
    assert all(torch.allclose(sample.lights_L3.norm(dim=1), torch.ones(1), atol=1e-5) for sample in drawn)
    assert any((sample.lights_L3[:, None] - whole.lights_L3).norm(dim=-1).amin(dim=1).max() > 0.01 for sample in drawn)


def test_stopped_on_the_way_and_ordered_again_it_comes_to_the_same_weights(objects: Path, tmp_path: Path) -> None:
    alone, stopped = (laid_out(tmp_path / name, objects, epochs=2) for name in ("alone", "stopped"))
    assert_same_when_stopped(alone, stopped)
