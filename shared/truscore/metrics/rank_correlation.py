"""Rank correlation. N pairs."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def spearman(one_N: Numbers, other_N: Numbers) -> float | None:
    """Correlation of the ranks, -1 to 1 (Spearman 1904), ties by mean rank; None where one never varies."""
    ranks_N, other_ranks_N = ranks(one_N), ranks(other_N)
    if len(ranks_N) < 2 or np.ptp(ranks_N) == 0 or np.ptp(other_ranks_N) == 0:
        return None
    return float(np.clip(np.corrcoef(ranks_N, other_ranks_N)[0, 1], -1.0, 1.0))


def ranks(values_N: Numbers) -> Numbers:
    """From 1; equal values share the mean of their places."""
    _, place_N, count_U = np.unique(values_N, return_inverse=True, return_counts=True)
    last_U = np.cumsum(count_U)
    mean_N: Numbers = (last_U - (count_U - 1) / 2)[place_N]
    return mean_N
