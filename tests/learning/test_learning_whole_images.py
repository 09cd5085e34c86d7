"""Networks that see an image as a whole learn, and give the same weights whenever they are trained again."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from truscore import catalog
from truscore.datasets import ImageRecord
from truscore.metrics.multilabel import MultilabelPrediction, multilabel_metrics
from truscore.metrics.ordinal import OrdinalPrediction, ordinal_metrics
from truscore.metrics.regression import RegressionPrediction, regression_metrics
from truscore.zoo import load_checkpoint_model

from services.trainer.journal import Evaluated
from services.trainer.worker.run_dir import RunDir, TrainingJob, read_job
from services.trainer.worker.tasks import Key
from services.trainer.worker.tasks.make import make_task
from tests.learning.run_folder import RunFolder, lay_out
from tests.rendering.labelled import render_graded, render_labelled, render_scored

pytestmark = pytest.mark.learning

EPOCHS, COUNT = 12, 120
# It has to learn first that neighbouring pixels belong together.
MORE_EPOCHS, MORE_PICTURES = {"vision_transformer": 24}, {"vision_transformer": 240}


@dataclass(frozen=True, kw_only=True, slots=True)
class LearningTask:
    """What is rendered for a task, what it is evaluated by, and how far above the best guess that looks at no image."""

    render: Callable[..., Path]
    metric: str
    margin: float
    side: int = 32


LEARNING_TASKS: Mapping[str, LearningTask] = MappingProxyType(
    {
        "ordinal_classification": LearningTask(
            render=lambda folder, **how: render_graded(folder, grades=(1, 5, 10), **how),
            metric="quadratic_weighted_kappa",
            margin=0.2,
        ),
        "regression": LearningTask(render=render_scored, metric="R2", margin=0.2),
        "multilabel_classification": LearningTask(render=render_labelled, metric="mAP", margin=0.07, side=48),
    }
)
# Each network once; the other rows are the same networks for other pictures, and are trained for an epoch below.
TRAINED = (
    ("corner_analysis", "quality_classification", "resnet"),
    ("corner_analysis", "quality_classification", "vision_transformer"),
    ("corner_analysis", "quality_classification", "efficientnet"),
    ("surface_analysis", "quality_rating", "densenet"),
    ("corner_analysis", "sharpness_rating", "custom_cnn"),
    ("corner_analysis", "sharpness_rating", "feature_pyramid"),
    ("surface_analysis", "damage_classification", "multi_head_cnn"),
    ("surface_analysis", "damage_classification", "attention_network"),
)
ROWS = tuple((row.category, row.option, row.architecture) for row in catalog.ROWS if row.task in LEARNING_TASKS)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, times: int) -> Mapping[str, Path]:
    """A set to learn from, for each architecture."""
    root = tmp_path_factory.mktemp("pictures")

    def rendered(row: tuple[str, str, str]) -> Path:
        learning_task = LEARNING_TASKS[task_of(row)]
        count = times * MORE_PICTURES.get(row[2], COUNT)
        return learning_task.render(root / row[2], count=count, seed=11, side=learning_task.side)

    return {row[2]: rendered(row) for row in TRAINED}


@pytest.fixture(scope="module")
def few_pictures(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    root = tmp_path_factory.mktemp("few-pictures")
    return {
        task: learning_task.render(root / task, count=18, seed=5, side=learning_task.side)
        for task, learning_task in LEARNING_TASKS.items()
    }


def task_of(row: tuple[str, str, str]) -> str:
    return catalog.row_of(*row).task


def laid_out(folder: Path, row: tuple[str, str, str], pictures: Path, *, epochs: int) -> RunFolder:
    category, option, architecture = row
    task = task_of(row)
    overrides: dict[str, Any] = {
        "seed": 1,
        "image_size": LEARNING_TASKS[task].side,
        "hyperparameters": {
            "optimization": {"batch_size": 4},
            "training_process": {"epochs": epochs, "early_stopping": {"patience": epochs}},
        },
        "loss_config": {"regularization": {"dropout": 0.1}},
    }
    return lay_out(folder, pictures, category=category, option=option, architecture=architecture, overrides=overrides)


@pytest.fixture(scope="module", params=TRAINED, ids=lambda row: row[2])
def learned(
    request: pytest.FixtureRequest, pictures: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory, times: int
) -> RunFolder:
    epochs = times * MORE_EPOCHS.get(request.param[2], EPOCHS)
    shown = pictures[request.param[2]]
    run = laid_out(tmp_path_factory.mktemp("learned") / "run", request.param, shown, epochs=epochs)
    assert run.finish() == 0, run.records[-1]
    return run


def test_the_loss_falls_and_it_beats_the_best_guess_that_looks_at_no_image(learned: RunFolder) -> None:
    job = read_job(RunDir(path=learned.path))
    task = catalog.row_of(job.recipe.category, job.recipe.option, job.recipe.architecture).task
    learning_task = LEARNING_TASKS[task]
    losses = [done.train_loss for done in learned.epochs]
    assert min(losses[-3:]) < 0.9 * losses[0]
    reached = learned.completed.metrics[learning_task.metric]
    assert reached > guessed_metrics(job, task)[learning_task.metric] + learning_task.margin


def test_the_checkpoint_answers_as_the_run_reported(learned: RunFolder) -> None:
    network, recipe, class_names = load_checkpoint_model(learned.path / learned.completed.path)
    job = read_job(RunDir(path=learned.path))
    assert (recipe, class_names) == (job.recipe, job.class_names)
    task = make_task(job, evaluated=job.validation)
    metrics = task.metrics(evaluated_on(task, network))
    assert metrics == pytest.approx(dict(learned.completed.metrics), abs=0.02)


def test_the_report_shows_what_went_worst_and_why(learned: RunFolder) -> None:
    report = json.loads((learned.path / learned.completed.report).read_text())
    assert report["validation"] == dict(learned.completed.metrics)
    assert len(report["image_errors"]) == len(read_job(RunDir(path=learned.path)).validation)
    assert report["by_class"]
    (evaluated,) = (record for record in learned.records if isinstance(record, Evaluated))
    assert [each["title"] for each in evaluated.diagrams] == [each["title"] for each in report["diagrams"]]
    assert [each["counts"] for each in evaluated.matrices] == [each["counts"] for each in report["matrices"]]
    assert (len(evaluated.by_class), evaluated.left_out) == (len(report["by_class"]), 0)
    assert report["pictures"]
    for picture in report["pictures"]:
        with Image.open(learned.path / "report" / picture["file"]) as image:
            assert image.size[0] == 480


@pytest.mark.parametrize("row", TRAINED, ids=lambda row: row[2])
def test_stopped_on_the_way_and_ordered_again_it_comes_to_the_same_weights(
    row: tuple[str, str, str], few_pictures: Mapping[str, Path], tmp_path: Path
) -> None:
    alone, stopped = (
        laid_out(tmp_path / name, row, few_pictures[task_of(row)], epochs=2) for name in ("alone", "stopped")
    )
    assert alone.finish() == 0
    stopped.finish_stopped("drain", look=2)
    assert stopped.finish() == 0
    assert stopped.weights_sha256 == alone.weights_sha256
    assert [done.metrics for done in stopped.epochs] == [done.metrics for done in alone.epochs]


@pytest.mark.parametrize("row", [row for row in ROWS if row not in TRAINED], ids="-".join)
def test_the_same_networks_train_for_the_other_options(
    row: tuple[str, str, str], few_pictures: Mapping[str, Path], tmp_path: Path
) -> None:
    once, again = (laid_out(tmp_path / name, row, few_pictures[task_of(row)], epochs=1) for name in ("once", "again"))
    assert once.finish() == again.finish() == 0
    assert LEARNING_TASKS[catalog.row_of(*row).task].metric in once.completed.metrics
    assert once.weights_sha256 == again.weights_sha256


def evaluated_on(task: Any, network: Any) -> list[Any]:
    keys = [Key(epoch=0, index=index) for index in range(len(task.validation))]
    with torch.no_grad():
        batch = task.collate([task.validation[key] for key in keys])
        return list(task.evaluate(network, batch, keys).image_results)


def guessed_metrics(job: TrainingJob, task: str) -> dict[str, float]:
    """What it is worth to say of every image what the training images say on the whole: the most frequent grade, the
    mean score, how often each class is there."""
    classes = len(job.class_names)
    if task == "regression":
        mean = float(np.mean([dict(record.scores)["sharpness"] for record in job.training]))
        scored = [
            RegressionPrediction(image=number, target=(dict(record.scores)["sharpness"],), prediction=(mean,))
            for number, record in enumerate(job.validation)
        ]
        return regression_metrics(scored, job.class_names)
    shares_K = np.array([_there(record, classes) for record in job.training]).mean(axis=0)
    if task == "multilabel_classification":
        labelled = [
            MultilabelPrediction(image=number, target=_there(record, classes), probabilities=tuple(shares_K.tolist()))
            for number, record in enumerate(job.validation)
        ]
        return multilabel_metrics(labelled)
    graded = [
        OrdinalPrediction(
            image=number,
            target=_there(record, classes).index(True),
            prediction=int(shares_K.argmax()),
            probabilities=tuple(shares_K.tolist()),
        )
        for number, record in enumerate(job.validation)
    ]
    return ordinal_metrics(graded, job.grades)


def _there(record: ImageRecord, classes: int) -> tuple[bool, ...]:
    return tuple(label in (record.labels or ()) for label in range(1, classes + 1))
