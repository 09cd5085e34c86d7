"""Confusion matrices and what follows from them. K classes, N images."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from truscore.metrics.diagnostics import Matrix

Counts = NDArray[np.int64]


def confusion_counts(target_N: Sequence[int], prediction_N: Sequence[int], classes: int) -> Counts:
    """[K, K]: rows are target classes, columns predicted ones, both from 0."""
    places_N = np.asarray(target_N, dtype=np.int64) * classes + np.asarray(prediction_N, dtype=np.int64)
    return np.bincount(places_N, minlength=classes * classes).reshape(classes, classes)


def accuracy(counts_KK: Counts) -> float:
    """Share on the diagonal; 0 of nothing."""
    return float(np.trace(counts_KK) / max(1, counts_KK.sum()))


def f1_by_class(counts_KK: Counts) -> list[float | None]:
    """2 TP / (2 TP + FP + FN) (van Rijsbergen 1979); None for a class without target and prediction."""
    true_K = np.diagonal(counts_KK)
    both_K = counts_KK.sum(axis=0) + counts_KK.sum(axis=1)
    return [float(2 * true / both) if both else None for true, both in zip(true_K, both_K, strict=True)]


def macro_f1(counts_KK: Counts) -> float:
    """Mean F1 of the classes that are targets or predictions somewhere; 0 of nothing."""
    there = [value for value in f1_by_class(counts_KK) if value is not None]
    return float(np.mean(there)) if there else 0.0


def dead_classes(counts_KK: Counts) -> int:
    """How many classes have images and were the answer for none."""
    return int(((counts_KK.sum(axis=1) > 0) & (counts_KK.sum(axis=0) == 0)).sum())


def recall_by_class(counts_KK: Counts) -> list[float | None]:
    """None for a class that no target has."""
    target_K = counts_KK.sum(axis=1)
    return [
        float(true / target) if target else None for true, target in zip(np.diagonal(counts_KK), target_K, strict=True)
    ]


def as_matrix(counts_KK: Counts, names: Sequence[str], *, title: str) -> Matrix:
    """The counts with the classes' names on both sides."""
    counts = tuple(tuple(int(count) for count in row) for row in counts_KK)
    return Matrix(title=title, target=tuple(names), prediction=tuple(names), counts=counts)
