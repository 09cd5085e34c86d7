"""How fast the run was and where its time went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from truscore.catalog.purpose import larger_is_better

from services.trainer.journal import EpochDone
from services.trainer.worker.report.convergence import score_of

NEARLY = 0.95
PHASES = ("computing", "loading", "validating", "saving")


@dataclass(frozen=True, kw_only=True, slots=True)
class Performance:
    """``seconds`` by phase: what the run waited for images, validated, saved; the rest of training is computing.

    On a GPU loading counts only what the device's queue could not hide from the host, so far as the host noticed.
    ``images_per_second`` is the median over epochs of training alone. ``epochs_to_95_percent`` is the first epoch whose
    score reached 95 % of the best, or of the way to it where smaller is better; None where the best is not above 0, as
    a negative R2 is.
    """

    images_per_second: float
    seconds: Mapping[str, float]
    epochs: int
    best_epoch: int
    after_best_s: float  # spent on epochs after the best one
    epochs_to_95_percent: int | None

    @property
    def total_s(self) -> float:
        return sum(self.seconds.values())

    def share(self, phase: str) -> float:
        return self.seconds[phase] / self.total_s if self.total_s else 0.0


def measure_performance(
    history: Sequence[EpochDone], *, primary_metric: str, best_epoch: int, saving_s: float
) -> Performance:
    """``history`` may be empty: a run may be over before its first epoch is."""
    loading = sum(done.loading_s for done in history)
    validating = sum(done.validating_s for done in history)
    whole = sum(done.duration_s for done in history)
    speeds = sorted(done.images_per_second for done in history)
    return Performance(
        images_per_second=speeds[len(speeds) // 2] if speeds else 0.0,
        seconds={
            "computing": max(0.0, whole - loading - validating),
            "loading": loading,
            "validating": validating,
            "saving": saving_s,
        },
        epochs=len(history),
        best_epoch=best_epoch,
        after_best_s=sum(done.duration_s for done in history if done.epoch > best_epoch),
        epochs_to_95_percent=_nearly_there(history, primary_metric),
    )


def _nearly_there(history: Sequence[EpochDone], primary_metric: str) -> int | None:
    scores = {done.epoch: score for done in history if (score := score_of(done, primary_metric)) is not None}
    if not scores:
        return None
    # What counts up from nothing is there at 95 % of its best; what counts down, at 95 % of the way to it.
    best, first = max(scores.values()), scores[min(scores)]
    if best <= 0 and larger_is_better(primary_metric):
        return None
    least = NEARLY * best if best > 0 else first + NEARLY * (best - first)
    return min(epoch for epoch, score in scores.items() if score >= least)
