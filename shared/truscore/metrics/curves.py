"""Curves over a score's threshold, and how far confidence can be trusted. N decisions, T thresholds, B bins."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truscore.metrics.diagnostics import Diagram, Series, thinned

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

BINS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class ThresholdSweep:
    """What is caught and what is wrongly caught as the threshold falls; only thresholds that a score is equal to."""

    threshold_T: Numbers
    true_T: Numbers
    false_T: Numbers
    positives: int
    negatives: int


def sweep_thresholds(target_N: Flags, score_N: Numbers) -> ThresholdSweep:
    """Thresholds from the highest score down; equal scores are one threshold, for no order among them is right."""
    order_N = np.argsort(-score_N, kind="stable")
    sorted_N, target_sorted_N = score_N[order_N], target_N[order_N]
    last_T = np.flatnonzero(np.append(np.diff(sorted_N) != 0, True)) if len(score_N) else np.zeros(0, dtype=np.int64)
    true_T = np.cumsum(target_sorted_N)[last_T].astype(np.float64)
    return ThresholdSweep(
        threshold_T=sorted_N[last_T],
        true_T=true_T,
        false_T=last_T + 1 - true_T,
        positives=int(target_N.sum()),
        negatives=int(len(target_N) - target_N.sum()),
    )


def average_precision(target_N: Flags, score_N: Numbers) -> float | None:
    """Sum of precision times the step in recall, without interpolation (Zhu 2004, as scikit-learn has it).

    None where there is no target: recall has no meaning.
    """
    steps = sweep_thresholds(target_N, score_N)
    if not steps.positives:
        return None
    precision_T = steps.true_T / (steps.true_T + steps.false_T)
    return float((np.diff(steps.true_T / steps.positives, prepend=0.0) * precision_T).sum())


def roc_area(target_N: Flags, score_N: Numbers) -> float | None:
    """Chance that a target scores higher than another, ties half (Hanley and McNeil 1982); None without both."""
    steps = sweep_thresholds(target_N, score_N)
    if not steps.positives or not steps.negatives:
        return None
    x_T, y_T = np.append(0.0, steps.false_T / steps.negatives), np.append(0.0, steps.true_T / steps.positives)
    return float(np.trapezoid(y_T, x_T))


def precision_recall_series(name: str, target_N: Flags, score_N: Numbers) -> Series:
    """Recall along, precision up, drawn from the edge to the highest threshold; empty where there is no target."""
    steps = sweep_thresholds(target_N, score_N)
    if not steps.positives:
        return Series(name=name, x=(), y=())
    precision_T = steps.true_T / (steps.true_T + steps.false_T)
    x, y = thinned(np.append(0.0, steps.true_T / steps.positives), np.append(precision_T[0], precision_T))
    return Series(name=name, x=x, y=y)


def roc_series(name: str, target_N: Flags, score_N: Numbers) -> Series:
    """False positive rate along, true positive rate up; empty where one of the two kinds is missing."""
    steps = sweep_thresholds(target_N, score_N)
    if not steps.positives or not steps.negatives:
        return Series(name=name, x=(), y=())
    x, y = thinned(np.append(0.0, steps.false_T / steps.negatives), np.append(0.0, steps.true_T / steps.positives))
    return Series(name=name, x=x, y=y)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reliability:
    """Bins of equal width that hold any decision: its mean confidence, how often it was right, how many it holds."""

    confidence_B: tuple[float, ...]
    right_B: tuple[float, ...]
    count_B: tuple[int, ...]

    @property
    def error(self) -> float:
        """Expected calibration error (Naeini et al. 2015, eq. 3; Guo et al. 2017, eq. 5); 0 of nothing."""
        gaps = [
            count * abs(confidence - right)
            for confidence, right, count in zip(self.confidence_B, self.right_B, self.count_B, strict=True)
        ]
        return sum(gaps) / max(1, sum(self.count_B))

    def diagram(self, title: str) -> Diagram:
        series = Series(name="found", x=self.confidence_B, y=self.right_B, count=self.count_B)
        return Diagram(
            kind="reliability", title=title, x_name="mean confidence", y_name="share that was right", series=(series,)
        )


def reliability(confidence_N: Numbers, right_N: Flags, *, bins: int = BINS) -> Reliability:
    """Decisions by their confidence, 0 to 1; a bin holds its upper end and not its lower, as Guo et al. have it."""
    place_N = np.clip(np.ceil(confidence_N * bins) - 1, 0, bins - 1).astype(np.int64)
    count_B = np.bincount(place_N, minlength=bins)
    sums_B = np.bincount(place_N, weights=confidence_N, minlength=bins)
    right_B = np.bincount(place_N, weights=right_N.astype(np.float64), minlength=bins)
    held_B = count_B > 0
    return Reliability(
        confidence_B=tuple(map(float, sums_B[held_B] / count_B[held_B])),
        right_B=tuple(map(float, right_B[held_B] / count_B[held_B])),
        count_B=tuple(map(int, count_B[held_B])),
    )


def precision_recall_diagram(title: str, series: tuple[Series, ...]) -> Diagram:
    return Diagram(kind="precision_recall", title=title, x_name="recall", y_name="precision", series=series)


def roc_diagram(title: str, series: tuple[Series, ...]) -> Diagram:
    return Diagram(kind="roc", title=title, x_name="false positive rate", y_name="true positive rate", series=series)
