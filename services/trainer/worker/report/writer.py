"""The report of a finished run: one JSON file, the same as a page, and the pictures they name."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from truscore.configuration.recipe import Recipe
from truscore.metrics.comparison import Comparison
from truscore.process.code_version import environment_digest
from truscore.recipes import recipe_to_json

from services.trainer.journal import EpochDone
from services.trainer.worker.report import page
from services.trainer.worker.report.convergence import advice_for, assess_convergence
from services.trainer.worker.report.drawing import Drawing, draw
from services.trainer.worker.report.error_analysis import analyse_errors
from services.trainer.worker.report.performance import measure_performance
from services.trainer.worker.report.properties import Properties
from services.trainer.worker.report.resources import ResourceUsage, assess_resources

FILE = "report.json"
Draw = Callable[[Mapping[str, Any], Path], Sequence[Drawing]]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResults:
    """What the best checkpoint is worth: on validation, on the test split where there is one, and in pictures.

    ``details`` is what the task reports of its image results; ``evaluated`` are the paths of the validation images by
    their index and ``properties`` what those are like that were looked at. ``comparison`` is with trivial predictors,
    on the validation images.
    """

    validation: Mapping[str, float]
    validation_loss: float | None
    test: Mapping[str, float]
    details: Mapping[str, Any]
    comparison: Comparison
    evaluated: Sequence[str] = ()
    properties: Mapping[int, Properties] = field(default_factory=dict)
    custom_metrics: Mapping[str, float] = field(default_factory=dict)  # of other packages


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """``folds`` are of a cross-validation, where one was requested: each a mapping with ``fold`` and ``metrics``;
    ``spreads`` of each metric over them, and ``pooled`` metrics over the images of all folds at once."""

    run_id: str
    recipe: Recipe
    class_names: tuple[str, ...]
    dataset_digest: str
    images: Mapping[str, int]  # by part of the split
    best_epoch: int
    weights_sha256: str
    notes: Mapping[str, str]
    history: tuple[EpochDone, ...]
    usage: ResourceUsage
    saving_s: float = 0.0
    git_commit: str = ""  # of the source that trained it
    git_dirty: bool = False
    environment: tuple[str, ...] = ()
    folds: tuple[Mapping[str, Any], ...] = ()
    spreads: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    pooled: Mapping[str, float] = field(default_factory=dict)


def write_report(folder: Path, summary: Summary, run_results: RunResults, *, draw: Draw = draw) -> Path:
    """``folder`` holds the task's pictures already."""
    plain = _plain(summary, run_results)
    try:
        plain["drawings"] = [asdict(drawing) for drawing in draw(plain, folder)]
        (folder / page.FILE).write_text(page.render(plain, folder), encoding="utf-8")
    except Exception as error:  # noqa: BLE001  hours of training must not be lost over a picture of them
        plain["notes"]["page"] = f"could not be made: {error!r}"
    path = folder / FILE
    path.write_text(json.dumps(plain, indent=1, sort_keys=True, allow_nan=False), encoding="utf-8")
    return path


def _plain(summary: Summary, run_results: RunResults) -> dict[str, Any]:
    recipe, history = summary.recipe, summary.history
    process = recipe.hyperparameters.training_process
    convergence = assess_convergence(
        history, primary_metric=recipe.primary_metric, min_delta=process.early_stopping.min_delta
    )
    performance = measure_performance(
        history, primary_metric=recipe.primary_metric, best_epoch=summary.best_epoch, saving_s=summary.saving_s
    )
    plain = {
        **run_results.details,
        "run_id": summary.run_id,
        "recipe": json.loads(recipe_to_json(recipe)),
        "class_names": list(summary.class_names),
        "dataset": {"digest": summary.dataset_digest, "images": dict(summary.images)},
        "primary_metric": recipe.primary_metric,
        "best_epoch": summary.best_epoch,
        "weights_sha256": summary.weights_sha256,
        "git_commit": summary.git_commit,
        "git_dirty": summary.git_dirty,
        "environment": {"digest": environment_digest(summary.environment), "lines": list(summary.environment)},
        "notes": dict(summary.notes),
        "validation": dict(run_results.validation),
        "validation_loss": run_results.validation_loss,
        "test": dict(run_results.test),
        "custom_metrics": dict(run_results.custom_metrics),
        "epochs": [asdict(done) for done in history],
        "comparison": asdict(run_results.comparison),
        "convergence": asdict(replace(convergence, advice=advice_for(convergence, run_results.comparison))),
        "performance": asdict(performance),
        "resources": asdict(assess_resources(performance, summary.usage, recipe)),
        "errors": analyse_errors(run_results.details, run_results.evaluated, run_results.properties),
        "folds": [dict(fold) for fold in summary.folds],
        "cross_validation": {"spreads": dict(summary.spreads), "pooled": dict(summary.pooled)},
        "drawings": [],
    }
    # What a reader of the file would see: tuples are lists by then, and numbers are Python's.
    read: dict[str, Any] = json.loads(json.dumps(plain, allow_nan=False))
    return read
