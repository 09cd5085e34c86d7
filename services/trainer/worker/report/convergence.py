"""Did the training converge? Rules over the epochs' losses and scores, each with the values it rests on.

``score`` is the metric that picks the best checkpoint, turned round where smaller is better; where an epoch has none,
its validation loss turned round. ``gain`` is what the best score is above the first. The window is the last fifth of
the validated epochs, at least three. The first rule that applies is the verdict:

1. too_short: fewer than four validated epochs.
2. diverging: the mean training loss over the window lies above the run's lowest by more than half of what the run had
   brought it down by until then (or by more than a tenth of it, where it had brought down nothing).
3. over_fitting: the lowest validation loss lies before the window, the mean over the window lies above it by more than
   a tenth of what it had come down by and by more than a fiftieth of itself, and the training loss fell on meanwhile.
4. still_improving: the window's best score is above all before it by more than a fiftieth of the gain and by more than
   early stopping's min_delta.
5. stable: the mean score over the window is within a twentieth of the gain below the best, and the window's scores lie
   within a tenth of the gain of each other.
6. plateaued: none of these; it neither gains any more nor has it settled at its best, or it never rose at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from truscore.catalog import purpose
from truscore.metrics.comparison import Comparison

from services.trainer.journal import EpochDone

LEAST_EPOCHS = 4
LEAST_WINDOW = 3
WINDOW_SHARE = 0.2

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "too_short": "train for more epochs before evaluating it",
        "diverging": "lower learning_rate, or gradient_clipping",
        "over_fitting": "more images, stronger augmentation, more dropout or weight_decay, or a smaller architecture; "
        "the best checkpoint is from before it began",
        "still_improving": "train for more epochs",
        "stable": "nothing: it has settled; fewer epochs would have done where the best came early",
        "plateaued": "another lr_scheduler or a lower learning_rate where scores jump; else more or better images",
    }
)
UNFIT_ADVICE = (
    "look at the worst images below for wrong labels, then try published weights to start from, a larger image_size, "
    "more epochs or more images"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Convergence:
    """``verdict`` is one of the rules above, ``because`` says it with its ``figures``."""

    verdict: str
    because: str
    advice: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Series:
    """The validated epochs; the window is the last ``window`` of them."""

    train_losses: tuple[float, ...]
    val_losses: tuple[float, ...]
    scores: tuple[float, ...]
    window: int

    @property
    def gain(self) -> float:
        return max(self.scores) - self.scores[0]


def assess_convergence(history: Sequence[EpochDone], *, primary_metric: str, min_delta: float) -> Convergence:
    """The verdict on a run's epochs."""
    series = _series(history, primary_metric)
    if len(series.scores) < LEAST_EPOCHS:
        because = f"{len(series.scores)} validated epochs; at least {LEAST_EPOCHS} are needed"
        return _verdict("too_short", because, {"validated_epochs": len(series.scores)})
    return (
        _diverging(series)
        or _over_fitting(series)
        or _still_improving(series, min_delta)
        or _stable(series)
        or _plateaued(series)
    )


def advice_for(convergence: Convergence, comparison: Comparison) -> str:
    """What would help: that the network is worth no more than a trivial predictor comes first, however its training
    went. It has then not learned what it is for, and having settled is no reason to leave it at that."""
    if comparison.fit_for_use:
        return convergence.advice
    rest = "" if convergence.verdict == "stable" else f"; {convergence.advice}"
    return f"it is not fit for use ({comparison.reason}): {UNFIT_ADVICE}{rest}"


def score_of(done: EpochDone, primary_metric: str) -> float | None:
    """Larger is better; None for an epoch that was not validated."""
    if done.val_loss is None:
        return None
    value = done.metrics.get(primary_metric)
    return -done.val_loss if value is None else purpose.score_of(primary_metric, value)


