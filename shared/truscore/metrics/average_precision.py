"""COCO's average precision of any draw of the images: matched once, summed again for each draw.

``coco_metrics`` has the library's own figures; with every image drawn once these are equal to them (a test holds them
to 1e-9). Of an image that is drawn more than once all copies of a find come at one step of the curve.

Legend: T overlap thresholds, M predicted instances, N targets, R recall points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truscore.metrics.comparison.bootstrap import Measure
from truscore.metrics.detection import ImageDetections, kinds
from truscore.metrics.matching import overlaps

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
MAX_PREDICTIONS = 100  # of a class, on one image
_AT = {"AP": slice(None), "AP50": slice(0, 1), "AP75": slice(5, 6)}

Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class _ClassMatches:
    """All that was found of a class, surest first: on which ``image_M``, right or wrong at each threshold (neither on
    a crowd); and how many targets are on each image."""

    image_M: NDArray[np.int64]
    right_TM: Flags
    wrong_TM: Flags
    targets_I: Numbers


def average_precision_measure(images: Sequence[ImageDetections], class_names: Sequence[str]) -> Measure:
    """AP, AP50 and AP75 of boxes, and of masks where there are any, of any places of the images."""
    matched = {
        kind: [_matches(images, label, kind) for label in range(1, len(class_names) + 1)] for kind in kinds(images)
    }

    def measure(places: Sequence[int]) -> dict[str, float]:
        weight_I = np.bincount(list(places), minlength=len(images)).astype(np.float64)
        metrics: dict[str, float] = {}
        for kind, of_kind in matched.items():
            curves = [curve_TR for each in of_kind if (curve_TR := _precision(each, weight_I)) is not None]
            for name, thresholds in _AT.items():
                if curves:
                    metrics[f"{kind}_{name}"] = float(np.mean([curve_TR[thresholds].mean() for curve_TR in curves]))
        return metrics

    return measure


def _matches(images: Sequence[ImageDetections], label: int, kind: str) -> _ClassMatches:
    places, scores, right, wrong, targets = [], [], [], [], []
    for place, image in enumerate(images):
        score_M, right_TM, wrong_TM, count = _match_image(image, label, kind)
        places += [place] * len(score_M)
        scores.append(score_M)
        right.append(right_TM)
        wrong.append(wrong_TM)
        targets.append(float(count))
    order_M = np.argsort(-np.concatenate(scores), kind="stable")
    return _ClassMatches(
        image_M=np.array(places, dtype=np.int64)[order_M],
        right_TM=np.concatenate(right, axis=1)[:, order_M],
        wrong_TM=np.concatenate(wrong, axis=1)[:, order_M],
        targets_I=np.array(targets),
    )


def _match_image(image: ImageDetections, label: int, kind: str) -> tuple[Numbers, Flags, Flags, int]:
    """COCO's matching: the surest chooses first, of what is free the target it overlaps most; crowds last."""
    predictions = sorted((one for one in image.prediction if one.label == label), key=lambda one: -one.score)[
        :MAX_PREDICTIONS
    ]
    targets = sorted((one for one in image.target if one.label == label), key=lambda one: one.crowd)
    overlap_MN = overlaps(predictions, targets, kind)
    right_TM = np.zeros((len(THRESHOLDS), len(predictions)), dtype=np.bool_)
    ignored_TM = np.zeros_like(right_TM)
    for row, threshold in enumerate(THRESHOLDS):
        taken: set[int] = set()
        for place in range(len(predictions)):
            best, reached = None, min(float(threshold), 1 - 1e-10)
            for other, one in enumerate(targets):
                if other in taken and not one.crowd:
                    continue
                if best is not None and not targets[best].crowd and one.crowd:
                    break
                if overlap_MN[place, other] >= reached:
                    best, reached = other, float(overlap_MN[place, other])
            if best is not None:
                taken.add(best)
                right_TM[row, place], ignored_TM[row, place] = not targets[best].crowd, targets[best].crowd
    scores_M = np.array([one.score for one in predictions], dtype=np.float64)
    return scores_M, right_TM, ~right_TM & ~ignored_TM, sum(not one.crowd for one in targets)


def _precision(matches: _ClassMatches, weight_I: Numbers) -> Numbers | None:
    """[T, R]; None where no target of the class was drawn."""
    targets = float(weight_I @ matches.targets_I)
    if not targets:
        return None
    precision_TR = np.zeros((len(THRESHOLDS), len(RECALLS)))
    weight_M = weight_I[matches.image_M]
    if not weight_M.size:
        return precision_TR
    right_TM = np.cumsum(matches.right_TM * weight_M, axis=1)
    wrong_TM = np.cumsum(matches.wrong_TM * weight_M, axis=1)
    reached_TM = right_TM / (right_TM + wrong_TM + np.spacing(1))
    # The highest precision at this recall or any higher.
    highest_TM = np.maximum.accumulate(reached_TM[:, ::-1], axis=1)[:, ::-1]
    for row, (recall_M, highest_M) in enumerate(zip(right_TM / targets, highest_TM, strict=True)):
        at_R = np.searchsorted(recall_M, RECALLS, side="left")
        there_R = at_R < len(recall_M)
        precision_TR[row, there_R] = highest_M[at_R[there_R]]
    return precision_TR
