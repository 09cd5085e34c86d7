"""Labels as the loop sees them: several at once, and none at all."""

from pathlib import Path

import pytest
import torch
from truscore.datasets import ImageRecord
from truscore.zoo import build_model

from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.make import make_task
from tests.unit.trainer.worker.labelled_folders import DAMAGES, job_of, record

NAMES = ("crease", "dent", "scratch")


@pytest.fixture
def labelled(tmp_path: Path) -> list[ImageRecord]:
    output = [(1, 3), (), (2,)]
    return [record(tmp_path, f"{number}.png", labels=labels) for number, labels in enumerate(output)]


def test_a_target_has_a_place_for_each_class_and_may_be_empty(tmp_path: Path, labelled: list[ImageRecord]) -> None:
    task = make_task(job_of(tmp_path, DAMAGES, labelled, class_names=NAMES), evaluated=tuple(labelled))
    batch = task.collate([task.training[Key(epoch=0, index=index)] for index in range(3)])
    assert batch.target_B.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_verdicts_have_a_probability_for_each_class(tmp_path: Path, labelled: list[ImageRecord]) -> None:
    job = job_of(tmp_path, DAMAGES, labelled, class_names=NAMES)
    task = make_task(job, evaluated=job.validation)
    keys = [Key(epoch=0, index=index) for index in range(3)]
    with torch.no_grad():
        network = build_model(job.recipe, 3).eval()
        batch_evaluation = task.evaluate(network, task.collate([task.validation[key] for key in keys]), keys)
    assert [image_result.target for image_result in batch_evaluation.image_results] == [
        (True, False, True),
        (False, False, False),
        (False, True, False),
    ]
    assert all(0 < share < 1 for image_result in batch_evaluation.image_results for share in image_result.probabilities)
    assert "mAP" in task.metrics(batch_evaluation.image_results)


@pytest.mark.parametrize("architecture", ["multi_head_cnn", "attention_network"])
@pytest.mark.parametrize("loss", ["cross_entropy", "focal_loss"])
def test_every_loss_trains_every_network(
    tmp_path: Path, labelled: list[ImageRecord], architecture: str, loss: str
) -> None:
    row = (*DAMAGES[:2], architecture)
    job = job_of(tmp_path, row, labelled, class_names=NAMES, loss_config={"primary_loss": loss})
    network = build_model(job.recipe, 3)
    task = make_task(job, evaluated=job.validation)
    keys = [Key(epoch=1, index=index) for index in range(3)]
    parts = task.losses(network, task.collate([task.training[key] for key in keys]))
    parts["classification"].backward()
    assert all(weight.grad is not None for weight in network.parameters())
