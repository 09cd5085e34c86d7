"""Networks that find instances learn it, and give the same weights whenever they are trained again."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from services.trainer.worker.run_dir import RunDir, read_job
from tests.learning.run_folder import PLAIN_HEAD, RunFolder, guessed_metrics, lay_out
from tests.learning.scattered_cards import write_scattered_cards
from tests.rendering.defects import render_defects

pytestmark = pytest.mark.learning

ROWS = (
    ("border_detection", "single_class", "yolo"),
    ("border_detection", "single_class", "retinanet"),
    ("border_detection", "dual_class", "detectron2"),
    ("surface_analysis", "defect_detection", "fpn"),
    ("surface_analysis", "defect_detection", "swin_transformer"),
    ("surface_analysis", "defect_detection", "convnext"),
)
SIZES = {"yolo": 96}  # pixels: at 64 it did little better than the guess
USUAL_SIZE = 64
# As many as each takes to be clearly better than the guess; "retinanet" was not, after fewer pictures.
EPOCHS = {"retinanet": 14, "detectron2": 18, "fpn": 8, "yolo": 12}
USUAL_EPOCHS = 10
PICTURES = {"retinanet": 80}
USUAL_PICTURES = 40
# Learning rate and images a step, at which so few pictures suffice.
PACE = {"retinanet": (2e-3, 2), "detectron2": (0.02, 2), "fpn": (2e-3, 2)}
USUAL_PACE = (4e-3, 4)
MARGIN = 0.1  # of AP at an overlap of 0.50, above a guess that knows where and how large things tend to be

Write = Callable[[str, int, int], Path]


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Pictures for an option: how many, and how large; each set is rendered once."""

    @cache
    def written(option: str, count: int, size: int) -> Path:
        folder = tmp_path_factory.mktemp(option) / "set"
        if option == "defect_detection":
            return render_defects(folder, count=count, seed=11, image_size=(size, size))
        return write_scattered_cards(folder, count=count, option=option, size=size, seed=11)

    return written


@pytest.fixture(scope="module", params=ROWS, ids=lambda row: row[2])
def learned(
    request: pytest.FixtureRequest, write: Write, tmp_path_factory: pytest.TempPathFactory, times: int
) -> RunFolder:
    category, option, architecture = request.param
    size = SIZES.get(architecture, USUAL_SIZE)
    rate, batch_size = PACE.get(architecture, USUAL_PACE)
    epochs = times * EPOCHS.get(architecture, USUAL_EPOCHS)
    overrides = {
        "image_size": size,
        "architecture_config": PLAIN_HEAD if category == "border_detection" else {},
        "hyperparameters": {
            "optimization": {"batch_size": batch_size, "learning_rate": rate, "lr_scheduler": "one_cycle"},
            "training_process": {"epochs": epochs, "validation_frequency": epochs},
        },
    }
    pictures = times * PICTURES.get(architecture, USUAL_PICTURES)
    run = lay_out(
        tmp_path_factory.mktemp(architecture) / "run", write(option, pictures, size),
        category=category, option=option, architecture=architecture, overrides=overrides,
    )  # fmt: skip
    assert run.finish() == 0, run.records[-1]
    return run


def test_it_finds_instances_better_than_a_guess_that_knows_where_they_lie(learned: RunFolder) -> None:
    losses = [done.train_loss for done in learned.epochs]
    assert losses[-1] < 0.8 * losses[0]
    guessed = guessed_metrics(read_job(RunDir(path=learned.path)))
    reached = learned.completed.metrics
    # The guess has boxes only. Of defects what counts is the mask, which is harder to guess than its box.
    assert reached.get("mask_AP50", reached["box_AP50"]) > guessed["box_AP50"] + MARGIN
    report = json.loads((learned.path / learned.completed.report).read_text())
    assert report["validation"] == dict(learned.completed.metrics)
    assert report["pictures"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2])
def test_a_detector_stopped_halfway_comes_to_the_weights_of_one_left_alone(
    row: tuple[str, str, str], write: Write, tmp_path: Path
) -> None:
    category, option, architecture = row
    tiny: dict[str, Any] = {
        "seed": 7, "image_size": 64,
        "architecture_config": PLAIN_HEAD if category == "border_detection" else {},
        "hyperparameters": {
            "optimization": {"batch_size": 2},
            "training_process": {"epochs": 2, "validation_frequency": 2},
        },
        "loss_config": {"regularization": {"dropout": 0.1}},
    }  # fmt: skip

    def new(name: str) -> RunFolder:
        return lay_out(
            tmp_path / name, write(option, 8, 64),
            category=category, option=option, architecture=architecture, overrides=tiny,
        )  # fmt: skip

    alone, stopped = new("alone"), new("stopped")
    assert alone.finish() == 0
    # The second run of the same seed, with a stop in its first epoch and its generators put back after it.
    stopped.finish_stopped("drain", look=2)
    assert stopped.finish() == 0
    assert stopped.weights_sha256 == alone.weights_sha256
    assert [done.metrics for done in stopped.epochs] == [done.metrics for done in alone.epochs]
