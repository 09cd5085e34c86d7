"""A recipe cross-validated on a folder, with folds of its own for each seed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from truscore.datasets import DatasetIndex, Split, fold_dataset, index_to_json, split_to_json
from truscore.recipes import Recipe, recipe_to_json

from services.trainer.journal import EpochDone
from services.trainer.worker.cross_validation.engine import (
    Fold,
    FoldDone,
    FoldResult,
    for_fold,
    images_of,
    pooled_metrics,
    pooled_trivial,
    train_fold,
    with_trivial,
)
from services.trainer.worker.cross_validation.fold_files import read_fold, write_fold
from services.trainer.worker.devices import Place, deterministic
from services.trainer.worker.distributed import WorkerGroup
from services.trainer.worker.run_dir import RunDir, TrainingJob, read_job
from services.trainer.worker.tasks.make import make_task

# How the weights that are evaluated are picked: those of the last epoch, or the best by images that are in no fold's
# held-out part.
CHOICES = ("last", "best")
INNER_SHARE = 0.15


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What is cross-validated: a recipe (its seed is the repetition's) on a dataset's folder.

    ``only`` are the numbers of the folds that are done, from 1; none is all. What folds come to is kept in ``kept``,
    and taken from there where it is of this trial.
    """

    index: DatasetIndex
    images: Path
    recipe: Recipe
    folds: int
    choose: str = "last"
    pretrained: Path | None = None
    only: frozenset[int] = frozenset()
    kept: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Repetition:
    """All folds of one seed; ``pooled`` are the metrics over all their held-out images at once, ``trivial`` those of
    each trivial predictor on the same images."""

    seed: int
    folds: tuple[FoldDone, ...]
    pooled: dict[str, float]
    trivial: dict[str, dict[str, float]]


def repeat(
    trial: Trial,
    *,
    seed: int,
    scratch: Path,
    place: Place,
    clock: Callable[[], float],
    on_epoch: Callable[[int, EpochDone], None],
    on_fold: Callable[[FoldDone], None],
) -> Repetition:
    """Train and evaluate every fold of a seed. ``on_epoch`` gets each epoch with its fold's number, ``on_fold`` each
    fold.

    Raises InvalidSplit, InvalidConfig, OSError and what training raises.
    """
    choose_best = trial.choose == "best"
    trial = replace(trial, recipe=for_fold(replace(trial.recipe, seed=seed), choose_best=choose_best))
    splits = fold_dataset(trial.index, folds=trial.folds, seed=seed, inner=INNER_SHARE if choose_best else 0.0)
    folds = [
        Fold(number=number, job=_job(trial, split, scratch / f"seed-{seed}-fold-{number}"))
        for number, split in enumerate(splits, start=1)
    ]
    results: list[FoldResult] = []
    kept = trial.kept / f"seed-{seed}" if trial.kept else None
    for fold in (fold for fold in folds if not trial.only or fold.number in trial.only):
        result = read_fold(kept, fold.job, fold.number) if kept else None
        if result is not None:
            # Not among what is kept: it follows from the fold's labels.
            result = with_trivial(result, make_task(fold.job, evaluated=images_of(fold.job)))
        else:
            result = _trained(fold, place=place, clock=clock, on_epoch=on_epoch)
            if kept:
                kept.mkdir(parents=True, exist_ok=True)
                write_fold(kept, fold.job, result)
        results.append(result)
        on_fold(result.done)
    return Repetition(
        seed=seed,
        folds=tuple(result.done for result in results),
        pooled=pooled_metrics(folds[0].job, results),
        trivial=pooled_trivial(folds[0].job, results),
    )


def _trained(
    fold: Fold, *, place: Place, clock: Callable[[], float], on_epoch: Callable[[int, EpochDone], None]
) -> FoldResult:
    with deterministic():
        for report in train_fold(fold, place=place, group=WorkerGroup(), stop_requested=str, clock=clock):
            if isinstance(report, FoldResult):
                return report
            if isinstance(report[1], EpochDone):
                on_epoch(fold.number, report[1])
    raise AssertionError("training that nobody stops ends in a result")


def _job(trial: Trial, split: Split, folder: Path) -> TrainingJob:
    """Read from a folder as the training process reads it, so that a fold is a run like any other."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {
        "run_id": f"run-{folder.name}",
        "recipe": json.loads(recipe_to_json(trial.recipe)),
        "class_names": list(trial.index.class_names),
        "index": "index.json",
        "split": "split.json",
        "images": str(trial.images.resolve()),
        "pretrained": str(trial.pretrained.resolve()) if trial.pretrained else "",
    }
    (folder / "index.json").write_text(index_to_json(trial.index))
    (folder / "split.json").write_text(split_to_json(split))
    (folder / "order.json").write_text(json.dumps(plain))
    return read_job(RunDir(path=folder))
