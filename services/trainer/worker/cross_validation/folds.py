"""The folds of a run's own cross-validation: trained one by one after it, each result on disk when done.

The folds share out the images that the run trains on and is validated by; those it is tested by are in no fold, since
only the finished run is tested by them. Where a run stops in the middle, the folds that are done stay so.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from truscore.datasets import DatasetIndex, InvalidSplit, fold_dataset
from truscore.recipes import InvalidConfig

from services.trainer.journal import FoldEvaluated, FoldProgressed, Progressed
from services.trainer.worker.cross_validation.engine import (
    Fold,
    FoldDone,
    FoldResult,
    Spread,
    for_fold,
    images_of,
    pooled_metrics,
    spreads,
    train_fold,
)
from services.trainer.worker.cross_validation.fold_files import read_fold, write_fold
from services.trainer.worker.data import steps_per_epoch
from services.trainer.worker.devices import Place
from services.trainer.worker.loop import Interrupted, TrainingRun
from services.trainer.worker.run_dir import TrainingJob, local_batch
from services.trainer.worker.tasks.make import sample_count

KEY = "hyperparameters.training_process.cross_validation_folds"
FoldReport = FoldProgressed | FoldEvaluated | Interrupted


@dataclass(frozen=True, kw_only=True, slots=True)
class CrossValidated:
    """All folds; ``spreads`` of each metric over them, and ``pooled`` metrics over all their images at once."""

    folds: tuple[FoldDone, ...] = ()
    spreads: dict[str, Spread]
    pooled: dict[str, float]


def folds_of(job: TrainingJob) -> tuple[TrainingJob, ...]:
    """A job for each fold, evaluated on its held-out images; none where the recipe asks for none.

    Raises InvalidConfig where there are fewer groups of images than folds.
    """
    process = job.recipe.hyperparameters.training_process
    if not process.cross_validation_folds:
        return ()
    job = replace(job, test=())
    images = {record.path: record for record in images_of(job)}
    index = DatasetIndex(format="", class_names=job.class_names, images=tuple(images.values()), grades=job.grades)
    try:
        splits = fold_dataset(index, folds=process.cross_validation_folds, seed=job.recipe.seed)
    except InvalidSplit as refusal:
        raise InvalidConfig(KEY, process.cross_validation_folds, f"0 for none, or less: {refusal}") from refusal
    job = replace(job, recipe=for_fold(job.recipe, choose_best=False))
    return tuple(
        replace(
            job,
            training=tuple(images[path] for path in split.train),
            validation=tuple(images[path] for path in split.validation),
        )
        for split in splits
    )


def steps_of(jobs: Sequence[TrainingJob], *, world_size: int) -> int:
    """Optimizer steps that training these takes."""
    hyper = [job.recipe.hyperparameters for job in jobs]
    return sum(
        one.training_process.epochs
        * steps_per_epoch(
            sample_count(job),
            batch_size=local_batch(job),
            accumulate=one.advanced_settings.gradient_accumulation_steps,
            world_size=world_size,
        )
        for one, job in zip(hyper, jobs, strict=True)
    )


def cross_validate(
    jobs: Sequence[TrainingJob], *, after: TrainingRun, folder: Path, place: Place, stop_requested: Callable[[], str]
) -> Iterator[FoldReport]:
    """Train and evaluate every fold whose result is not in the folder; after Interrupted nothing more is done.

    ``after`` is the run they belong to, over by now. A fold that diverges is a finding about the recipe, not the run's
    end. Raises what training raises.
    """
    group = after.group
    done = group.broadcast([read_fold(folder, job, number) is not None for number, job in enumerate(jobs, start=1)])
    left = [(number, job) for number, job in enumerate(jobs, start=1) if not done[number - 1]]
    pace = _Pace(
        after=after, folds=len(jobs), began=after.clock(),
        steps_left=steps_of([job for _, job in left], world_size=group.world_size),
    )  # fmt: skip
    for number, job in left:
        fold = Fold(number=number, job=job)
        for report in train_fold(fold, place=place, group=group, stop_requested=stop_requested, clock=after.clock):
            match report:
                case FoldResult():
                    pace.steps_before += steps_of([job], world_size=group.world_size)
                    if group.is_main:
                        yield _saved(report, job, folder, folds=len(jobs))
                case run, Progressed() as progressed:
                    yield pace.record(number, run, progressed)
                case _, Interrupted() as interrupted:
                    yield interrupted
                    return


def _saved(result: FoldResult, job: TrainingJob, folder: Path, *, folds: int) -> FoldEvaluated:
    written = write_fold(folder, job, result)
    return FoldEvaluated(
        fold=result.done.fold, folds=folds, path=f"{folder.name}/{written.path.name}", sha256=written.sha256,
        size_bytes=written.size_bytes,
    )  # fmt: skip


def free_memory(run: TrainingRun) -> None:
    """Let go of what a run that is over and saved needs no more: beside the folds' own it might not fit a GPU."""
    run.optimizer.zero_grad(set_to_none=True)
    run.optimizer.state.clear()


def collect_results(jobs: Sequence[TrainingJob], folder: Path) -> CrossValidated | None:
    """What the folds came to, once all are done; None where there are none."""
    found = [read_fold(folder, job, number) for number, job in enumerate(jobs, start=1)]
    results = [result for result in found if result is not None]
    if not results:
        return None
    return CrossValidated(
        folds=tuple(result.done for result in results),
        spreads=spreads([result.done.metrics for result in results]),
        pooled=pooled_metrics(jobs[0], results),
    )


@dataclass(kw_only=True, slots=True)
class _Pace:
    """How far the folds of this attempt are."""

    after: TrainingRun
    folds: int
    began: float
    steps_left: int
    steps_before: int = 0

    def record(self, number: int, run: TrainingRun, report: Progressed) -> FoldProgressed:
        ended, steps = self.after.progress, self.steps_before + report.step
        return FoldProgressed(
            fold=number,
            folds=self.folds,
            fold_step=report.step,
            fold_steps=run.total_steps,
            step=ended.step,
            total_steps=self.after.total_steps,
            epoch=len(ended.history),
            loss=ended.history[-1].train_loss,
            learning_rate=ended.history[-1].learning_rate,
            images_per_second=report.images_per_second,
            eta_s=(self.after.clock() - self.began) / steps * (self.steps_left - steps),
        )
