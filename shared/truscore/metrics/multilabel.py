"""How good labels are where an image may have several. N images, K classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from truscore.metrics.comparison.bootstrap import Measure as Resampled
from truscore.metrics.curves import (
    Flags,
    Numbers,
    Reliability,
    average_precision,
    precision_recall_diagram,
    precision_recall_series,
    reliability,
    roc_area,
    roc_diagram,
    roc_series,
)
from truscore.metrics.diagnostics import Diagnostics, ImageError, Matrix, Series

DECIDED_AT = 0.5

Measure = Callable[[Flags, Numbers], float | None]
Draw = Callable[[str, Flags, Numbers], Series]


@dataclass(frozen=True, kw_only=True, slots=True)
class MultilabelPrediction:
    """Which of the K classes an image has, and the probability found for each."""

    image: int
    target: tuple[bool, ...]
    probabilities: tuple[float, ...]


def multilabel_metrics(predictions: Sequence[MultilabelPrediction]) -> dict[str, float]:
    """``macro_F1``, ``micro_F1``, ``subset_accuracy`` and ``calibration_error`` at a probability of 0.5, ``mAP``, and
    ``ROC_AUC`` where a class has both images with it and without. Empty of no images, else all finite.

    ``mAP`` is the mean over classes that any image has. ``macro_F1`` leaves out classes that are neither target nor
    prediction. ``dead_classes`` counts the classes that some image has and that were found in none. Where no image has
    any class, these and ``micro_F1`` are left out: they are of nothing.
    """
    if not predictions:
        return {}
    target_NK, probability_NK = _arrays(predictions)
    prediction_NK = probability_NK >= DECIDED_AT
    metrics = {
        "subset_accuracy": float((target_NK == prediction_NK).all(axis=1).mean()),
        "calibration_error": _reliability(target_NK, probability_NK).error,
    }
    if target_NK.any():
        f1_K = [value for value in _f1(target_NK, prediction_NK) if value is not None]
        precisions = [value for value in _by_class(average_precision, target_NK, probability_NK) if value is not None]
        metrics |= {
            "mAP": float(np.mean(precisions)),
            "macro_F1": float(np.mean(f1_K)),
            "micro_F1": _f1_of(target_NK.ravel(), prediction_NK.ravel(), none=1.0),
            "dead_classes": float((target_NK.any(axis=0) & ~prediction_NK.any(axis=0)).sum()),
        }
    if areas := [value for value in _by_class(roc_area, target_NK, probability_NK) if value is not None]:
        metrics["ROC_AUC"] = float(np.mean(areas))
    return metrics


def multilabel_measure(predictions: Sequence[MultilabelPrediction]) -> Resampled:
    """``macro_F1``, ``micro_F1`` and ``subset_accuracy`` of any places of the predictions, for resampling."""
    target_NK, probability_NK = _arrays(predictions)
    prediction_NK = probability_NK >= DECIDED_AT

    def measure(places: Sequence[int]) -> dict[str, float]:
        kept_target_NK, kept_prediction_NK = target_NK[list(places)], prediction_NK[list(places)]
        f1_K = [value for value in _f1(kept_target_NK, kept_prediction_NK) if value is not None]
        return {
            "macro_F1": float(np.mean(f1_K)) if f1_K else 1.0,
            "micro_F1": _f1_of(kept_target_NK.ravel(), kept_prediction_NK.ravel(), none=1.0),
            "subset_accuracy": float((kept_target_NK == kept_prediction_NK).all(axis=1).mean()),
        }

    return measure


def multilabel_diagnostics(predictions: Sequence[MultilabelPrediction], class_names: Sequence[str]) -> Diagnostics:
    """Curves and figures of each class, what is found in the other's place, and how far each image is off."""
    target_NK, probability_NK = _arrays(predictions)
    prediction_NK = probability_NK >= DECIDED_AT
    columns = [(target_NK[:, place], probability_NK[:, place]) for place in range(len(class_names))]
    named = list(zip(class_names, columns, strict=True))
    f1_K, counts_K = _f1(target_NK, prediction_NK), target_NK.sum(axis=0)
    return Diagnostics(
        error_name="mean distance of the probabilities from the truth",
        diagrams=(
            precision_recall_diagram("precision and recall", tuple(_drawn(precision_recall_series, named))),
            roc_diagram("true and false positives", tuple(_drawn(roc_series, named))),
            _reliability(target_NK, probability_NK).diagram("confidence in the labels"),
        ),
        matrices=(_confused(target_NK, prediction_NK, class_names),),
        by_class=tuple(
            {
                "class": name,
                "images": int(counts_K[place]),
                "F1": f1_K[place],
                "average_precision": average_precision(target_N, score_N),
                "ROC_AUC": roc_area(target_N, score_N),
            }
            for place, (name, (target_N, score_N)) in enumerate(named)
        ),
        image_errors=tuple(_image_error(one, class_names) for one in predictions),
    )


