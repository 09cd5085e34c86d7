"""Label errors that a trained network points at: its out-of-fold predictions beside the labels.

Confident learning (Northcutt, Jiang and Chuang 2021, "Confident learning: estimating uncertainty in dataset labels",
eq. 1 and 2) as cleanlab carries it out; for boxes ObjectLab (Tkachenko et al. 2023), for masks Lad and Mueller 2023.
N: images; K: classes; T: kinds of error; H, W: height and width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from truscore.datasets import RLE, Annotation, DatasetIndex, ImageRecord, annotation_mask
from truscore.datasets.shapes.geometry import iou
from truscore.validation.rule import Family, Finding, Rule, Severity, finding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MASK_PX = 64  # masks are compared at most this large: an outline that is a pixel off is no error
# Share of what label and network mark together that must be in doubt.
DOUBTED_SHARE = 0.4
# A label is contradicted where another class is more probable by as much.
SURE_MARGIN = 0.5
# A box that is predicted with as much certainty, and covers one of another class, says that this one is misnamed.
SURE_SCORE, SAME_BOX_IOU = 0.9, 0.7
_MISNAMED = "a box of the wrong class"
_KINDS = ("a thing that was overlooked", "a box in the wrong place", _MISNAMED)


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictedBox:
    """A box that a network found which had not been trained on the image."""

    label: int  # from 1
    score: float  # 0 to 1
    box_xywh: tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictedMask:
    """A mask that a network found which had not been trained on the image, of the image's height and width."""

    label: int  # from 1
    score: float  # 0 to 1
    rle: RLE


class InvalidPredictions(ValueError):
    """Predictions that do not fit the dataset; names the image and what is expected."""


SUSPECT_CLASS = Rule(
    id="label.suspect_class",
    family=Family.LABELS,
    severity=Severity.WARNING,
    finds="images whose class a network that was not trained on them confidently contradicts (after a run)",
    why="a few wrong labels cost more accuracy than many missing images",
    mend="look at the image, and correct its class or confirm it",
)
SUSPECT_BOX = Rule(
    id="label.suspect_box",
    family=Family.LABELS,
    severity=Severity.WARNING,
    finds="images whose boxes a network that was not trained on them confidently contradicts (after a run)",
    why="overlooked and misplaced boxes teach the network to overlook and misplace",
    mend="look at the image, and correct its boxes or confirm them",
)
SUSPECT_MASK = Rule(
    id="label.suspect_mask",
    family=Family.LABELS,
    severity=Severity.WARNING,
    finds="images whose masks a network that was not trained on them confidently contradicts (after a run)",
    why="a defect that is masked wrongly is learnt wrongly",
    mend="look at the image, and draw its mask again or confirm it",
)
RULES = (SUSPECT_CLASS, SUSPECT_BOX, SUSPECT_MASK)


def suspect_classes(index: DatasetIndex, probabilities: Mapping[str, Sequence[float]]) -> list[Finding]:
    """Images of one class each whose class is likely wrong, the least believed first.

    `probabilities` are by image path, one for each class in order. Raises UnfitPredictions.
    """
    import numpy as np
    from cleanlab.filter import find_label_issues

    known = _by_path(index, probabilities)
    images = [image for image in known if len(image.labels or ()) == 1]
    # Confident learning compares with the mean confidence in each class: without examples there is none.
    held = sorted({label for image in images for label in image.labels or ()})
    if len(held) < 2:
        return []
    columns = [label - 1 for label in held]
    labels_N = np.array([held.index((image.labels or (0,))[0]) for image in images])
    probabilities_NK = np.array(
        [_row(image.path, probabilities[image.path], len(index.class_names)) for image in images]
    )
    kept_NK = probabilities_NK[:, columns]
    kept_NK = kept_NK / np.maximum(kept_NK.sum(axis=1, keepdims=True), 1e-12)
    doubted_N = find_label_issues(labels_N, kept_NK, n_jobs=1) | _contradicted(labels_N, kept_NK)
    order_N = np.argsort(kept_NK[np.arange(len(labels_N)), labels_N], kind="stable")
    issues = [int(place) for place in order_N if doubted_N[place]]
    return [_class_finding(index, images[place], labels_N[place], kept_NK[place], held) for place in issues]


def _contradicted(labels: NDArray[np.int64], probabilities: Floats) -> NDArray[np.bool_]:
    """Whether another class is more probable by far, along axis 1 of the probabilities.

    Confident learning asks for more than the mean confidence in that class: of a sure network it misses half.
    """
    import numpy as np

    given = np.take_along_axis(probabilities, np.expand_dims(labels, 1), axis=1)[:, 0]
    return np.asarray(probabilities.max(axis=1) - given >= SURE_MARGIN)


