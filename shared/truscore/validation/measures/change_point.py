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


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangePoint:
    """The mean before and from `place` on, and how many of the shuffled rows change as much."""

    place: int
    before: float
    after: float
    p_value: float


def find_change_point(values: Sequence[float], *, seed: int = 0) -> ChangePoint:
    """Where the ranks before and after differ most for their number, with the chance by permutation (Miller and
    Siegmund 1982, "Maximally selected chi square statistics"; the plain sum of Pettitt 1979 leans to the middle).
    At least two values; each side holds a tenth.
    """
    import numpy as np

    step = -(-len(values) // _MOST)
    row_N = np.asarray(values[::step], dtype=np.float64)
    rank_N = _mid_ranks(row_N)
    generator = np.random.default_rng(seed)
    place, strength = _farthest(rank_N)
    shuffled = [_farthest(generator.permutation(rank_N))[1] for _ in range(SHUFFLES)]
    p_value = (1 + sum(other >= strength for other in shuffled)) / (1 + SHUFFLES)
    return ChangePoint(
        place=place * step,
        before=float(row_N[:place].mean()),
        after=float(row_N[place:].mean()),
        p_value=p_value,
    )


def _mid_ranks(row_N: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Ranks, equal values sharing theirs, less their mean."""
    import numpy as np

    _, inverse_N, count_K = np.unique(row_N, return_inverse=True, return_counts=True)
    end_K = np.cumsum(count_K)
    rank_N: NDArray[np.float64] = (end_K - (count_K - 1) / 2)[inverse_N] - (len(row_N) + 1) / 2
    return rank_N


def _farthest(rank_N: "NDArray[np.float64]") -> tuple[int, float]:
    import numpy as np

    edge = max(int(EDGE_SHARE * len(rank_N)), 1)
    before_N = np.arange(edge, len(rank_N) - edge + 1)
    sums_N = np.abs(np.cumsum(rank_N))[edge - 1 : len(rank_N) - edge]
    standardised_N = sums_N / np.sqrt(before_N * (len(rank_N) - before_N))
    at = int(standardised_N.argmax())
    return at + edge, float(standardised_N[at])