def _arrays(predictions: Sequence[MultilabelPrediction]) -> tuple[Flags, Numbers]:
    target_NK = np.array([one.target for one in predictions], dtype=np.bool_)
    return target_NK, np.array([one.probabilities for one in predictions], dtype=np.float64)


def _by_class(measure: Measure, target_NK: Flags, probability_NK: Numbers) -> list[float | None]:
    return [measure(target_NK[:, place], probability_NK[:, place]) for place in range(target_NK.shape[1])]


def _f1(target_NK: Flags, prediction_NK: Flags) -> list[float | None]:
    columns = zip(target_NK.T, prediction_NK.T, strict=True)
    return [
        _f1_of(target_N, prediction_N, none=0.0) if (target_N | prediction_N).any() else None
        for target_N, prediction_N in columns
    ]


def _f1_of(target_N: Flags, prediction_N: Flags, *, none: float) -> float:
    both = int(target_N.sum() + prediction_N.sum())
    return float(2 * (target_N & prediction_N).sum() / both) if both else none


def _reliability(target_NK: Flags, probability_NK: Numbers) -> Reliability:
    """Of each image and class: how often a class is there that was given this probability."""
    return reliability(probability_NK.ravel(), target_NK.ravel())


def _drawn(draw: Draw, named: Sequence[tuple[str, tuple[Flags, Numbers]]]) -> list[Series]:
    return [series for name, (target_N, score_N) in named if (series := draw(name, target_N, score_N)).x]


def _confused(target_NK: Flags, prediction_NK: Flags, class_names: Sequence[str]) -> Matrix:
    """Rows: labels that are there; columns: the label itself where found, else labels found wrongly on that image.

    A label that was missed where nothing was wrongly found is in the column "nothing", and the other way round.
    """
    classes = len(class_names)
    counts, nothing = np.zeros((classes + 1, classes + 1), dtype=np.int64), np.array([classes])
    for target_K, prediction_K in zip(target_NK, prediction_NK, strict=True):
        hit, missed, false = (
            np.flatnonzero(which)
            for which in (target_K & prediction_K, target_K & ~prediction_K, prediction_K & ~target_K)
        )
        counts[hit, hit] += 1
        counts[np.ix_(missed if len(missed) else nothing, false)] += 1
        if len(missed) and not len(false):
            counts[missed, classes] += 1
    names = (*class_names, "nothing")
    plain = tuple(tuple(int(count) for count in row) for row in counts)
    return Matrix(title="labels found in each other's place", target=names, prediction=names, counts=plain)


def _image_error(one: MultilabelPrediction, class_names: Sequence[str]) -> ImageError:
    error = float(np.abs(np.array(one.target, dtype=np.float64) - np.array(one.probabilities)).mean())
    target = [name for name, there in zip(class_names, one.target, strict=True) if there]
    prediction = [name for name, share in zip(class_names, one.probabilities, strict=True) if share >= DECIDED_AT]
    return ImageError(
        image=one.image,
        error=error,
        text=f"{', '.join(target) or 'nothing'}; found {', '.join(prediction) or 'nothing'}",
    )
