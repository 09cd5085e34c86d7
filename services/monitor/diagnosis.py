"""What a run's epochs say about how it learns. Pure; measures that mean nothing yet are absent."""

from __future__ import annotations

from math import isfinite

from services.monitor.facts import EpochDone
from services.monitor.run import Run

Measures = dict[str, tuple[float, str]]

DEAD_CLASSES = "dead_classes"
_FEW = 3
_LEAST_VALIDATED = 5
# Of the few epochs together: shorter ones are made of starts and rounding.
_LEAST_TRAINING_S = 60.0
# A training loss this close to its lowest counts as still falling.
_FALLING = 1.05


def measures_of_epochs(run: Run) -> Measures:
    """Of a run in training, by name: value and words."""
    epochs = [run.epochs[number] for number in sorted(run.epochs)]
    return _since_best(epochs) | _overfitting(epochs) | _dead(epochs) | _loading(epochs) if epochs else {}


def measures_of_end(run: Run, now: float) -> Measures:
    """Of a run whose training is over."""
    if run.completed is None or run.completed.event.fit_for_use is not False:
        return {}
    return {"unfit_s": (now - run.completed.at, run.completed.event.fit_for_use_reason)}


def _since_best(epochs: list[EpochDone]) -> Measures:
    best = max((epoch.epoch for epoch in epochs if epoch.is_best), default=0)
    if not best:
        return {}
    since = epochs[-1].epoch - best
    return {"epochs_since_best": (since, f"no epoch was better than epoch {best} for {since} epochs")}


def _overfitting(epochs: list[EpochDone]) -> Measures:
    """The lowest of the last few validation losses, as one alone may be a spike."""
    validated = [epoch for epoch in epochs if isfinite(epoch.val_loss) and epoch.val_loss > 0]
    if len(validated) < _LEAST_VALIDATED or epochs[-1].train_loss > _FALLING * min(each.train_loss for each in epochs):
        return {}
    lowest = min(validated, key=lambda epoch: epoch.val_loss)
    lately = min(epoch.val_loss for epoch in validated[-_FEW:])
    growth = lately / lowest.val_loss
    words = f"the validation loss is {lately:.4g}, {growth:.1f} times its lowest {lowest.val_loss:.4g}"
    return {"val_loss_growth": (growth, f"{words} of epoch {lowest.epoch}, while the training loss falls")}


def _dead(epochs: list[EpochDone]) -> Measures:
    """The fewest of the last few evaluations: early ones, and one alone, may miss a class by chance."""
    evaluated = [epoch for epoch in epochs if DEAD_CLASSES in epoch.metrics]
    if len(evaluated) < _LEAST_VALIDATED:
        return {}
    dead = min(epoch.metrics[DEAD_CLASSES] for epoch in evaluated[-_FEW:])
    words = f"{dead:.0f} classes that have images were answered for none in each of the last {_FEW} evaluations"
    return {"dead_classes": (dead, words)}


def _loading(epochs: list[EpochDone]) -> Measures:
    last = epochs[-_FEW:]
    training_s = [epoch.duration_s - epoch.validating_s for epoch in last]
    if len(last) < _FEW or sum(training_s) < _LEAST_TRAINING_S:
        return {}
    share = min(100 * epoch.loading_s / max(seconds, 1e-9) for epoch, seconds in zip(last, training_s, strict=True))
    return {
        "loading_percent": (
            share,
            f"in each of the last {_FEW} epochs {share:.0f} % of the time or more passed waiting for images",
        )
    }
