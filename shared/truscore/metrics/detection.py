"""COCO's average precision, as pycocotools computes it. Knows boxes and run-length masks; knows no network.

Array legend: T overlap thresholds (0.50 to 0.95), R recall points (0 to 1 in 101 steps), K classes, A ranges of area
(all, small, medium, large), N instances.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from truscore.metrics.diagnostics import Row
from truscore.metrics.object_sizes import SIZES, size_limits_px

RunLengths = Mapping[str, Any]
Lines = tuple[tuple[float, float], ...]

LEAST_SIDES = 2  # of a border's four, that have to be found

# Rows of COCO's summary; the first threshold is 0.50 and the sixth 0.75.
_SUMMARY = MappingProxyType({"AP": slice(None), "AP50": slice(0, 1), "AP75": slice(5, 6)})
_COCO_NAMES = MappingProxyType({"box": "bbox", "mask": "segm"})
_ALL = 0
_NO_LIMIT_PX = 1e10


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """One target or predicted instance: ``box_xywh`` in pixels, ``score`` 1 of a target; no mask where boxes suffice.

    ``lines_42`` are the corners of a border whose sides were placed one by one, clockwise from the upper left, in the
    pixels of the box; None where that was not tried, or a side was not found.
    """

    label: int
    box_xywh: tuple[float, float, float, float]
    mask: RunLengths | None = None
    score: float = 1.0
    crowd: bool = False
    lines_42: Lines | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageDetections:
    """What is on an image and what was found there; ``image`` is its index in the split."""

    image: int
    height: int
    width: int
    target: tuple[Instance, ...]
    prediction: tuple[Instance, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Precision at 101 recalls from 0 to 1, at an overlap of 0.50, of one class; and its average precision."""

    class_name: str
    precision: tuple[float, ...]
    average_precision: float


def run_lengths(mask_HW: NDArray[np.bool_]) -> RunLengths:
    """COCO run lengths of a mask."""
    encoded: RunLengths = coco_mask.encode(np.asfortranarray(mask_HW, dtype=np.uint8))
    return encoded


def kinds(images: Sequence[ImageDetections]) -> tuple[str, ...]:
    """What can be evaluated: "box", and "mask" unless an instance has none."""
    masked = all(one.mask is not None for image in images for one in (*image.target, *image.prediction))
    return ("box", "mask") if masked else ("box",)


def lines_found(corners_N42: NDArray[Any], confidence_N4: NDArray[Any]) -> list[Lines | None]:
    """Of each detection the corners where the lines of its sides meet; None where fewer than two of the four were
    found: that is no frame that the picture shows."""
    return [
        tuple((float(x), float(y)) for x, y in corners_42) if sides >= LEAST_SIDES else None
        for corners_42, sides in zip(corners_N42.tolist(), (confidence_N4 > 0).sum(axis=1).tolist(), strict=True)
    ]


def without_masks(image: ImageDetections) -> ImageDetections:
    """The same by its boxes alone."""
    target, prediction = (
        tuple(replace(one, mask=None, lines_42=None) for one in side) for side in (image.target, image.prediction)
    )
    return replace(image, target=target, prediction=prediction)


def without_lines(image: ImageDetections) -> ImageDetections:
    """The same by its masks and boxes alone."""
    return replace(image, prediction=tuple(replace(one, lines_42=None) for one in image.prediction))


def by_lines(image: ImageDetections) -> ImageDetections:
    """What was found by the lines of its sides, and nothing else."""
    return replace(image, prediction=tuple(one for one in image.prediction if one.lines_42 is not None))


def coco_metrics(images: Sequence[ImageDetections], class_names: Sequence[str]) -> dict[str, float]:
    """``box_AP``, ``box_AP50``, ``box_AP75`` and the same of masks, 0 to 1; empty where there is no target."""
    metrics: dict[str, float] = {}
    for kind in kinds(images):
        precision_TRK = _precision(images, class_names, kind)[..., _ALL]
        for name, thresholds in _SUMMARY.items():
            if (mean := _mean_of_known(precision_TRK[thresholds])) is not None:
                metrics[f"{kind}_{name}"] = mean
    return metrics


def class_agnostic_metrics(images: Sequence[ImageDetections], class_names: Sequence[str]) -> dict[str, float]:
    """``class_agnostic_box_AP`` and the like: whether something was found, whatever it was called (COCO's ``useCats``
    0). Empty where there is one class, of which the plain metrics say the same."""
    if len(class_names) < 2:
        return {}
    found = coco_metrics([_of_one_class(image) for image in images], ("any",))
    return {f"class_agnostic_{name}": value for name, value in found.items()}


def precision_curves(images: Sequence[ImageDetections], class_names: Sequence[str], kind: str) -> tuple[Curve, ...]:
    """One curve for each class that is really there; ``kind`` is "box" or "mask"."""
    precision_TRK = _precision(images, class_names, kind)[..., _ALL]
    curves = []
    for index, name in enumerate(class_names):
        of_class_TR = precision_TRK[:, :, index]
        if (of_class_TR > -1).any():
            curves.append(
                Curve(
                    class_name=name,
                    precision=tuple(float(value) for value in of_class_TR[0]),
                    average_precision=float(of_class_TR.mean()),
                )
            )
    return tuple(curves)


