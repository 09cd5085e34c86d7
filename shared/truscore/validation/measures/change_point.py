"""Whether a row of numbers changes its level somewhere, and how likely that is by accident."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHUFFLES = 499
_MOST = 20_000
EDGE_SHARE = 0.1
_NOTHING = 1e-9  # a mean of 0 has no ratio


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangePoint:
    """The mean before and from `place` on, and how many of the shuffled rows change as much."""

    place: int
    before: float
    after: float
    p_value: float


def find_change_point(values: Sequence[float], *, seed: int = 0, least_ratio: float = 1.0) -> ChangePoint:
    """Where the ranks before and after differ most for their number, with the chance by permutation (Miller and
    Siegmund 1982, "Maximally selected chi square statistics"; the plain sum of Pettitt 1979 leans to the middle).
    At least two values; each side holds a tenth. Where one mean is less than `least_ratio` times the other, nobody
    asks for the chance: it is given as 1.
    """
    import numpy as np

    step = -(-len(values) // _MOST)
    row_N = np.asarray(values[::step], dtype=np.float64)
    rank_N = _mid_ranks(row_N)
    at, strength = _farthest(rank_N)
    before, after = float(row_N[:at].mean()), float(row_N[at:].mean())
    p_value = 1.0
    if max(before, after) >= least_ratio * max(min(before, after), _NOTHING):
        generator = np.random.default_rng(seed)
        shuffled = [_farthest(generator.permutation(rank_N))[1] for _ in range(SHUFFLES)]
        p_value = (1 + sum(other >= strength for other in shuffled)) / (1 + SHUFFLES)
    return ChangePoint(place=at * step, before=before, after=after, p_value=p_value)


def _mid_ranks(row_N: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Ranks, equal values sharing theirs, less their mean."""
    import numpy as np

    # np.unique would import numpy.ma.
    sorted_N = np.sort(row_N)
    below_N, upto_N = np.searchsorted(sorted_N, row_N, "left"), np.searchsorted(sorted_N, row_N, "right")
    rank_N: NDArray[np.float64] = (below_N + upto_N + 1) / 2 - (len(row_N) + 1) / 2
    return rank_N


def _farthest(rank_N: "NDArray[np.float64]") -> tuple[int, float]:
    import numpy as np

    edge = max(int(EDGE_SHARE * len(rank_N)), 1)
    before_N = np.arange(edge, len(rank_N) - edge + 1)
    sums_N = np.abs(np.cumsum(rank_N))[edge - 1 : len(rank_N) - edge]
    standardised_N = sums_N / np.sqrt(before_N * (len(rank_N) - before_N))
    at = int(standardised_N.argmax())
    return at + edge, float(standardised_N[at])
