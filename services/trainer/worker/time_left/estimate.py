"""The time that a run still takes: many futures drawn, and what most of them say. Legend: P draws, K coming epochs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.trainer.worker.time_left.pace import Seconds, draw_seconds
from services.trainer.worker.time_left.stopping import Patience, draw_scores, validations_left

DRAWS = 256
LOW, HIGH = 0.1, 0.9  # the interval holds the run's end in four of five cases
# Before a validation was timed: its share of an epoch's training, and the deviation of its logarithm.
_VALIDATION, _VALIDATION_SPREAD = 0.2, 0.6
# Of a pace that only part of the first epoch tells, as a logarithm.
_FIRST_SPREAD = 0.15


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochTimes:
    """Seconds that an epoch trained and validated for, 0 where it did not; ``score`` of its validation, larger is
    better."""

    training_s: float
    validating_s: float
    score: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """``extra_epochs`` are trained by others afterwards (folds), ``extra_validations`` evaluations of the finished
    model, each as long as a validation; ``saving_s`` is what an epoch is saved for."""

    epochs: int
    validation_frequency: int
    patience: Patience
    extra_epochs: float = 0.0
    extra_validations: float = 0.0
    saving_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class UnderWay:
    """The epoch under way: the share of its steps that is done, and the seconds that all of them take at their pace."""

    share: float
    epoch_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeLeft:
    """Seconds to the run's end: the median, and an interval that it falls into in four of five cases."""

    eta_s: float
    low_s: float
    high_s: float


def estimate_time_left(
    schedule: Schedule, done: Sequence[EpochTimes], under_way: UnderWay | None = None, *, seed: int = 0
) -> TimeLeft:
    """From the epochs done and the one under way; the same for the same arguments. Zero where nothing is known yet."""
    if not done and (under_way is None or under_way.share <= 0):
        return TimeLeft(eta_s=0.0, low_s=0.0, high_s=0.0)
    random = np.random.default_rng(seed)
    left = 0 if schedule.patience.waited >= schedule.patience.limit else schedule.epochs - len(done)
    # One more than are left: what follows the run is drawn with it, and takes the pace that the run has then.
    training = _training(done, under_way, left + 1, random)
    validating = _validating(done, training, random)
    total = np.zeros(DRAWS)
    if left > 0:
        due = np.array([_is_due(schedule, len(done) + 1 + at) for at in range(left)])
        ends = np.cumsum(training[:, :left] + validating[:, :left] * due + schedule.saving_s, axis=1)
        total = ends[np.arange(DRAWS), _last_epochs(schedule, done, due, random)]
    total = total + schedule.extra_epochs * training[:, left] + schedule.extra_validations * validating[:, left]
    low, median, high = np.quantile(total, (LOW, 0.5, HIGH))
    return TimeLeft(eta_s=float(median), low_s=float(low), high_s=float(high))


def _training(
    done: Sequence[EpochTimes], under_way: UnderWay | None, count: int, random: np.random.Generator
) -> Seconds:
    if under_way is None or under_way.share <= 0:
        return draw_seconds([each.training_s for each in done], count, draws=DRAWS, random=random)
    measured = [each.training_s for each in done] or [under_way.epoch_s]
    drawn = draw_seconds(measured, count, draws=DRAWS, random=random)
    if not done:
        drawn *= np.exp(random.normal(0, _FIRST_SPREAD, (DRAWS, 1)))
    # The rest of this epoch, at a pace that is its own the more of it is done.
    share = under_way.share
    drawn[:, 0] = (1 - share) * (share * under_way.epoch_s + (1 - share) * drawn[:, 0])
    return drawn


def _validating(done: Sequence[EpochTimes], training: Seconds, random: np.random.Generator) -> Seconds:
    if measured := [each.validating_s for each in done if each.validating_s > 0]:
        return draw_seconds(measured, training.shape[1], draws=DRAWS, random=random)
    guessed: Seconds = _VALIDATION * training[:, -1:] * np.exp(random.normal(0, _VALIDATION_SPREAD, (DRAWS, 1)))
    return np.repeat(guessed, training.shape[1], axis=1)


def _is_due(schedule: Schedule, epoch: int) -> bool:
    return epoch % schedule.validation_frequency == 0 or epoch == schedule.epochs


def _scores(done: Sequence[EpochTimes]) -> list[float]:
    return [each.score for each in done if each.score is not None]


def _last_epochs(
    schedule: Schedule, done: Sequence[EpochTimes], due: NDArray[np.bool_], random: np.random.Generator
) -> NDArray[np.int64]:
    """[P]: places, among the coming epochs, of the one that the run ends with."""
    scores, count = [each.score for each in done if each.score is not None], int(due.sum())
    # Two scores say by how much they change; a patience that outlasts the run stops nothing.
    if len(scores) < 2 or schedule.patience.waited + count < schedule.patience.limit:
        return np.full(DRAWS, len(due) - 1)
    drawn = draw_scores(scores, count, draws=DRAWS, random=random)
    places: NDArray[np.int64] = np.flatnonzero(due)[validations_left(drawn, schedule.patience) - 1]
    return places
