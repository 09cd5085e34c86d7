"""Networks on views of several cameras learn how deep a surface is, and train to the same weights again."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from truscore.synthesis.lit import render_multi_view_dataset
from truscore.zoo import load_checkpoint_model

from services.trainer.worker.run_dir import RunDir, read_job
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.make import make_task, sample_count
from tests.learning.run_folder import RunFolder, lay_out

pytestmark = pytest.mark.learning

SCENES, VIEWS, LIGHTS, EPOCHS, SIDE = 10, 3, 3, 2, 32
ROW = {"category": "photometric_stereo", "option": "depth_reconstruction", "architecture": "multi_view_stereo"}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cards")
    return render_multi_view_dataset(folder, count=SCENES, views=VIEWS, seed=4, lights=LIGHTS, image_size=(SIDE, SIDE))


def laid_out(folder: Path, scenes: Path, *, epochs: int) -> RunFolder:
    overrides: dict[str, Any] = {
        "seed": 2,
        "image_size": SIDE,
        "hyperparameters": {
            "optimization": {"batch_size": 2},
            "training_process": {"epochs": epochs, "early_stopping": {"patience": epochs}},
        },
        "loss_config": {"regularization": {"dropout": 0.1}},
    }
    return lay_out(folder, scenes, **ROW, overrides=overrides)  # type: ignore[arg-type]


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
    network, recipe, _ = load_checkpoint_model(learned.path / learned.completed.path)
    job = read_job(RunDir(path=learned.path))
    assert recipe == job.recipe
    task = make_task(job, evaluated=job.validation)
    keys = [Key(epoch=0, index=index) for index in range(len(task.validation))]
    with torch.no_grad():
        results = task.evaluate(network, task.collate([task.validation[key] for key in keys]), keys).image_results
    assert task.metrics(results) == pytest.approx(dict(learned.completed.metrics), abs=1e-3)


def test_stopped_on_the_way_and_ordered_again_it_comes_to_the_same_weights(scenes: Path, tmp_path: Path) -> None:
    alone, stopped = (laid_out(tmp_path / name, scenes, epochs=2) for name in ("alone", "stopped"))
    assert alone.finish() == 0
    stopped.finish_stopped("drain", look=2)
    assert stopped.finish() == 0
    assert stopped.weights_sha256 == alone.weights_sha256
    assert [done.metrics for done in stopped.epochs] == [done.metrics for done in alone.epochs]
