"""Percentile bootstrap over groups of images (Efron 1979; the whole group is drawn: Davison and Hinkley 1997, 3.8).

Images of one group (one card, one scan, look-alikes) go wrong together: drawing images one by one would make intervals
that are too narrow.

Legend: R resamples.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from truscore.metrics.comparison.values import Interval

RESAMPLES = 500
LEAST_GROUPS = 2
COVERED_PERCENT = 95.0

# Places of images, some more than once, to metrics by name.
Measure = Callable[[Sequence[int]], Mapping[str, float]]
Values = NDArray[np.float64]


def resamples(groups: Sequence[Sequence[int]], *, count: int = RESAMPLES, seed: int = 0) -> Iterator[list[int]]:
    """As many groups as there are, drawn with replacement: the places of their images. The same for the same seed."""
    generator = np.random.default_rng(seed)
    for _ in range(count):
        drawn = generator.integers(len(groups), size=len(groups))
        yield [place for at in drawn for place in groups[at]]


def resampled(measure: Measure, drawn: Sequence[Sequence[int]]) -> dict[str, Values]:
    """[R] of each metric that every resample has: one that is undefined on some of them has no interval."""
    rows = [measure(places) for places in drawn]
    names = set.intersection(*(set(row) for row in rows)) if rows else set()
    return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in sorted(names)}


def interval_of(values_R: Values) -> Interval:
    """The middle ``COVERED_PERCENT`` of the resamples."""
    tail = (100 - COVERED_PERCENT) / 2
    lower, upper = np.percentile(values_R, [tail, 100 - tail])
    return Interval(lower=float(lower), upper=float(upper))