def _series(history: Sequence[EpochDone], primary_metric: str) -> _Series:
    rows = [
        (done.train_loss, done.val_loss, score)
        for done in history
        if done.val_loss is not None and (score := score_of(done, primary_metric)) is not None
    ]
    train_losses, val_losses, scores = zip(*rows, strict=True) if rows else ((), (), ())
    window = min(max(LEAST_WINDOW, round(WINDOW_SHARE * len(rows))), max(1, len(rows) - 1))
    return _Series(train_losses=train_losses, val_losses=val_losses, scores=scores, window=window)


def _diverging(series: _Series) -> Convergence | None:
    losses = series.train_losses
    lowest, last = min(losses), _mean(losses[-series.window :])
    fall = losses[0] - lowest
    limit = lowest + (fall / 2 if fall > 0 else abs(lowest) / 10)
    if last <= limit:
        return None
    because = (
        f"the training loss came down from {losses[0]:.4g} to {lowest:.4g} and is {last:.4g} on average over the last "
        f"{series.window} epochs, above {limit:.4g}"
    )
    return _verdict("diverging", because, {"lowest_train_loss": lowest, "last_train_loss": last, "limit": limit})


def _over_fitting(series: _Series) -> Convergence | None:
    losses = series.val_losses
    lowest_at = losses.index(min(losses))
    lowest, last = losses[lowest_at], _mean(losses[-series.window :])
    train_then, train_last = series.train_losses[lowest_at], _mean(series.train_losses[-series.window :])
    limit = lowest + max((losses[0] - lowest) / 10, abs(lowest) / 50)
    if lowest_at >= len(losses) - series.window or last <= limit or train_last >= train_then:
        return None
    because = (
        f"the validation loss was lowest, {lowest:.4g}, at validation {lowest_at + 1} of {len(losses)} and is "
        f"{last:.4g} on average over the last {series.window}, while the training loss fell on from "
        f"{train_then:.4g} to {train_last:.4g}"
    )
    figures = {
        "lowest_val_loss": lowest, "last_val_loss": last, "train_loss_then": train_then, "last_train_loss": train_last
    }  # fmt: skip
    return _verdict("over_fitting", because, figures)


def _still_improving(series: _Series, min_delta: float) -> Convergence | None:
    before, last = max(series.scores[: -series.window]), max(series.scores[-series.window :])
    least = max(series.gain / 50, min_delta)
    if last - before <= least:
        return None
    because = (
        f"the best score of the last {series.window} validations, {last:.4g}, is above the best before, {before:.4g}, "
        f"by more than {least:.2g}"
    )
    return _verdict("still_improving", because, {"best_before": before, "best_of_last": last, "least_gain": least})


def _stable(series: _Series) -> Convergence | None:
    last, best = series.scores[-series.window :], max(series.scores)
    below, spread = best - _mean(last), max(last) - min(last)
    if series.gain <= 0 or below > series.gain / 20 or spread > series.gain / 10:
        return None
    because = (
        f"the last {series.window} scores are {below:.2g} below the best, {best:.4g}, on average and within "
        f"{spread:.2g} of each other, of {series.gain:.4g} gained"
    )
    return _verdict("stable", because, {"best": best, "below_best": below, "spread": spread, "gain": series.gain})


def _plateaued(series: _Series) -> Convergence:
    last, best = series.scores[-series.window :], max(series.scores)
    best_at = series.scores.index(best) + 1
    because = (
        f"the best score, {best:.4g}, came at validation {best_at} of {len(series.scores)}; the last "
        f"{series.window} are {best - _mean(last):.2g} below it on average and {max(last) - min(last):.2g} apart, of "
        f"{series.gain:.2g} gained"
    )
    figures = {"best": best, "below_best": best - _mean(last), "spread": max(last) - min(last), "gain": series.gain}
    return _verdict("plateaued", because, figures)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _verdict(verdict: str, because: str, figures: Mapping[str, float]) -> Convergence:
    return Convergence(verdict=verdict, because=because, advice=ADVICE[verdict], figures=dict(figures))