def _class_finding(
    index: DatasetIndex, image: ImageRecord, given: int, believed_K: Floats, held: Sequence[int]
) -> Finding:
    best = int(believed_K.argmax())
    given_name, best_name = index.class_names[held[given] - 1], index.class_names[held[best] - 1]
    message = (
        f"labelled {given_name!r}, of which the network is {float(believed_K[given]):.0%} sure; "
        f"{best_name!r} has {float(believed_K[best]):.0%}"
    )
    return finding(SUSPECT_CLASS, message, location=image.path)


def suspect_boxes(index: DatasetIndex, predictions: Mapping[str, Sequence[PredictedBox]]) -> list[Finding]:
    """Images with a box that is likely missing, misplaced or of the wrong class. Raises UnfitPredictions."""
    import numpy as np
    from cleanlab.object_detection import rank
    from cleanlab.object_detection.filter import find_label_issues

    images = _by_path(index, predictions)
    if not images:
        return []
    count = len(index.class_names)
    labels = [_boxes_of(image) for image in images]
    predicted = [_boxes_by_class(image.path, predictions[image.path], count) for image in images]
    scores = [
        compute(labels=labels, predictions=predicted)
        for compute in (
            rank.compute_overlooked_box_scores,
            rank.compute_badloc_box_scores,
            rank.compute_swap_box_scores,
        )
    ]
    misnamed_N = np.array([_misnamed(image, predictions[image.path]) for image in images])
    # Ranked here: cleanlab 2.9 ranks with a function that newer numpy no longer has.
    doubted_N = find_label_issues(labels, predicted, return_indices_ranked_by_score=False)
    flagged = np.flatnonzero(np.asarray(doubted_N, dtype=bool) | (misnamed_N < 1))
    worst_NT = np.array([[float(np.nanmin(kind[place], initial=1.0)) for kind in scores] for place in flagged])
    if len(flagged):
        worst_NT[:, _KINDS.index(_MISNAMED)] = np.minimum(worst_NT[:, _KINDS.index(_MISNAMED)], misnamed_N[flagged])
    found = []
    for row in np.argsort(worst_NT.min(axis=1), kind="stable") if len(flagged) else ():
        kind = int(worst_NT[row].argmin())
        message = f"the network sees {_KINDS[kind]} (label quality {worst_NT[row, kind]:.2f} of 1)"
        found.append(finding(SUSPECT_BOX, message, location=images[flagged[row]].path))
    return found


def _misnamed(image: ImageRecord, predictions: Sequence[PredictedBox]) -> float:
    """How little the network believes in the class of some box; 1 where it contradicts none.

    ObjectLab has no swapped box below the least likeness of any label and prediction of the whole dataset: where all
    boxes of an image lie about each other, as the borders of a card do, it finds none.
    """
    marks = [mark for mark in image.annotations if not mark.crowd]
    sure = [box for box in predictions if box.score >= SURE_SCORE]
    quality = 1.0
    for mark in marks:
        own = max((iou(mark.box_xywh, box.box_xywh) for box in predictions if box.label == mark.label), default=0.0)
        for box in sure:
            reach = iou(mark.box_xywh, box.box_xywh)
            others = (iou(other.box_xywh, box.box_xywh) for other in marks if other.label == box.label)
            if box.label != mark.label and reach >= SAME_BOX_IOU and reach > max(own, *others, 0.0):
                quality = min(quality, 1 - box.score)
    return quality


def _boxes_of(image: ImageRecord) -> dict[str, Any]:
    import numpy as np

    marks = [mark for mark in image.annotations if not mark.crowd]
    corners = [_corners(mark.box_xywh) for mark in marks]
    return {
        "bboxes": np.array(corners, dtype=np.float64).reshape(-1, 4),
        "labels": np.array([mark.label - 1 for mark in marks], dtype=np.int64),
    }


def _boxes_by_class(path: str, boxes: Sequence[PredictedBox], classes: int) -> NDArray[np.object_]:
    import numpy as np

    if bad := [box.label for box in boxes if not 1 <= box.label <= classes]:
        raise InvalidPredictions(f"{path}: a predicted box has label {bad[0]}; accepted are 1 to {classes}")
    by_class = np.empty(classes, dtype=object)
    for label in range(1, classes + 1):
        rows = [(*_corners(box.box_xywh), box.score) for box in boxes if box.label == label]
        by_class[label - 1] = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return by_class


