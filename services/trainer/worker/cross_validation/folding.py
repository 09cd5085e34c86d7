"""Cross-validation: a run for each fold, assembled and trained as any other, judged on the images it held out."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor
from truscore.datasets import DatasetIndex, ImageRecord, Split, fold_dataset, index_to_json, split_to_json
from truscore.recipes import Recipe, recipe_to_json

from services.trainer.journal import EpochDone
from services.trainer.worker.build_run import assemble
from services.trainer.worker.checkpoint import weights_sha256
from services.trainer.worker.data import Batches
from services.trainer.worker.devices import Place, deterministic
from services.trainer.worker.distributed import Ranks
from services.trainer.worker.evaluate import validate
from services.trainer.worker.loop import Run, train
from services.trainer.worker.run_dir import Order, RunDir, read_order
from services.trainer.worker.tasks.make import make_task

# How the weights that are judged are picked: those of the last epoch, or the best by images that are in no fold's
# held-out part.
CHOICES = ("last", "best")
INNER_SHARE = 0.15


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What is cross-validated: a recipe (its seed is the repetition's) on a dataset's folder."""

    index: DatasetIndex
    images: Path
    recipe: Recipe
    folds: int
    choose: str = "last"
    pretrained: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldDone:
    """A fold's run, judged on the images it held out. ``images`` counts those of each part; ``note`` says why there are
    no metrics, where there are none."""

    seed: int
    fold: int  # from 1
    images: Mapping[str, int]
    epochs: int
    chosen_epoch: int
    loss: float | None
    metrics: Mapping[str, float]
    duration_s: float
    weights_sha256: str
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repetition:
    """All folds of one seed. ``pooled`` are the metrics over all images at once, each judged by the network that had
    not seen it: small folds are too small for some of them."""

    seed: int
    folds: tuple[FoldDone, ...]
    pooled: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Of a metric over folds and seeds; ``deviation`` is the sample's, 0 for a single value."""

    mean: float
    deviation: float
    least: float
    most: float
    count: int


@dataclass(kw_only=True, slots=True)
class _Best:
    epoch: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)


def repeat(
    trial: Trial,
    *,
    seed: int,
    workroom: Path,
    place: Place,
    clock: Callable[[], float],
    heard: Callable[[int, EpochDone], None],
    done: Callable[[FoldDone], None],
) -> Repetition:
    """Train and judge every fold of a seed. ``heard`` is told of each epoch with its fold, ``done`` of each fold.

    Raises InvalidSplit, InvalidConfig and what training raises.
    """
    inner = INNER_SHARE if trial.choose == "best" else 0.0
    trial = replace(trial, recipe=for_fold(replace(trial.recipe, seed=seed), trial.choose))
    splits = fold_dataset(trial.index, folds=trial.folds, seed=seed, inner=inner)
    folds: list[FoldDone] = []
    verdicts: list[Any] = []
    metrics: Callable[[Sequence[Any]], dict[str, float]] | None = None
    for number, split in enumerate(splits, start=1):
        began = clock()
        order = _order(trial, split, workroom / f"seed-{seed}-fold-{number}")
        held_out = order.test or order.validation
        with deterministic():
            run = assemble(order, place=place, ranks=Ranks(), asked=str).run
            chosen = _trained(run, trial.choose, partial(heard, number))
            pool = told(order)
            judged = judging(run, order, pool)
            validated = validate(judged, places=places_of(held_out, pool))
        verdicts += validated.verdicts
        metrics = judged.task.metrics
        folds.append(
            FoldDone(
                seed=seed,
                fold=number,
                images={
                    "training": len(order.training),
                    "choosing": len(order.validation) if order.test else 0,
                    "held_out": len(held_out),
                },
                epochs=len(run.progress.history),
                chosen_epoch=chosen,
                loss=validated.loss,
                metrics=validated.metrics,
                duration_s=clock() - began,
                weights_sha256=weights_sha256(run.network),
            )
        )
        done(folds[-1])
    return Repetition(seed=seed, folds=tuple(folds), pooled=metrics(verdicts) if metrics else {})


def spreads(values: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    """Each metric over the folds that have it."""
    names = sorted({name for one in values for name in one})
    return {name: _spread([one[name] for one in values if name in one]) for name in names}


def _spread(values: Sequence[float]) -> Spread:
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1)
    return Spread(mean=mean, deviation=variance**0.5, least=min(values), most=max(values), count=len(values))


def for_fold(recipe: Recipe, choose: str) -> Recipe:
    """Where nothing may be chosen, the held-out images are looked at once, when all epochs are done."""
    if choose == "best":
        return recipe
    process = recipe.hyperparameters.training_process
    stopping = replace(process.early_stopping, patience=process.epochs + 1)
    process = replace(process, early_stopping=stopping, validation_frequency=process.epochs, checkpoint_saving="latest")
    return replace(recipe, hyperparameters=replace(recipe.hyperparameters, training_process=process))


def _order(trial: Trial, split: Split, folder: Path) -> Order:
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
    return read_order(RunDir(path=folder))


def _trained(run: Run, choose: str, heard: Callable[[EpochDone], None]) -> int:
    """Train to the end; the network has the chosen weights then. Their epoch."""
    best = _Best()
    for report in train(run):
        if isinstance(report, EpochDone):
            heard(report)
            if choose == "best" and report.is_best:
                weights = {name: value.detach().clone() for name, value in run.network.state_dict().items()}
                best = _Best(epoch=report.epoch, weights=weights)
    if best.epoch:
        run.network.load_state_dict(best.weights)
    return best.epoch or len(run.progress.history)


def told(order: Order) -> tuple[ImageRecord, ...]:
    """All images of the order, the same for every fold: verdicts of different folds have different places."""
    return tuple(sorted((*order.training, *order.validation, *order.test), key=lambda record: record.path))


def places_of(records: Iterable[ImageRecord], pool: Sequence[ImageRecord]) -> list[int]:
    """Where they stand among all."""
    places = {record.path: place for place, record in enumerate(pool)}
    return [places[record.path] for record in records]


def judging(run: Run, order: Order, pool: tuple[ImageRecord, ...]) -> Run:
    task = make_task(order, judged=pool)
    return replace(run, task=task, batches=Batches(task, workers=0))
