"""Whether a network is fit for use: better than trivial predictors in what its option is for, by more than chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from truscore.catalog.purpose import larger_is_better
from truscore.metrics.comparison.bootstrap import (
    COVERED_PERCENT,
    LEAST_GROUPS,
    RESAMPLES,
    Measure,
    Values,
    interval_of,
    resampled,
    resamples,
)
from truscore.metrics.comparison.values import Comparison, Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictor:
    """``metrics`` on all images, and ``measure`` the metrics that are cheap enough to resample."""

    metrics: Mapping[str, float]
    measure: Measure


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rival:
    """A trivial predictor in one metric: its ``value``, and by how much the network ``gains`` on it; None where that
    was not resampled."""

    metric: str
    name: str
    value: float
    gain: Interval | None

    @property
    def beaten(self) -> bool:
        return self.gain is not None and self.gain.lower > 0


def compare(
    model: Predictor,
    trivial: Mapping[str, Predictor],
    *,
    purpose_metrics: Sequence[str],
    groups: Sequence[Sequence[int]],
    count: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Network and trivial predictors on the same resamples of the same images; ``groups`` hold the images' places.

    A gain is the difference of the two on one resample, so that images that are hard for both widen no interval.
    """
    enough = len(groups) >= LEAST_GROUPS
    drawn = list(resamples(groups, count=count, seed=seed)) if enough else []
    own = resampled(model.measure, drawn)
    rivals = [
        _rival(metric, name, predictor.metrics[metric], own, others)
        for name, predictor in trivial.items()
        for others in [resampled(predictor.measure, drawn)]
        for metric in purpose_metrics
        if metric in predictor.metrics and metric in model.metrics
    ]
    # Where there is nothing to be measured on these images, nothing was shown of the network.
    fit = bool(rivals) and all(rival.beaten for rival in rivals)
    intervals = {name: interval_of(values_R) for name, values_R in own.items()}
    return Comparison(
        fit_for_use=fit,
        reason=_reason(model.metrics, intervals, rivals, purpose_metrics, groups=len(groups)),
        purpose_metrics=tuple(purpose_metrics),
        trivial_metrics={name: dict(predictor.metrics) for name, predictor in trivial.items()},
        intervals=intervals,
        groups=len(groups),
        resamples=len(drawn),
    )


def _rival(metric: str, name: str, value: float, own: Mapping[str, Values], others: Mapping[str, Values]) -> _Rival:
    if metric not in own or metric not in others:
        return _Rival(metric=metric, name=name, value=value, gain=None)
    sign = 1 if larger_is_better(metric) else -1
    return _Rival(metric=metric, name=name, value=value, gain=interval_of(sign * (own[metric] - others[metric])))


def _reason(
    metrics: Mapping[str, float],
    intervals: Mapping[str, Interval],
    rivals: Sequence[_Rival],
    purpose_metrics: Sequence[str],
    *,
    groups: int,
) -> str:
    if not rivals:
        return f"none of {', '.join(purpose_metrics) or 'no metric'} is measured on the validation images"
    if groups < LEAST_GROUPS:
        return f"the validation images are of {groups} group; an interval takes at least {LEAST_GROUPS}"
    unbeaten = [rival for rival in rivals if not rival.beaten]
    shown = unbeaten or rivals
    return "; ".join(_words(metric, metrics, intervals, shown, better=not unbeaten) for metric in _metrics_of(shown))


def _metrics_of(rivals: Sequence[_Rival]) -> list[str]:
    return list(dict.fromkeys(rival.metric for rival in rivals))


def _words(
    metric: str,
    metrics: Mapping[str, float],
    intervals: Mapping[str, Interval],
    rivals: Sequence[_Rival],
    *,
    better: bool,
) -> str:
    interval = intervals.get(metric)
    between = f" ({COVERED_PERCENT:g} %: {interval.lower:.4g} to {interval.upper:.4g})" if interval else ""
    others = " and ".join(
        f"{rival.name.replace('_', ' ')} has {rival.value:.4g}{'' if rival.gain else ' (not resampled)'}"
        for rival in rivals
        if rival.metric == metric
    )
    verdict = "better than trivial" if better else "not better than trivial beyond chance"
    return f"{metric} is {metrics[metric]:.4g}{between}, {verdict}: {others}"
