"""The comparison of a network with trivial predictors, as it is reported and announced. Plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """Where a metric lies in 95 of 100 resamples of the groups of images, in the metric's own unit."""

    lower: float
    upper: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A network beside trivial predictors, on the same images by the same metrics.

    It is ``fit_for_use`` where it is better than each of them in each of the ``purpose_metrics`` that is measured, by
    more than chance: ``reason`` says so with figures. ``trivial_metrics`` are by predictor and metric; ``intervals``
    are the network's, of the metrics that were resampled, over so many ``groups`` of images.
    """

    fit_for_use: bool
    reason: str
    purpose_metrics: tuple[str, ...] = ()
    trivial_metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    groups: int = 0
    resamples: int = 0


def comparison_from_plain(plain: Mapping[str, Any]) -> Comparison:
    """What ``dataclasses.asdict`` made of a comparison, after JSON. Raises KeyError or TypeError."""
    intervals = {name: Interval(**interval) for name, interval in plain["intervals"].items()}
    return Comparison(**{**plain, "purpose_metrics": tuple(plain["purpose_metrics"]), "intervals": intervals})
