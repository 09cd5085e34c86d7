"""What the small recipe reaches on real pictures: `make bench ARGS=tests/bench/test_accuracy.py` prints it.

Beside each figure stands what a guess reaches that only knows where things lie on average: on a flat-bed scanner cards
lie almost in one place, and a figure means nothing without it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.trainer.worker.run_dir import RunDir, read_job
from tests.learning.run_folder import guessed_metrics, lay_out

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1500)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    folder: str
    overrides: Mapping[str, Any]
    least_box_ap: float
    least_box_ap50: float


PATIENT = {"hyperparameters": {"training_process": {"epochs": 60, "early_stopping": {"patience": 60}}}}
EXPERIMENTS = {
    "scans": Experiment(
        folder="truscore_card_borders_yolo/combined_dual_class", overrides={}, least_box_ap=0.85, least_box_ap50=0.99
    ),
    "fruits": Experiment(folder="fruitsnuts_coco", overrides={}, least_box_ap=0.05, least_box_ap50=0.15),
    "fruits, 60 epochs": Experiment(folder="fruitsnuts_coco", overrides=PATIENT, least_box_ap=0.3, least_box_ap50=0.55),
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_real_pictures_are_learned(shared_data: Path, tmp_path: Path, name: str) -> None:
    experiment = EXPERIMENTS[name]
    run = lay_out(tmp_path / "run", shared_data / experiment.folder, overrides=experiment.overrides)
    assert run.finish() == 0
    job, completed = read_job(RunDir(path=run.path)), run.completed
    report(name, f"{len(job.training)} training, {len(job.validation)} validation images", completed.metrics)
    test = json.loads((run.path / completed.report).read_text())["test"]
    report(name, f"{len(job.test)} test images, never looked at before", test)
    report(name, "a guess at the average place", guessed_metrics(job))
    report(name, f"{completed.epochs} epochs in {completed.duration_s:.0f} s", {})
    # Of any epoch: the one that is handed over has the least error of edges.
    assert max(done.metrics["box_AP"] for done in run.epochs) >= experiment.least_box_ap
    assert completed.metrics["box_AP50"] >= experiment.least_box_ap50


def report(name: str, what: str, metrics: Mapping[str, float]) -> None:
    figures = "  ".join(f"{key} {metrics[key]:.3f}" for key in ("box_AP", "box_AP50", "mask_AP") if metrics.get(key))
    print(f"\n{name}: {what}  {figures}", end="", flush=True)  # noqa: T201