def ap_by_class(images: Sequence[ImageDetections], class_names: Sequence[str], kind: str) -> tuple[Row, ...]:
    """AP, AP50 and AP75 of each class; None where no target has it."""
    precision_TRK = _precision(images, class_names, kind)[..., _ALL]
    target = [one.label for image in images for one in image.target if not one.crowd]
    rows: list[Row] = []
    for index, name in enumerate(class_names):
        values = {figure: _mean_of_known(precision_TRK[part, :, index]) for figure, part in _SUMMARY.items()}
        rows.append({"class": name, "instances": target.count(index + 1), **values})
    return tuple(rows)


def ap_by_size(images: Sequence[ImageDetections], class_names: Sequence[str], kind: str) -> tuple[Row, ...]:
    """AP of small, medium and large instances, with the area each begins at, in pixels that the network saw."""
    precision_TRKA = _precision(images, class_names, kind)
    rows: list[Row] = []
    for place, (name, (least, most)) in enumerate(_area_ranges(images).items()):
        areas = [_area(one, kind) for image in images for one in image.target if not one.crowd]
        held = sum(least <= area <= most for area in areas)
        precision_TRK = precision_TRKA[..., place]
        ap, ap50 = (_mean_of_known(precision_TRK[part]) for part in (slice(None), slice(0, 1)))
        if place != _ALL:
            rows.append({"size": name, "from_px": round(least, 1), "instances": held, "AP": ap, "AP50": ap50})
    return tuple(rows)


def _of_one_class(image: ImageDetections) -> ImageDetections:
    target, prediction = (tuple(replace(one, label=1) for one in side) for side in (image.target, image.prediction))
    return replace(image, target=target, prediction=prediction)


def _mean_of_known(precision: NDArray[np.float64]) -> float | None:
    known = precision[precision > -1]
    return float(known.mean()) if known.size else None


def _area_ranges(images: Sequence[ImageDetections]) -> dict[str, tuple[float, float]]:
    small, medium = size_limits_px([float(image.height * image.width) for image in images])
    ranges = ((0.0, _NO_LIMIT_PX), (0.0, small), (small, medium), (medium, _NO_LIMIT_PX))
    return dict(zip(("all", *SIZES), ranges, strict=True))


def _area(one: Instance, kind: str) -> float:
    return float(coco_mask.area(one.mask)) if kind == "mask" else one.box_xywh[2] * one.box_xywh[3]


def _precision(images: Sequence[ImageDetections], class_names: Sequence[str], kind: str) -> NDArray[np.float64]:
    """[T, R, K, A] with at most 100 detections an image; -1 where a class of that size is not there."""
    truth = COCO(_as_coco(images, class_names, kind))
    prediction = _predictions(images, kind)
    ranges = _area_ranges(images)
    if not truth.anns or not prediction:
        # The library can't index an empty result; by COCO's own rule precision is 0 where something was to be found.
        return _no_predictions(images, len(class_names), kind)
    evaluation = COCOeval_faster(truth, truth.loadRes(prediction), iouType=_COCO_NAMES[kind])
    evaluation.params.areaRng = [list(limits) for limits in ranges.values()]
    evaluation.params.areaRngLbl = list(ranges)
    evaluation.evaluate()
    evaluation.accumulate()
    precision_TRKAM: NDArray[np.float64] = evaluation.eval["precision"]
    return precision_TRKAM[..., -1]


def _no_predictions(images: Sequence[ImageDetections], classes: int, kind: str) -> NDArray[np.float64]:
    target = [(one.label, _area(one, kind)) for image in images for one in image.target if not one.crowd]
    rows_KA = np.full((classes, 1 + len(SIZES)), -1.0)
    for place, (least, most) in enumerate(_area_ranges(images).values()):
        for label, area in target:
            if least <= area <= most:
                rows_KA[label - 1, place] = 0.0
    return np.broadcast_to(rows_KA, (10, 101, *rows_KA.shape))


def _as_coco(images: Sequence[ImageDetections], class_names: Sequence[str], kind: str) -> dict[str, Any]:
    annotations = [
        {
            "image_id": image.image,
            "category_id": target.label,
            "bbox": list(target.box_xywh),
            "area": _area(target, kind),
            "iscrowd": int(target.crowd),
        }
        | ({"segmentation": dict(target.mask)} if target.mask is not None else {})
        for image in images
        for target in image.target
    ]
    return {
        "images": [{"id": image.image, "height": image.height, "width": image.width} for image in images],
        "categories": [{"id": label, "name": name} for label, name in enumerate(class_names, start=1)],
        "annotations": [{"id": number, **annotation} for number, annotation in enumerate(annotations, start=1)],
    }


def _predictions(images: Sequence[ImageDetections], kind: str) -> list[dict[str, Any]]:
    """Of masks without the box: the library would take the box's area for the mask's."""
    return [
        {"image_id": image.image, "category_id": prediction.label, "score": prediction.score}
        | ({"bbox": list(prediction.box_xywh)} if kind == "box" else {"segmentation": dict(prediction.mask or {})})
        for image in images
        for prediction in image.prediction
    ]
