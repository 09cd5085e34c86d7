"""A network that is given no lights learns where they stand, and trains to the same weights again."""

from pathlib import Path

import pytest
import torch
from truscore.synthesis.lit import render_lit_dataset

from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.run_dir import RunDir, read_job
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.make import make_task
from services.trainer.worker.tasks.uncalibrated_normals import UncalibratedNormalEstimation
from tests.learning.lit_runs import assert_answers_as_reported, assert_same_when_stopped, lay_out_lit
from tests.learning.run_folder import RunFolder

pytestmark = pytest.mark.learning

OBJECTS, LIGHTS, EPOCHS = 20, 6, 40
ROW = ("surface_normal_estimation", "ps_net_uncalibrated")


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lit")
    return render_lit_dataset(folder, count=OBJECTS, option="ellipsoid", seed=4, lights=LIGHTS, image_size=(32, 32))


def laid_out(folder: Path, objects: Path, *, epochs: int) -> RunFolder:
    return lay_out_lit(folder, objects, *ROW, epochs=epochs, image_size=32, dropout=0.0)


@pytest.fixture(scope="module")
def learned(objects: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = laid_out(tmp_path_factory.mktemp("learned") / "run", objects, epochs=EPOCHS)
    assert run.finish() == 0, run.records[-1]
    return run


def test_it_finds_lights_and_beats_a_flat_surface(learned: RunFolder) -> None:
    comparison = learned.completed.comparison
    assert comparison is not None
    assert set(comparison.trivial_metrics) == {"flat_surface", "uncalibrated_solver"}
    metrics = learned.completed.metrics
    assert metrics["mean_error_deg"] < 0.6 * comparison.trivial_metrics["flat_surface"]["mean_error_deg"]
    # A guess of (0, 0, 1) would be off by the lamps' mean distance from it, 40 degrees.
    assert metrics["light_error_deg"] < 25


def test_the_checkpoint_answers_as_the_run_reported(learned: RunFolder) -> None:
    assert_answers_as_reported(learned, within=1e-2)


def test_lights_of_a_training_sample_are_as_bright_as_their_views(learned: RunFolder) -> None:
    job = read_job(RunDir(path=learned.path))
    task = make_task(job, evaluated=job.validation)
    assert isinstance(task, UncalibratedNormalEstimation)
    whole = task.training[Key(epoch=0, index=0)]
    drawn = task.training[Key(epoch=1, index=0)]
    for sample in (whole, drawn):
        shade_LHW = torch.einsum("hwc,lc->lhw", sample.normals_HW3, sample.lights_L3).clamp(min=0)
        bright = (shade_LHW > 0.3) & (sample.inside_HW > 0)
        ratio_L = torch.stack([sample.samples_LHW[at][bright[at]].median() for at in range(len(shade_LHW))])
        shade_L = torch.stack([shade_LHW[at][bright[at]].median() for at in range(len(shade_LHW))])
        share_L = ratio_L / shade_L
        assert share_L.max() < 1.3 * share_L.min()
    assert drawn.lights_L3.norm(dim=1).std() > whole.lights_L3.norm(dim=1).std()


def test_objects_without_directions_are_evaluated_on_and_not_trained_on(objects: Path, tmp_path: Path) -> None:
    run = laid_out(tmp_path / "run", objects, epochs=1)
    job = read_job(RunDir(path=run.path))
    task = make_task(job, evaluated=job.validation)
    assert isinstance(task, UncalibratedNormalEstimation)
    loaded = task.training._loaded(0)
    loaded.lights_L3[:] = 0
    task.training._cache[0] = loaded
    assert len(task.training[Key(epoch=0, index=0)].lights_L3) == LIGHTS
    with pytest.raises(InvalidJob, match="lights are not known, and they are what this network learns"):
        task.training[Key(epoch=1, index=0)]


def test_stopped_on_the_way_and_ordered_again_it_comes_to_the_same_weights(objects: Path, tmp_path: Path) -> None:
    alone, stopped = (laid_out(tmp_path / name, objects, epochs=2) for name in ("alone", "stopped"))
    assert_same_when_stopped(alone, stopped)
