"""How good grades are. A grade is a place on an ordered scale, and being off by one is not being off by five.

K grades, N images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truscore.metrics.comparison.bootstrap import Measure
from truscore.metrics.confusion_matrix import (
    Counts,
    accuracy,
    as_matrix,
    confusion_counts,
    dead_classes,
    f1_by_class,
    macro_f1,
    recall_by_class,
)
from truscore.metrics.curves import (
    Flags,
    Numbers,
    Reliability,
    precision_recall_diagram,
    precision_recall_series,
    reliability,
    roc_diagram,
    roc_series,
)
from truscore.metrics.diagnostics import Diagnostics, ImageError, Series

WITHIN = 1.0

Draw = Callable[[str, Flags, Numbers], Series]


@dataclass(frozen=True, kw_only=True, slots=True)
class OrdinalPrediction:
    """An image's target and predicted grade as places on the scale, from 0, and the probability of each of K grades."""

    image: int
    target: int
    prediction: int
    probabilities: tuple[float, ...]


def ordinal_metrics(predictions: Sequence[OrdinalPrediction], grades: Sequence[float]) -> dict[str, float]:
    """``grade_MAE`` in grades, ``quadratic_weighted_kappa``, ``within_1_accuracy``, ``grade_agreement``, ``macro_F1``,
    ``calibration_error`` and ``dead_classes``; ``grades`` are the numbers of the scale, ascending. Empty of no images,
    else all finite.
    """
    if not predictions:
        return {}
    off_N = np.abs(_values(predictions, grades, "prediction") - _values(predictions, grades, "target"))
    counts_KK = _counts(predictions, len(grades))
    return {
        "grade_MAE": float(off_N.mean()),
        "quadratic_weighted_kappa": quadratic_weighted_kappa(counts_KK, grades),
        "within_1_accuracy": float((off_N <= WITHIN).mean()),
        "grade_agreement": accuracy(counts_KK),
        "macro_F1": macro_f1(counts_KK),
        "calibration_error": _reliability(predictions).error,
        "dead_classes": float(dead_classes(counts_KK)),
    }


def ordinal_measure(predictions: Sequence[OrdinalPrediction], grades: Sequence[float]) -> Measure:
    """The same of any places of the predictions, for resampling, but for the calibration error."""
    classes = len(grades)
    place_N = np.array([one.target * classes + one.prediction for one in predictions], dtype=np.int64)
    scale_K = np.asarray(grades, dtype=np.float64)
    off_KK = np.abs(np.subtract.outer(scale_K, scale_K))

    def measure(places: Sequence[int]) -> dict[str, float]:
        counts_KK = np.bincount(place_N[list(places)], minlength=classes**2).reshape(classes, classes)
        return {
            "grade_MAE": float((off_KK * counts_KK).sum() / max(1, counts_KK.sum())),
            "quadratic_weighted_kappa": quadratic_weighted_kappa(counts_KK, grades),
            "within_1_accuracy": float(counts_KK[off_KK <= WITHIN].sum() / max(1, counts_KK.sum())),
            "grade_agreement": accuracy(counts_KK),
            "macro_F1": macro_f1(counts_KK),
        }

    return measure


def quadratic_weighted_kappa(counts_KK: Counts, grades: Sequence[float]) -> float:
    """Agreement beyond chance with squared disagreement (Cohen 1968, eq. 7), -1 to 1.

    1 where target and prediction are one and the same grade throughout, 0 where all were found alike and not all are.
    """
    apart_KK = np.subtract.outer(np.asarray(grades, dtype=np.float64), np.asarray(grades, dtype=np.float64)) ** 2
    seen = float((apart_KK * counts_KK).sum())
    by_chance = float(
        (apart_KK * np.outer(counts_KK.sum(axis=1), counts_KK.sum(axis=0))).sum() / max(1, counts_KK.sum())
    )
    return 1.0 if by_chance == 0 else 1.0 - seen / by_chance


def ordinal_diagnostics(
    predictions: Sequence[OrdinalPrediction], grades: Sequence[float], names: Sequence[str]
) -> Diagnostics:
    """The confusion matrix, each grade's figures, how far confidence holds, and by how much each image was missed."""
    counts_KK = _counts(predictions, len(grades))
    f1_K, recall_K = f1_by_class(counts_KK), recall_by_class(counts_KK)
    return Diagnostics(
        error_name="grades off",
        diagrams=(
            _reliability(predictions).diagram("confidence in the grade"),
            precision_recall_diagram(
                "precision and recall, each grade against the others",
                _series(predictions, names, precision_recall_series),
            ),
            roc_diagram(
                "true and false positives, each grade against the others", _series(predictions, names, roc_series)
            ),
        ),
        matrices=(as_matrix(counts_KK, names, title="grades"),),
        by_class=tuple(
            {"class": name, "images": int(counts_KK[place].sum()), "recall": recall_K[place], "F1": f1_K[place]}
            for place, name in enumerate(names)
        ),
        image_errors=tuple(
            ImageError(
                image=one.image,
                error=abs(float(grades[one.prediction]) - float(grades[one.target])),
                text=f"{names[one.target]}, found {names[one.prediction]}",
            )
            for one in predictions
        ),
    )


def _series(predictions: Sequence[OrdinalPrediction], names: Sequence[str], draw: Draw) -> tuple[Series, ...]:
    """Each grade against all others by its probability; none for a grade that no image or every image has."""
    series = []
    for place, name in enumerate(names):
        target_N = np.array([one.target == place for one in predictions], dtype=np.bool_)
        score_N = np.array([one.probabilities[place] for one in predictions], dtype=np.float64)
        series.append(draw(name, target_N, score_N))
    return tuple(one for one in series if one.x)


def _values(predictions: Sequence[OrdinalPrediction], grades: Sequence[float], which: str) -> NDArray[np.float64]:
    return np.asarray(grades, dtype=np.float64)[[getattr(one, which) for one in predictions]]


def _counts(predictions: Sequence[OrdinalPrediction], classes: int) -> Counts:
    return confusion_counts([one.target for one in predictions], [one.prediction for one in predictions], classes)


def _reliability(predictions: Sequence[OrdinalPrediction]) -> Reliability:
    confidence_N = np.array([one.probabilities[one.prediction] for one in predictions], dtype=np.float64)
    return reliability(confidence_N, np.array([one.prediction == one.target for one in predictions], dtype=np.bool_))
