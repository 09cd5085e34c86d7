"""How well labels can be predicted from a few numbers, and whether that could be chance.

N: examples; F: features; K: classes; R: rounds of shuffling.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]

FOLDS = 5
ROUNDS = 199
BINS = 8
MOST_EXAMPLES = 1200


@dataclass(frozen=True, kw_only=True, slots=True)
class PermutationTest:
    """Balanced accuracy on examples left out; skill is 0 by chance and 1 when always right."""

    accuracy: float
    skill: float
    p_value: float  # of such an accuracy where labels mean nothing


def permutation_test(
    features_NF: "Floats", labels_N: "Ints", groups: Sequence[str], *, min_skill: float = 0.0, seed: int = 0
) -> PermutationTest:
    """Guess each label by ridge regression on classes from the other folds; groups stay in one fold.

    The chance is that of shuffled labels doing as well (Ojala and Garriga 2010, "Permutation tests for studying
    classifier performance", eq. 1). Regression is linear in what it predicts: one smoother serves all shufflings.
    Below the skill `min_skill` nothing is shuffled, and the chance is given as 1.
    """
    import numpy as np

    classes, coded_N = np.unique(labels_N, return_inverse=True)
    generator = np.random.default_rng(seed)
    fold_N = _folds(groups, generator)
    scaled_NF = _scaled(features_NF)
    smoothers = [_smoother(scaled_NF, fold_N == fold) for fold in range(FOLDS)]
    accuracy = _accuracy(smoothers, fold_N, coded_N, len(classes))
    by_chance = 1 / len(classes)
    skill = (accuracy - by_chance) / (1 - by_chance)
    if skill < min_skill:
        return PermutationTest(accuracy=accuracy, skill=skill, p_value=1.0)
    shuffled = [_accuracy(smoothers, fold_N, generator.permutation(coded_N), len(classes)) for _ in range(ROUNDS)]
    p_value = (1 + sum(other >= accuracy for other in shuffled)) / (1 + ROUNDS)
    return PermutationTest(accuracy=accuracy, skill=skill, p_value=p_value)


def quantile_bins(values_N: "Floats") -> "Floats":
    """One number as the bin of its rank, [N, BINS]: whatever curve relates it with the label can be followed."""
    import numpy as np

    edges = np.unique(np.quantile(values_N, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins: Floats = np.eye(len(edges) + 1)[np.searchsorted(edges, values_N, side="right")]
    return bins


def subsample(labels_N: "Ints", *, seed: int = 0) -> "Ints":
    """Positions of at most MOST_EXAMPLES examples, ascending."""
    import numpy as np

    if len(labels_N) <= MOST_EXAMPLES:
        return np.arange(len(labels_N))
    return np.sort(np.random.default_rng(seed).choice(len(labels_N), MOST_EXAMPLES, replace=False))


def _folds(groups: Sequence[str], generator: "np.random.Generator") -> "Ints":
    import numpy as np

    _, member_N = np.unique(np.asarray(groups), return_inverse=True)
    folds: Ints = (generator.permutation(int(member_N.max()) + 1) % FOLDS)[member_N]
    return folds


def _scaled(features_NF: "Floats") -> "Floats":
    """Features of mean 0 and equal spread, so scaled that all together weigh as much as one."""
    spread_F = features_NF.std(axis=0)
    informative_NF = (features_NF - features_NF.mean(axis=0))[:, spread_F > 1e-9]
    scaled: Floats = informative_NF / (spread_F[spread_F > 1e-9] * max(informative_NF.shape[1], 1) ** 0.5)
    return scaled


def _smoother(scaled_NF: "Floats", out_N: "NDArray[np.bool_]") -> "Floats":
    """What turns the labels of the examples kept in into predictions of those left out (Hastie, Tibshirani and Friedman
    2009, "The elements of statistical learning", eq. 3.44), by whichever of its two forms has the smaller matrix.
    """
    import numpy as np

    kept_MF, out_LF = scaled_NF[~out_N], scaled_NF[out_N]
    examples, features = kept_MF.shape
    if features <= examples:
        smoother = out_LF @ np.linalg.solve(kept_MF.T @ kept_MF + np.eye(features), kept_MF.T)
    else:
        smoother = np.linalg.solve(kept_MF @ kept_MF.T + np.eye(examples), kept_MF @ out_LF.T).T
    return np.asarray(smoother, dtype=np.float64)


def _accuracy(smoothers: "list[Floats]", fold_N: "Ints", coded_N: "Ints", classes: int) -> float:
    import numpy as np

    right_N = np.zeros(len(coded_N), dtype=bool)
    hot_NK = np.eye(classes)[coded_N]
    for fold, smoother in enumerate(smoothers):
        out_N = fold_N == fold
        kept_NK = hot_NK[~out_N]
        share_K = kept_NK.mean(axis=0)
        # A frequent class is not predicted for being frequent: accuracy is counted class by class.
        predicted_NK = smoother @ ((kept_NK - share_K) / np.sqrt(np.maximum(share_K, 1e-9)))
        right_N[out_N] = predicted_NK.argmax(axis=1) == coded_N[out_N]
    return float(np.mean([right_N[coded_N == place].mean() for place in range(classes)]))
