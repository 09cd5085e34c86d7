"""One fold of a cross-validation: a run like any other, evaluated on the images that it held out.

The folds of a run and those of the command ``python -m services.trainer.worker.cross_validation`` are trained here.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor
from truscore.datasets import ImageRecord
from truscore.recipes import Recipe

from services.trainer.journal import EpochDone, Progressed
from services.trainer.worker.build_run import build_run
from services.trainer.worker.checkpoint import weights_sha256
from services.trainer.worker.data import Batches
from services.trainer.worker.devices import Place
from services.trainer.worker.distributed import WorkerGroup
from services.trainer.worker.errors import Diverged
from services.trainer.worker.evaluate import evaluate
from services.trainer.worker.loop import Interrupted, TrainingRun, train
from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks import Task
from services.trainer.worker.tasks.make import make_task


@dataclass(frozen=True, kw_only=True, slots=True)
class Fold:
    """A fold and the job that trains it; ``number`` counts from 1.

    Where the job has test images, they are the held-out ones, and its validation images choose the epoch. Where it has
    none, the last epoch is taken and the validation images are the held-out ones.
    """

    number: int
    job: TrainingJob

    @property
    def chooses_best(self) -> bool:
        return bool(self.job.test)

    @property
    def held_out(self) -> tuple[ImageRecord, ...]:
        return self.job.test or self.job.validation


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldDone:
    """What a fold's run came to on its held-out images. ``images`` counts those of each part; ``note`` says why there
    are no metrics, where there are none."""

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
class FoldResult:
    """``image_results`` are the task's, one for each held-out image, by its place among the images of all folds;
    ``trivial`` the same of each trivial predictor, which has learnt from the fold's training images."""

    done: FoldDone
    image_results: tuple[Any, ...] = ()
    trivial: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


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


def train_fold(
    fold: Fold, *, place: Place, group: WorkerGroup, stop_requested: Callable[[], str], clock: Callable[[], float]
) -> Iterator[tuple[TrainingRun, Progressed | EpochDone | Interrupted] | FoldResult]:
    """Train and evaluate a fold. Yields what its training yields, beside its run, and last its FoldResult.

    After Interrupted nothing more is yielded. A fold that diverges has a result without metrics: it is a finding about
    the recipe. Raises what training raises.
    """
    began = clock()
    run = build_run(fold.job, place=place, group=group, stop_requested=stop_requested).run
    # Where nothing may be chosen, the validation images are the held-out ones.
    run.chooses = fold.chooses_best
    # As a run of the recipe hands over its last epoch, so does a fold; what is kept out still chooses a threshold.
    keeps_best = fold.chooses_best and fold.job.recipe.hyperparameters.training_process.checkpoint_saving != "latest"
    best = _Best()
    try:
        for report in train(run):
            yield run, report
            if isinstance(report, Interrupted):
                return
            if keeps_best and isinstance(report, EpochDone) and report.is_best:
                best = _Best(epoch=report.epoch, weights=_copied(run.network.state_dict()))
        if best.epoch:
            run.network.load_state_dict(best.weights)
        result = _evaluated(run, fold, chosen_epoch=best.epoch)
    except Diverged as error:
        # Of several processes, the others would go on with a step that this one has no part in.
        if group.world_size > 1:
            raise
        result = FoldResult(done=_done(run, fold, note=str(error)))
    if stop := run.stop_requested():
        yield run, Interrupted(stop=stop)
        return
    yield replace(result, done=replace(result.done, duration_s=clock() - began))


def for_fold(recipe: Recipe, *, choose_best: bool) -> Recipe:
    """Where nothing may be chosen, the held-out images are looked at once, when all epochs are done."""
    if choose_best:
        return recipe
    process = recipe.hyperparameters.training_process
    stopping = replace(process.early_stopping, patience=process.epochs + 1)
    process = replace(process, early_stopping=stopping, validation_frequency=process.epochs, checkpoint_saving="latest")
    return replace(recipe, hyperparameters=replace(recipe.hyperparameters, training_process=process))


def images_of(job: TrainingJob) -> tuple[ImageRecord, ...]:
    """All images of the job, the same for every fold: verdicts of different folds have different places."""
    return tuple(sorted((*job.training, *job.validation, *job.test), key=lambda record: record.path))


def places_of(records: Iterable[ImageRecord], pool: Sequence[ImageRecord]) -> list[int]:
    """Where they stand among all."""
    places = {record.path: place for place, record in enumerate(pool)}
    return [places[record.path] for record in records]


def pooled_metrics(job: TrainingJob, results: Iterable[FoldResult]) -> dict[str, float]:
    """Over the images of all folds at once, each evaluated by the network that had not seen it: small folds are too
    small for some metrics. ``job`` is any of the folds'."""
    image_results = [image_result for result in results for image_result in result.image_results]
    return make_task(job, evaluated=images_of(job)).metrics(image_results) if image_results else {}


def pooled_trivial(job: TrainingJob, results: Sequence[FoldResult]) -> dict[str, dict[str, float]]:
    """The same of each trivial predictor, by its name, where every fold has it."""
    names = set.intersection(*(set(result.trivial) for result in results)) if results else set()
    task = make_task(job, evaluated=images_of(job))
    return {
        name: task.metrics([image_result for result in results for image_result in result.trivial[name]])
        for name in sorted(names)
    }


def spreads(values: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    """Each metric over the folds that have it."""
    names = sorted({name for one in values for name in one})
    return {name: _spread([one[name] for one in values if name in one]) for name in names}


def _spread(values: Sequence[float]) -> Spread:
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1)
    return Spread(mean=mean, deviation=variance**0.5, least=min(values), most=max(values), count=len(values))


def _copied(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in weights.items()}


def _evaluated(run: TrainingRun, fold: Fold, *, chosen_epoch: int) -> FoldResult:
    pool = images_of(fold.job)
    task = make_task(fold.job, evaluated=pool)
    evaluated = replace(run, task=task, batches=Batches(task, workers=0))
    evaluation = evaluate(evaluated, until=run.stop_requested, places=places_of(fold.held_out, pool))
    done = _done(run, fold, chosen_epoch=chosen_epoch, loss=evaluation.loss, metrics=evaluation.metrics)
    return with_trivial(FoldResult(done=done, image_results=tuple(evaluation.image_results)), task)


def with_trivial(result: FoldResult, task: Task[Any, Any]) -> FoldResult:
    """The result beside those of the trivial predictors of the fold's task."""
    found = task.trivial(result.image_results)
    return replace(result, trivial={name: tuple(image_results) for name, image_results in found.items()})


def _done(
    run: TrainingRun,
    fold: Fold,
    *,
    chosen_epoch: int = 0,
    loss: float | None = None,
    metrics: Mapping[str, float] | None = None,
    note: str = "",
) -> FoldDone:
    epochs = len(run.progress.history)
    return FoldDone(
        seed=fold.job.recipe.seed,
        fold=fold.number,
        images={
            "training": len(fold.job.training),
            "choosing": len(fold.job.validation) if fold.chooses_best else 0,
            "held_out": len(fold.held_out),
        },
        epochs=epochs,
        chosen_epoch=chosen_epoch or epochs,
        loss=loss,
        metrics=metrics or {},
        duration_s=0.0,
        weights_sha256=weights_sha256(run.network),
        note=note,
    )
