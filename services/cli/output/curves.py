"""Curves in a line of text. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], *, width: int) -> str:
    """At most `width` bars from the least to the greatest value; a gap for what is not finite."""
    if not values or width < 1:
        return ""
    points = thinned(values, width)
    known = [point for point in points if isfinite(point)]
    if not known:
        return " " * len(points)
    low, high = min(known), max(known)
    return "".join(_bar(point, low, high) if isfinite(point) else " " for point in points)


def _bar(point: float, low: float, high: float) -> str:
    # Halves, because the difference of two of the greatest numbers is no number.
    span = high / 2 - low / 2
    return BARS[round((point / 2 - low / 2) / span * (len(BARS) - 1))] if span else BARS[0]


def thinned(values: Sequence[float], width: int) -> list[float]:
    """As many means of neighbours as there is room for, in order."""
    count = min(len(values), width)
    edges = [index * len(values) // count for index in range(count + 1)]
    return [_mean(values[start:end]) for start, end in pairwise(edges)]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if isfinite(value)]
    return sum(value / len(known) for value in known) if known else float("nan")
