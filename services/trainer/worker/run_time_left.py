"""The time that a run still takes, as its progress tells it."""

from typing import TYPE_CHECKING

from services.trainer.journal import EpochDone
from services.trainer.worker.evaluate import Evaluation
from services.trainer.worker.time_left import (
    EpochTimes,
    Patience,
    Schedule,
    TimeLeft,
    UnderWay,
    estimate_time_left,
)

if TYPE_CHECKING:
    from services.trainer.worker.loop import TrainingRun


def time_left(run: "TrainingRun", under_way: UnderWay | None = None) -> TimeLeft:
    """To the end of all that this process does: epochs, folds after them, and the evaluation of what is handed over."""
    progress, process = run.progress, run.recipe.hyperparameters.training_process
    stopping = process.early_stopping
    schedule = Schedule(
        epochs=run.epochs,
        validation_frequency=process.validation_frequency,
        patience=Patience(
            limit=stopping.patience,
            min_delta=stopping.min_delta,
            reference=progress.reference,
            waited=progress.evaluations_without_improvement,
        ),
        extra_epochs=run.steps_after / run.steps_per_epoch,
        extra_validations=run.evaluations_after,
        saving_s=progress.saving_s / max(1, len(progress.history)),
    )
    done = [_times(epoch, run.recipe.primary_metric) for epoch in progress.history]
    # Of its own generator, seeded by the step: an estimate must not move what is trained.
    return estimate_time_left(schedule, done, under_way, seed=progress.step)


def _times(epoch: EpochDone, primary_metric: str) -> EpochTimes:
    validated = epoch.val_loss is not None
    score = Evaluation(loss=epoch.val_loss, metrics=dict(epoch.metrics)).score(primary_metric) if validated else None
    return EpochTimes(
        training_s=epoch.duration_s - epoch.validating_s,
        validating_s=epoch.validating_s if validated else 0.0,
        score=score,
    )
