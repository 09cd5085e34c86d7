"""Every kind of task leaves a whole report: diagnostics, error analysis, drawings and the page."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from truscore.synthesis import render_dataset

from tests.learning.run_folder import lay_out
from tests.learning.worn_corners import write_worn_corners
from tests.rendering.labelled import render_graded, render_labelled, render_scored

pytestmark = pytest.mark.learning

SIZE_PX = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A row of the catalog, pictures for it, and what its report has to hold beside what all have."""

    row: tuple[str, str, str]
    dataset: Callable[[Path], Path]
    keys: frozenset[str]
    matrices: int
    diagrams: frozenset[str]


CARDS = partial(render_dataset, count=12, seed=3, image_size=(SIZE_PX, SIZE_PX))
EVIDENCE = frozenset({"error_name", "image_errors", "by_class", "by_size", "diagrams", "matrices", "pictures"})
KINDS = {
    "instances": Kind(
        row=("border_detection", "dual_class", "mask_rcnn"), dataset=CARDS, matrices=1,
        keys=EVIDENCE | {"borders", "precision_at_overlap_50"}, diagrams=frozenset({"precision_recall"}),
    ),
    "boxes": Kind(
        row=("border_detection", "single_class", "yolo"), dataset=CARDS, matrices=1,
        keys=EVIDENCE | {"borders", "precision_at_overlap_50"}, diagrams=frozenset({"precision_recall"}),
    ),
    "masks": Kind(
        row=("corner_analysis", "damage_detection", "u_net"), matrices=1, keys=EVIDENCE,
        diagrams=frozenset({"precision_recall"}),
        dataset=partial(write_worn_corners, count=12, size=SIZE_PX, seed=3),
    ),
    "grades": Kind(
        row=("corner_analysis", "quality_classification", "resnet"), matrices=1, keys=EVIDENCE,
        dataset=partial(render_graded, count=24, seed=3, side=SIZE_PX, grades=(6, 8, 10)),
        diagrams=frozenset({"reliability"}),
    ),
    "scores": Kind(
        row=("corner_analysis", "sharpness_rating", "custom_cnn"), matrices=0, keys=EVIDENCE, diagrams=frozenset(),
        dataset=partial(render_scored, count=16, seed=3, side=SIZE_PX),
    ),
    "labels": Kind(
        row=("surface_analysis", "damage_classification", "multi_head_cnn"), matrices=1, keys=EVIDENCE,
        dataset=partial(render_labelled, count=24, seed=3, side=SIZE_PX),
        diagrams=frozenset({"precision_recall", "roc", "reliability"}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_of_task_leaves_a_whole_report(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    category, option, architecture = kind.row
    overrides = {"image_size": SIZE_PX, "hyperparameters": {"training_process": {"epochs": 1}}}
    run = lay_out(
        tmp_path / "run", kind.dataset(tmp_path / "data"), category=category, option=option, architecture=architecture,
        overrides=overrides,
    )  # fmt: skip
    assert run.finish() == 0
    report = json.loads((run.path / run.completed.report).read_text())
    assert "page" not in report["notes"], report["notes"]
    assert report.keys() >= kind.keys
    assert len(report["matrices"]) == kind.matrices
    assert {diagram["kind"] for diagram in report["diagrams"]} >= kind.diagrams
    evaluated = report["dataset"]["images"]["validation"]
    assert [one["image"] for one in report["image_errors"]] == list(range(evaluated))
    assert report["pictures"]
    page = (run.path / "report" / "report.html").read_text()
    assert page.count("data:image/jpeg") == len(report["pictures"])
    assert report["convergence"]["verdict"] == "too_short"
    assert sum(report["performance"]["seconds"].values()) > 0
