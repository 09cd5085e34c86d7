"""A metric over the steps in bounded memory that keeps every extreme and comes out the same in whatever order it came.

Each bucket of 2**level steps keeps its smallest and its largest value with the steps they were reported at: the first
half of M4 (Jugel et al. 2014, "M4: a visualization-oriented time series data aggregation"). A spike of one step among
ten million is drawn. NaN counts as larger than any number, so that it is not lost among them either.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import TypeVar

from services.monitor.curve import reals, whole_numbers

MAX_BUCKETS = 256
MAX_SERIES = 16
Key = TypeVar("Key", str, tuple[str, str])
N = TypeVar("N", int, float)


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """At most MAX_BUCKETS buckets, 40 bytes each, in the order of their steps.

    A bucket is of the latest attempt that reported in it. The level only grows, and only when the steps so far fill too
    many buckets; joining two buckets gives the same in whatever order it is done.
    """

    level: int = 0
    attempts: array[int] = field(default_factory=whole_numbers)
    low_steps: array[int] = field(default_factory=whole_numbers)
    lows: array[float] = field(default_factory=reals)
    high_steps: array[int] = field(default_factory=whole_numbers)
    highs: array[float] = field(default_factory=reals)

    def __len__(self) -> int:
        return len(self.attempts)

    def points(self, *, first: int = 0, last: int = 2**64 - 1) -> list[tuple[int, float]]:
        """Step and value of each extreme from step `first` to `last`, in the order of steps."""
        found = {
            (step, value)
            for steps, values in ((self.low_steps, self.lows), (self.high_steps, self.highs))
            for step, value in zip(steps, values, strict=True)
            if first <= step <= last and not isnan(value)
        }
        undefined = {step for step, value in zip(self.high_steps, self.highs, strict=True) if isnan(value)}
        return sorted([*found, *((step, float("nan")) for step in undefined if first <= step <= last)])


def with_value(series: Series, step: int, value: float, attempt: int, *, max_buckets: int = MAX_BUCKETS) -> Series:
    """The series with one more value; the same object where it is neither new in its bucket nor an extreme there."""
    level, low_steps = series.level, series.low_steps
    if (
        low_steps
        and series.lows[-1] <= value <= series.highs[-1]
        and step >= low_steps[-1]
        and step >= series.high_steps[-1]
        and low_steps[-1] >> level == step >> level
        and attempt == series.attempts[-1]
    ):
        return series  # nearly every value of a long run, as it comes: a later one in the newest bucket, within it
    i = bisect_left(low_steps, step >> level << level)
    taken = i < len(low_steps) and low_steps[i] >> level == step >> level
    if taken and attempt == series.attempts[i]:
        return _with_extreme(series, i, step, value)
    if taken and attempt < series.attempts[i]:
        return series
    copied = _copy(series)
    end = i + 1 if taken else i
    new_attempt, new_step, new_value = array("Q", (attempt,)), array("Q", (step,)), array("d", (value,))
    copied.attempts[i:end] = new_attempt
    copied.low_steps[i:end] = copied.high_steps[i:end] = new_step
    copied.lows[i:end] = copied.highs[i:end] = new_value
    while len(copied) > max_buckets:
        copied = halved(copied)
    return copied


def _with_extreme(series: Series, i: int, step: int, value: float) -> Series:
    """Shares what it does not change."""
    lower = _rank(value, step) < _rank(series.lows[i], series.low_steps[i])
    higher = _rank(value, -step) > _rank(series.highs[i], -series.high_steps[i])
    if not lower and not higher:
        return series
    return Series(
        level=series.level,
        attempts=series.attempts,
        low_steps=_put(series.low_steps, i, step) if lower else series.low_steps,
        lows=_put(series.lows, i, value) if lower else series.lows,
        high_steps=_put(series.high_steps, i, step) if higher else series.high_steps,
        highs=_put(series.highs, i, value) if higher else series.highs,
    )


def thinned(series: Series, max_points: int) -> Series:
    """With at most `max_points` extremes, at least two; all of them are extremes of the series."""
    while 2 * len(series) > max(max_points, 2):
        series = halved(series)
    return series


def halved(series: Series) -> Series:
    """With buckets of twice as many steps."""
    level = series.level + 1
    joined = Series(level=level)
    attempts, low_steps, lows = joined.attempts, joined.low_steps, joined.lows
    high_steps, highs = joined.high_steps, joined.highs
    bucket = -1
    for attempt, low_step, low, high_step, high in zip(
        series.attempts, series.low_steps, series.lows, series.high_steps, series.highs, strict=True
    ):
        if low_step >> level != bucket:
            bucket = low_step >> level
            attempts.append(attempt)
            low_steps.append(low_step)
            lows.append(low)
            high_steps.append(high_step)
            highs.append(high)
            continue
        newer = attempt > attempts[-1]
        if attempt < attempts[-1]:
            continue
        attempts[-1] = attempt
        # As by `_rank`: of equal values the earlier one stands, and what is not a number is above all that are.
        if newer or low < lows[-1] or (isnan(lows[-1]) and not isnan(low)):
            low_steps[-1], lows[-1] = low_step, low
        if newer or high > highs[-1] or (isnan(high) and not isnan(highs[-1])):
            high_steps[-1], highs[-1] = high_step, high
    return joined


def with_values(
    held: Mapping[Key, Series],
    values: Mapping[Key, float],
    step: int,
    attempt: int,
    *,
    most: int = MAX_SERIES,
    max_buckets: int = MAX_BUCKETS,
) -> Mapping[Key, Series]:
    """Series by name with one more value of each; of more names than `most` the alphabetically first."""
    changed: dict[Key, Series] = {}
    for name, value in values.items():
        before = held.get(name)
        after = with_value(before or Series(), step, value, attempt, max_buckets=max_buckets)
        if after is not before:
            changed[name] = after
    if not changed:
        return held
    together = {**held, **changed}
    if len(together) == len(held):
        return together  # in order already
    return dict(sorted(together.items())[:most])


def _rank(value: float, step: int) -> tuple[bool, float, int]:
    """NaN above all numbers, and of equal values by step."""
    undefined = isnan(value)
    return undefined, 0.0 if undefined else value, step


def _put(values: array[N], i: int, value: N) -> array[N]:
    copied = values[:]
    copied[i] = value
    return copied


def _copy(series: Series) -> Series:
    return Series(
        level=series.level,
        attempts=series.attempts[:],
        low_steps=series.low_steps[:],
        lows=series.lows[:],
        high_steps=series.high_steps[:],
        highs=series.highs[:],
    )
