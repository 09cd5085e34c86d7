"""Scores as the loop sees them: standardised by the training split, partly unknown, read in their own unit."""

import math
from pathlib import Path

import pytest
import torch
from truscore.datasets import ImageRecord
from truscore.zoo import build_model
from truscore.zoo.classification.network import Regressor

from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.make import make_task, prepare
from tests.unit.trainer.worker.labelled_folders import SCORES, job_of, record

NAMES = ("centring", "sharpness")


@pytest.fixture
def scored(tmp_path: Path) -> list[ImageRecord]:
    """Sharpness is known of all four, centring of two."""
    centring = {0: (("centring", 40.0),), 2: (("centring", 60.0),)}
    return [
        record(tmp_path, f"{number}.png", scores=(*centring.get(number, ()), ("sharpness", 2.0 * number)))
        for number in range(4)
    ]


def test_a_network_is_given_the_mean_and_deviation_of_the_training_split(
    tmp_path: Path, scored: list[ImageRecord]
) -> None:
    job = job_of(tmp_path, SCORES, scored, class_names=NAMES)
    network = build_model(job.recipe, 2)
    assert isinstance(network, Regressor)
    prepare(network, job)
    assert network.score_mean_K.tolist() == [50.0, 3.0]
    assert network.score_deviation_K.tolist() == pytest.approx([10.0, math.sqrt(5.0)])


def test_a_score_that_no_training_image_has_is_refused(tmp_path: Path, scored: list[ImageRecord]) -> None:
    job = job_of(tmp_path, SCORES, scored, class_names=("gloss", *NAMES))
    with pytest.raises(InvalidJob, match="gloss"):
        prepare(build_model(job.recipe, 3), job)


def test_verdicts_are_in_the_unit_of_the_dataset(tmp_path: Path, scored: list[ImageRecord]) -> None:
    job = job_of(tmp_path, SCORES, scored, class_names=NAMES)
    network = build_model(job.recipe, 2).eval()
    prepare(network, job)
    task = make_task(job, evaluated=job.validation)
    keys = [Key(epoch=0, index=index) for index in range(4)]
    with torch.no_grad():
        # A network that says nothing says the mean.
        for weight in network.get_submodule("head").parameters():
            weight.zero_()
        batch_evaluation = task.evaluate(network, task.collate([task.validation[key] for key in keys]), keys)
    assert batch_evaluation.image_results[1].target == (None, 2.0)
    assert batch_evaluation.image_results[0].prediction == pytest.approx((50.0, 3.0), abs=1e-3)
    metrics = task.metrics(batch_evaluation.image_results)
    assert metrics["R2_sharpness"] == pytest.approx(0.0, abs=1e-3)
    assert metrics["score_MAE_sharpness"] == pytest.approx(2.0, abs=1e-3)


@pytest.mark.parametrize("loss", ["smooth_l1", "mean_squared_error"])
def test_every_loss_trains_a_scorer(tmp_path: Path, scored: list[ImageRecord], loss: str) -> None:
    job = job_of(tmp_path, SCORES, scored, class_names=NAMES, loss_config={"primary_loss": loss})
    network = build_model(job.recipe, 2)
    prepare(network, job)
    task = make_task(job, evaluated=job.validation)
    keys = [Key(epoch=1, index=index) for index in range(4)]
    parts = task.losses(network, task.collate([task.training[key] for key in keys]))
    parts["classification"].backward()
    assert math.isfinite(parts["classification"].item())
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in network.parameters())
