"""Whether a service's memory grows: the slope of what it holds over time, with an interval. Pure.

What comes once is no growth, whenever it comes: modules of the first run, a pool that fills, pages that the first large
upload touched. So what is left of a life after its warm-up is halved, and it grows where both halves do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import theilslopes

WARM_UP_SHARE = 1 / 3  # of a life, in which imports, caches and pools fill
LEAST_LIFE_S = 600.0  # a shorter life says nothing of a slope
# What a slope may surely be. A leak of 1 kB in each of 20,000 orders an hour is 20 MB.
FLAT_MB_PER_HOUR = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Slope:
    """Of a service: the most that any process held, and how what the longest-lived held grew, by the median of all
    pairwise slopes (Theil and Sen) with its interval of 95 %: of that half of its life after the warm-up in which it
    grew less."""

    most_mb: float
    mb_per_hour: float
    low_mb_per_hour: float
    high_mb_per_hour: float
    life_s: float

    @property
    def judged(self) -> bool:
        """Whether the life was long enough to say."""
        return self.life_s >= LEAST_LIFE_S

    @property
    def flat(self) -> bool:
        """False where it surely grows, and fast; a life too short is not judged."""
        return not self.judged or self.low_mb_per_hour <= FLAT_MB_PER_HOUR


def slopes(samples: Mapping[str, Sequence[int]], *, every_s: float) -> dict[str, Slope]:
    """By service. ``samples``: bytes, by process (``service-1#3``: the third start of the first), 0 where it was not.

    ``every_s``: seconds between samples."""
    lives: dict[str, list[list[int]]] = {}
    for name, values in samples.items():
        lives.setdefault(name.rpartition("-")[0], []).append([value for value in values if value])
    return {service: _slope(found, every_s) for service, found in lives.items() if any(found)}


def _slope(lives: Sequence[Sequence[int]], every_s: float) -> Slope:
    longest = max(lives, key=len)
    late = np.asarray(longest[int(len(longest) * WARM_UP_SHARE) :], dtype=float) / 1e6
    halves = [_growth(half, every_s) for half in np.array_split(late, 2)]
    middle, low, high = min(halves, key=lambda growth: growth[1])
    return Slope(
        most_mb=round(max(max(life) for life in lives if life) / 1e6, 1),
        mb_per_hour=round(middle, 1),
        low_mb_per_hour=round(low, 1),
        high_mb_per_hour=round(high, 1),
        life_s=len(longest) * every_s,
    )


def _growth(held_mb: NDArray[np.float64], every_s: float) -> tuple[float, float, float]:
    """MB an hour: the median slope, and the ends of its interval."""
    if len(held_mb) < 2:
        return 0.0, 0.0, 0.0
    middle, _, low, high = theilslopes(held_mb, np.arange(len(held_mb)) * every_s / 3600)
    return float(middle), float(low), float(high)
