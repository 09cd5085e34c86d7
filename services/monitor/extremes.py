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

from services.monitor.curve import reals, whole_numbers

MAX_BUCKETS = 256
MAX_SERIES = 16


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
    level = series.level
    i = bisect_left(series.low_steps, step >> level << level)
    taken = i < len(series) and series.low_steps[i] >> level == step >> level
    if taken and attempt == series.attempts[i]:
        lower = _rank(value, step) < _rank(series.lows[i], series.low_steps[i])
        higher = _rank(value, -step) > _rank(series.highs[i], -series.high_steps[i])
        if not lower and not higher:
            return series
        copied = _copy(series)
        if lower:
            copied.low_steps[i], copied.lows[i] = step, value
        if higher:
            copied.high_steps[i], copied.highs[i] = step, value
        return copied
    if taken and attempt < series.attempts[i]:
        return series
    copied = _copy(series)
    end = i + 1 if taken else i
    copied.attempts[i:end] = array("Q", [attempt])
    copied.low_steps[i:end] = copied.high_steps[i:end] = array("Q", [step])
    copied.lows[i:end] = copied.highs[i:end] = array("d", [value])
    while len(copied) > max_buckets:
        copied = halved(copied)
    return copied


def thinned(series: Series, max_points: int) -> Series:
    """With at most `max_points` extremes, at least two; all of them are extremes of the series."""
    while 2 * len(series) > max(max_points, 2):
        series = halved(series)
    return series


def halved(series: Series) -> Series:
    """With buckets of twice as many steps."""
    level = series.level + 1
    joined = Series(level=level)
    for i, attempt in enumerate(series.attempts):
        low, high = (series.low_steps[i], series.lows[i]), (series.high_steps[i], series.highs[i])
        if len(joined) and joined.low_steps[-1] >> level == low[0] >> level:
            if attempt < joined.attempts[-1]:
                continue
            if attempt == joined.attempts[-1]:
                low = min(low, (joined.low_steps[-1], joined.lows[-1]), key=lambda each: _rank(each[1], each[0]))
                high = max(high, (joined.high_steps[-1], joined.highs[-1]), key=lambda each: _rank(each[1], -each[0]))
            for values in (joined.attempts, joined.low_steps, joined.lows, joined.high_steps, joined.highs):
                values.pop()
        joined.attempts.append(attempt)
        joined.low_steps.append(low[0])
        joined.lows.append(low[1])
        joined.high_steps.append(high[0])
        joined.highs.append(high[1])
    return joined


def with_values(
    held: Mapping[str, Series], values: Mapping[str, float], step: int, attempt: int
) -> Mapping[str, Series]:
    """Series by name with one more value of each; of more names than MAX_SERIES the alphabetically first."""
    changed: dict[str, Series] = {}
    for name, value in values.items():
        before = held.get(name)
        after = with_value(before or Series(), step, value, attempt)
        if after is not before:
            changed[name] = after
    if not changed:
        return held
    return dict(sorted({**held, **changed}.items())[:MAX_SERIES])


def _rank(value: float, step: int) -> tuple[bool, float, int]:
    """NaN above all numbers, and of equal values by step."""
    undefined = isnan(value)
    return undefined, 0.0 if undefined else value, step


def _copy(series: Series) -> Series:
    return Series(
        level=series.level,
        attempts=series.attempts[:],
        low_steps=series.low_steps[:],
        lows=series.lows[:],
        high_steps=series.high_steps[:],
        highs=series.highs[:],
    )
