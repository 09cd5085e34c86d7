"""COCO's average precision, as pycocotools computes it. Knows boxes and run-length masks; knows no network.

Array legend: T overlap thresholds (0.50 to 0.95), R recall points (0 to 1 in 101 steps), K classes, N instances.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

RunLengths = Mapping[str, Any]

# Rows of COCO's summary; the first threshold is 0.50 and the sixth 0.75.
_SUMMARY = MappingProxyType({"AP": slice(None), "AP50": slice(0, 1), "AP75": slice(5, 6)})
_KINDS = MappingProxyType({"box": "bbox", "mask": "segm"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """One real or found instance: ``box_xywh`` in pixels, ``score`` 1 where it is real."""

    label: int
    box_xywh: tuple[float, float, float, float]
    mask: RunLengths
    score: float = 1.0
    crowd: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """What is on an image and what was found there; ``image`` is its index in the split."""

    image: int
    height: int
    width: int
    real: tuple[Instance, ...]
    found: tuple[Instance, ...]


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


def coco_metrics(judged: Sequence[Judged], class_names: Sequence[str]) -> dict[str, float]:
    """``box_AP``, ``box_AP50``, ``box_AP75`` and the same of masks, 0 to 1; empty where nothing real is there."""
    metrics: dict[str, float] = {}
    for kind in _KINDS:
        precision_TRK = _precision(judged, class_names, kind)
        for name, thresholds in _SUMMARY.items():
            there = precision_TRK[thresholds][precision_TRK[thresholds] > -1]
            if there.size:
                metrics[f"{kind}_{name}"] = float(there.mean())
    return metrics


def precision_curves(judged: Sequence[Judged], class_names: Sequence[str], kind: str) -> tuple[Curve, ...]:
    """One curve for each class that is really there; ``kind`` is "box" or "mask"."""
    precision_TRK = _precision(judged, class_names, kind)
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


def _precision(judged: Sequence[Judged], class_names: Sequence[str], kind: str) -> NDArray[np.float64]:
    """[T, R, K] over all areas with at most 100 detections an image; -1 where a class is not there."""
    truth = COCO(_as_coco(judged, class_names))
    found = _found(judged)
    if not truth.anns or not found:
        # The library can't index an empty result; by COCO's own rule precision is 0 where something was to be found.
        return _nothing_found(judged, len(class_names))
    evaluation = COCOeval_faster(truth, truth.loadRes(found), iouType=_KINDS[kind])
    evaluation.evaluate()
    evaluation.accumulate()
    precision_TRKAM: NDArray[np.float64] = evaluation.eval["precision"]
    return precision_TRKAM[:, :, :, 0, -1]


def _nothing_found(judged: Sequence[Judged], classes: int) -> NDArray[np.float64]:
    there = {instance.label for image in judged for instance in image.real if not instance.crowd}
    row_K = np.array([0.0 if label in there else -1.0 for label in range(1, classes + 1)])
    return np.broadcast_to(row_K, (10, 101, classes))


def _as_coco(judged: Sequence[Judged], class_names: Sequence[str]) -> dict[str, Any]:
    annotations = [
        {
            "image_id": image.image,
            "category_id": real.label,
            "bbox": list(real.box_xywh),
            "segmentation": dict(real.mask),
            "area": float(real.box_xywh[2] * real.box_xywh[3]),
            "iscrowd": int(real.crowd),
        }
        for image in judged
        for real in image.real
    ]
    return {
        "images": [{"id": image.image, "height": image.height, "width": image.width} for image in judged],
        "categories": [{"id": label, "name": name} for label, name in enumerate(class_names, start=1)],
        "annotations": [{"id": number, **annotation} for number, annotation in enumerate(annotations, start=1)],
    }


def _found(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": image.image,
            "category_id": found.label,
            "bbox": list(found.box_xywh),
            "segmentation": dict(found.mask),
            "score": found.score,
        }
        for image in judged
        for found in image.found
    ]
