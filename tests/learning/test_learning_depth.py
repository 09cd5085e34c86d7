"""Networks on views under many lights learn how deep a surface is, and train to the same weights again."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from truscore.synthesis.lit import render_lit_dataset

from services.trainer.worker.run_dir import RunDir, read_job
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.lit_surfaces import LitSurfaces
from services.trainer.worker.tasks.make import make_task, sample_count
from tests.learning.lit_runs import assert_answers_as_reported, assert_same_when_stopped, lay_out_lit
from tests.learning.run_folder import RunFolder

pytestmark = pytest.mark.learning

OBJECTS, LIGHTS, EPOCHS, SIDE = 14, 8, 6, 48
ROW = ("depth_reconstruction", "depth_net")


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lit")
    return render_lit_dataset(folder, count=OBJECTS, option="card", seed=4, lights=LIGHTS, image_size=(SIDE, SIDE))


def laid_out(folder: Path, objects: Path, *, epochs: int, side: int = SIDE) -> RunFolder:
    return lay_out_lit(folder, objects, *ROW, epochs=epochs, image_size=side)


@pytest.fixture(scope="module")
def learned(objects: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = laid_out(tmp_path_factory.mktemp("learned") / "run", objects, epochs=EPOCHS)
    assert run.finish() == 0, run.records[-1]
    return run


def test_it_beats_the_solver_with_either_integration(learned: RunFolder) -> None:
    comparison = learned.completed.comparison
    assert comparison is not None
    assert set(comparison.trivial_metrics) == {"flat_surface", "poisson", "bilateral"}
    for name in ("mean_depth_error_um", "mean_normal_error_deg"):
        best = min(metrics[name] for metrics in comparison.trivial_metrics.values())
        assert learned.completed.metrics[name] < 0.9 * best


def test_the_report_shows_depths_and_errors(learned: RunFolder) -> None:
    job = read_job(RunDir(path=learned.path))
    assert len(job.training) == LIGHTS * sample_count(job)
    report = json.loads((learned.path / learned.completed.report).read_text())
    assert report["validation"] == dict(learned.completed.metrics)
    assert len(report["image_errors"]) == len(job.validation) // LIGHTS == len(report["pictures"])
    with Image.open(learned.path / "report" / report["pictures"][0]["file"]) as image:
        assert image.size == (960, 320)  # truth, answer, error


def test_the_checkpoint_answers_as_the_run_reported(learned: RunFolder) -> None:
    assert_answers_as_reported(learned)


def test_training_samples_turn_object_lights_normals_and_depth_together(learned: RunFolder) -> None:
    job = read_job(RunDir(path=learned.path))
    training = make_task(job, evaluated=job.validation).training
    assert isinstance(training, LitSurfaces)
    for epoch in range(1, 9):
        sample = training[Key(epoch=epoch, index=0)]
        again = training[Key(epoch=epoch, index=0)]
        assert torch.equal(again.samples_LHW, sample.samples_LHW)
        assert sample.inside_HW.shape == (SIDE, SIDE)
        # Depth falls where its normals lean to: what is turned the wrong way has the wrong sign.
        right_HW, down_HW = np.gradient(sample.depth_HW.numpy(), axis=(1, 0))
        slope_HW3 = sample.normals_HW3.numpy()
        assert np.corrcoef(-slope_HW3[..., 0].ravel(), right_HW.ravel())[0, 1] > 0.8
        assert np.corrcoef(slope_HW3[..., 1].ravel(), down_HW.ravel())[0, 1] > 0.8
        shade_LHW = np.einsum("hwc,lc->lhw", slope_HW3, sample.lights_L3.numpy())
        darker = (sample.samples_LHW / sample.samples_LHW.mean(dim=0).clamp(min=1e-3)).numpy()
        agree = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(shade_LHW, darker, strict=True)]
        assert np.median(agree) > 0.3


def test_stopped_on_the_way_and_ordered_again_it_comes_to_the_same_weights(objects: Path, tmp_path: Path) -> None:
    alone, stopped = (laid_out(tmp_path / name, objects, epochs=2, side=32) for name in ("alone", "stopped"))
    assert_same_when_stopped(alone, stopped)
