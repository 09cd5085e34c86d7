"""Networks that find what each pixel shows learn it, and give the same weights whenever they are trained again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from truscore.augmentation.pixel_labels import label_map
from truscore.metrics.segmentation import PixelConfusion, count_pixels, segmentation_metrics

from services.trainer.worker.run_dir import RunDir, TrainingJob, read_job
from tests.learning.run_folder import RunFolder, lay_out
from tests.learning.worn_corners import write_worn_corners

pytestmark = pytest.mark.learning

ROWS = (
    ("corner_analysis", "damage_detection", "u_net"),
    ("edge_analysis", "wear_detection", "deeplabv3"),
    ("corner_analysis", "damage_detection", "segment_anything"),
)
EPOCHS = {"u_net": 6, "deeplabv3": 7, "segment_anything": 10}
SIZE = 64
MARGIN = 0.25  # of overlap, above the best guess that looks at no image


@pytest.fixture(scope="module")
def corners(tmp_path_factory: pytest.TempPathFactory, times: int) -> Path:
    return write_worn_corners(tmp_path_factory.mktemp("corners") / "set", count=times * 36, size=SIZE, seed=3)


@pytest.fixture(scope="module")
def few_corners(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_worn_corners(tmp_path_factory.mktemp("few-corners") / "set", count=10, size=32, seed=4)


@pytest.fixture(scope="module", params=ROWS, ids=lambda row: row[2])
def learned(
    request: pytest.FixtureRequest, corners: Path, tmp_path_factory: pytest.TempPathFactory, times: int
) -> RunFolder:
    category, option, architecture = request.param
    run = lay_out(
        tmp_path_factory.mktemp(architecture) / "run", corners,
        category=category, option=option, architecture=architecture,
        overrides={
            "seed": 1, "image_size": SIZE,
            "hyperparameters": {"training_process": {"epochs": times * EPOCHS[architecture]}},
        },
    )  # fmt: skip
    assert run.finish() == 0, run.records[-1]
    return run


def test_it_finds_wear_better_than_any_guess_that_looks_at_no_image(learned: RunFolder) -> None:
    losses = [done.train_loss for done in learned.epochs]
    assert losses[-1] < 0.6 * losses[0]
    guessed = best_guess(read_job(RunDir(path=learned.path)))
    assert 0.05 < guessed < 0.5
    assert learned.completed.metrics["mask_mean_IoU"] > guessed + MARGIN


def test_the_report_shows_masks_and_curves(learned: RunFolder) -> None:
    report = json.loads((learned.path / learned.completed.report).read_text())
    assert report["validation"] == dict(learned.completed.metrics)
    assert [row["class"] for row in report["by_class"]] == ["nothing", "wear"]
    assert {diagram["kind"] for diagram in report["diagrams"]} >= {"precision_recall", "threshold"}
    shown = [error["image"] for error in sorted(report["image_errors"], key=lambda error: -error["error"])]
    assert len(report["pictures"]) == min(6, len(shown))
    for picture in report["pictures"]:
        with Image.open(learned.path / "report" / picture["file"]) as image:
            assert max(image.size) == 640


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2])
def test_run_again_and_stopped_halfway_it_comes_to_the_same_weights(
    row: tuple[str, str, str], few_corners: Path, tmp_path: Path
) -> None:
    category, option, architecture = row
    tiny: dict[str, Any] = {
        "seed": 7, "image_size": 32,
        "hyperparameters": {"optimization": {"batch_size": 3}, "training_process": {"epochs": 2}},
        "loss_config": {"regularization": {"dropout": 0.1}},
    }  # fmt: skip

    def new(name: str) -> RunFolder:
        return lay_out(
            tmp_path / name, few_corners, category=category, option=option, architecture=architecture, overrides=tiny
        )

    alone, stopped = new("alone"), new("stopped")
    assert alone.finish() == 0
    stopped.finish_stopped("drain", look=2)
    assert stopped.finish() == 0
    assert stopped.weights_sha256 == alone.weights_sha256
    assert [done.metrics for done in stopped.epochs] == [done.metrics for done in alone.epochs]


def best_guess(job: TrainingJob) -> float:
    """The overlap of the best of: all damaged, nothing damaged, and damaged where it often is in training."""
    often_HW = np.mean([label_map(record, SIZE, SIZE) == 1 for record in job.training], axis=0)
    guesses = [often_HW >= share for share in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.1)]
    return max(segmentation_metrics(_image_result(job, guess_HW))["mask_mean_IoU"] for guess_HW in guesses)


def _image_result(job: TrainingJob, guess_HW: np.ndarray) -> list[PixelConfusion]:
    return [
        count_pixels(number, label_map(record, SIZE, SIZE), guess_HW.astype(np.uint8), classes=2)
        for number, record in enumerate(job.validation)
    ]
