"""The report of a finished run: one JSON file and the pictures it names."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from truscore.recipes import recipe_to_json
from truscore.recipes.config import Recipe

from services.trainer.journal import EpochDone

FILE = "report.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What the best checkpoint is worth: on validation, on the test split where there is one, and in pictures."""

    validation: Mapping[str, float]
    validation_loss: float | None
    test: Mapping[str, float]
    details: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    run_id: str
    recipe: Recipe
    class_names: tuple[str, ...]
    dataset_digest: str
    images: Mapping[str, int]  # by part of the split
    best_epoch: int
    weights_sha256: str
    notes: Mapping[str, str]
    history: tuple[EpochDone, ...]


def write_report(folder: Path, summary: Summary, findings: Findings) -> Path:
    """``folder`` holds the pictures already."""
    plain = {
        "run_id": summary.run_id,
        "recipe": json.loads(recipe_to_json(summary.recipe)),
        "class_names": list(summary.class_names),
        "dataset": {"digest": summary.dataset_digest, "images": dict(summary.images)},
        "primary_metric": summary.recipe.primary_metric,
        "best_epoch": summary.best_epoch,
        "weights_sha256": summary.weights_sha256,
        "notes": dict(summary.notes),
        "validation": dict(findings.validation),
        "validation_loss": findings.validation_loss,
        "test": dict(findings.test),
        "epochs": [asdict(done) for done in summary.history],
        **findings.details,
    }
    path = folder / FILE
    path.write_text(json.dumps(plain, indent=1, sort_keys=True, allow_nan=False), encoding="utf-8")
    return path