def _corners(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def mask_probabilities(index: DatasetIndex, masks: Mapping[str, Sequence[PredictedMask]]) -> dict[str, Floats]:
    """Probabilities as `suspect_masks` takes them, [K + 1, MASK_PX, MASK_PX] by image path.

    A pixel has of each class the score of the surest mask of it there, and of the background what that leaves.
    Raises InvalidPredictions.
    """
    return {image.path: _probabilities(index, image, masks[image.path]) for image in _by_path(index, masks)}


def _probabilities(index: DatasetIndex, image: ImageRecord, masks: Sequence[PredictedMask]) -> Floats:
    import numpy as np

    count = len(index.class_names)
    probabilities_KHW = np.zeros((count + 1, MASK_PX, MASK_PX))
    for mask in masks:
        if not 1 <= mask.label <= count or not 0 <= mask.score <= 1:
            given = f"label {mask.label} and score {mask.score:g}"
            raise InvalidPredictions(f"{image.path}: a mask has {given}; accepted are 1 to {count} and 0 to 1")
        drawn = Annotation(label=mask.label, box_xywh=(0.0, 0.0, 0.0, 0.0), rle=mask.rle)
        mask_HW = _sampled(annotation_mask(drawn, image.height, image.width))
        probabilities_KHW[mask.label] = np.maximum(probabilities_KHW[mask.label], mask.score * mask_HW)
    probabilities_KHW[0] = 1 - probabilities_KHW[1:].max(axis=0, initial=0.0)
    return probabilities_KHW


def suspect_masks(index: DatasetIndex, probabilities: Mapping[str, Floats]) -> list[Finding]:
    """Images with a mask much of which is likely wrong.

    `probabilities` are by image path, [K + 1, H, W] with the background first, of any height and width.
    Raises UnfitPredictions.
    """
    import numpy as np
    from cleanlab.segmentation.filter import find_label_issues

    images = _by_path(index, probabilities)
    if not images:
        return []
    labels_NHW = np.stack([_mask_of(image) for image in images])
    believed_NKHW = np.stack(
        [_resized(image.path, probabilities[image.path], len(index.class_names) + 1) for image in images]
    )
    issues_NHW = find_label_issues(labels_NHW, believed_NKHW, downsample=1, n_jobs=1, verbose=False)
    issues_NHW |= _contradicted(labels_NHW, believed_NKHW)
    marked_NHW = (labels_NHW > 0) | (believed_NKHW.argmax(axis=1) > 0)
    doubted_N = (issues_NHW & marked_NHW).sum(axis=(1, 2)) / np.maximum(marked_NHW.sum(axis=(1, 2)), 1)
    order = [int(place) for place in np.argsort(-doubted_N, kind="stable") if doubted_N[place] >= DOUBTED_SHARE]
    return [
        finding(SUSPECT_MASK, f"{doubted_N[place]:.0%} of what is marked is in doubt", location=images[place].path)
        for place in order
    ]


def _mask_of(image: ImageRecord) -> NDArray[np.int64]:
    """Labels of the pixels, 0 for none, [MASK_PX, MASK_PX]; later marks lie on earlier ones."""
    import numpy as np

    label_HW = np.zeros((image.height, image.width), dtype=np.int64)
    for mark in image.annotations:
        label_HW[annotation_mask(mark, image.height, image.width)] = mark.label
    return _sampled(label_HW)


def _sampled(values_HW: NDArray[Any]) -> NDArray[Any]:
    """Every so manieth row and column, [MASK_PX, MASK_PX]."""
    import numpy as np

    height, width = values_HW.shape
    rows, columns = np.arange(MASK_PX) * height // MASK_PX, np.arange(MASK_PX) * width // MASK_PX
    return np.asarray(values_HW[np.ix_(rows, columns)])


def _resized(path: str, probabilities_KHW: Floats, classes: int) -> Floats:
    import numpy as np

    if probabilities_KHW.ndim != 3 or probabilities_KHW.shape[0] != classes:
        shape = " x ".join(map(str, probabilities_KHW.shape))
        raise InvalidPredictions(f"{path}: probabilities are {shape}; accepted are {classes} x height x width")
    _, height, width = probabilities_KHW.shape
    rows, columns = np.arange(MASK_PX) * height // MASK_PX, np.arange(MASK_PX) * width // MASK_PX
    picked_KHW = probabilities_KHW[:, rows][:, :, columns].astype(np.float64)
    return np.asarray(picked_KHW / np.maximum(picked_KHW.sum(axis=0, keepdims=True), 1e-12))


def _by_path(index: DatasetIndex, predictions: Mapping[str, Any]) -> list[ImageRecord]:
    """The images that predictions are given for, in the dataset's order."""
    unknown = predictions.keys() - {image.path for image in index.images}
    if unknown:
        raise InvalidPredictions(f"{min(unknown)}: the dataset has no such image")
    return [image for image in index.images if image.path in predictions]


def _row(path: str, values: Sequence[float], classes: int) -> Sequence[float]:
    if len(values) != classes or min(values, default=0.0) < 0:
        raise InvalidPredictions(f"{path}: {len(values)} probabilities; accepted are {classes}, none below 0")
    return values
