"""From a model's outputs to what they say, by task.

Array legend: N findings, K classes, H, W height and width of the picture as the model saw it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from truscore.datasets.index.class_order import grades_of
from truscore.inference.borders import (
    BOX,
    LEAST_SIDES,
    LINES,
    MASK,
    NO_EDGE,
    centring_of,
    corners_of_box,
    corners_of_mask,
)
from truscore.inference.description import Description
from truscore.inference.model import Outputs
from truscore.inference.pictures import Picture
from truscore.inference.predictions import Area, Corners, Detection, Grade, Label, Prediction, Side
from truscore.metrics.quadrilaterals import SIDES


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """A prediction and its pixels, for drawing: of each finding, or the class of every pixel (0 is none)."""

    prediction: Prediction
    masks: tuple[NDArray[np.bool_], ...] = ()
    classes_HW: NDArray[np.uint8] | None = None


def read_outputs(outputs: Outputs, picture: Picture, description: Description) -> Read:
    """What the outputs say of the picture, at the model's thresholds."""
    return _READERS[description.task](outputs, picture, description)


def _instances(outputs: Outputs, picture: Picture, description: Description) -> Read:
    kept_N = np.flatnonzero(outputs["scores"].astype(np.float64) >= description.thresholds["scores"])
    masks = tuple(_mask(outputs, int(at), description) for at in kept_N) if "masks" in outputs else ()
    detections = tuple(
        _detection(outputs, int(at), masks[number] if masks else None, picture, description)
        for number, at in enumerate(kept_N)
    )
    return Read(
        prediction=Prediction(
            width=picture.width,
            height=picture.height,
            detections=detections,
            centring=centring_of(detections) if description.measures_centring else None,
            areas=None if description.finds_borders else _areas_of_detections(detections, masks, picture, description),
        ),
        masks=masks,
    )


def _mask(outputs: Outputs, at: int, description: Description) -> NDArray[np.bool_]:
    mask_HW: NDArray[np.bool_] = outputs["masks"][at, 0].astype(np.float32, copy=False) >= np.float32(
        description.thresholds["masks"]
    )
    return mask_HW


def _detection(
    outputs: Outputs, at: int, mask_HW: NDArray[np.bool_] | None, picture: Picture, description: Description
) -> Detection:
    scale_x, scale_y = picture.scale
    label = int(outputs["labels"][at])
    x1, y1, x2, y2 = (float(value) for value in outputs["boxes"][at])
    box = x1 * scale_x, y1 * scale_y, x2 * scale_x, y2 * scale_y
    box_px, mask_px = (box[2] - box[0]) * (box[3] - box[1]), 0 if mask_HW is None else int(mask_HW.sum())
    area_px = box_px if mask_HW is None else mask_px * scale_x * scale_y
    corners, corners_from = _corners(box, mask_HW, picture) if description.finds_borders else (None, None)
    sides = _sides(outputs, at, picture) if description.finds_borders else None
    if sides is not None and sum(not side.reason for side in sides) >= LEAST_SIDES:
        corners, corners_from = _four(outputs["corners"][at].astype(np.float64) * np.array(picture.scale)), LINES
    return Detection(
        label=label,
        name=description.name_of(label),
        score=float(outputs["scores"][at]),
        box=box,
        area_px=area_px,
        area_percent=100 * area_px / (picture.width * picture.height),
        corners=corners,
        corners_from=corners_from,
        lines=sides,
    )


def _sides(outputs: Outputs, at: int, picture: Picture) -> tuple[Side, ...] | None:
    """None of a model without a second stage."""
    if "line_confidence" not in outputs:
        return None
    per_px = sum(picture.scale) / 2
    rows = zip(SIDES, outputs["line_confidence"][at], outputs["line_deviation"][at], strict=True)
    return tuple(
        Side(
            name=name,
            confidence=float(confidence),
            deviation_px=float(deviation) * per_px,
            reason="" if confidence > 0 else NO_EDGE,
        )
        for name, confidence, deviation in rows
    )


def _corners(
    box: tuple[float, float, float, float], mask_HW: NDArray[np.bool_] | None, picture: Picture
) -> tuple[Corners, str]:
    """Of the mask where it has four sides, else of the box; in pixels of the file."""
    scale_x, scale_y = picture.scale
    x1, y1, x2, y2 = box
    seen = x1 / scale_x, y1 / scale_y, x2 / scale_x, y2 / scale_y
    fitted_42 = None if mask_HW is None else corners_of_mask(mask_HW, seen)
    corners_42 = corners_of_box(box) if fitted_42 is None else fitted_42 * np.array(picture.scale)
    return _four(corners_42), BOX if fitted_42 is None else MASK


def _four(corners_42: NDArray[np.float64]) -> Corners:
    one, two, three, four = ((float(x), float(y)) for x, y in corners_42)
    return one, two, three, four


def _areas_of_detections(
    detections: tuple[Detection, ...], masks: tuple[NDArray[np.bool_], ...], picture: Picture, description: Description
) -> tuple[Area, ...] | None:
    """By class, what is covered twice counted once; None without masks."""
    if detections and not masks:
        return None
    areas = []
    for label, name in enumerate(description.class_names, start=1):
        own = [mask_HW for one, mask_HW in zip(detections, masks, strict=True) if one.label == label]
        share = float(np.logical_or.reduce(own).mean()) if own else 0.0
        areas.append(_area(name, share, picture))
    return tuple(areas)


def _pixels(outputs: Outputs, picture: Picture, description: Description) -> Read:
    classes_HW = outputs["probabilities"].argmax(axis=0).astype(np.uint8)
    shares = np.bincount(classes_HW.ravel(), minlength=len(description.class_names) + 1) / classes_HW.size
    areas = tuple(
        _area(name, float(shares[label]), picture) for label, name in enumerate(description.class_names, start=1)
    )
    return Read(prediction=Prediction(width=picture.width, height=picture.height, areas=areas), classes_HW=classes_HW)


def _area(name: str, share: float, picture: Picture) -> Area:
    return Area(name=name, area_px=share * picture.width * picture.height, area_percent=100 * share)


def _grade(outputs: Outputs, picture: Picture, description: Description) -> Read:
    probabilities = [float(value) for value in outputs["probabilities"]]
    index = int(outputs["grade_index"])
    values = grades_of(description.class_names)
    mean = sum(value * each for value, each in zip(values, probabilities, strict=True)) if values else None
    grade = Grade(
        name=description.class_names[index],
        index=index,
        probabilities=dict(zip(description.class_names, probabilities, strict=True)),
        mean=mean,
    )
    return Read(prediction=Prediction(width=picture.width, height=picture.height, grade=grade))


def _scores(outputs: Outputs, picture: Picture, description: Description) -> Read:
    values = (float(value) for value in outputs["scores"])
    scores = dict(zip(description.class_names, values, strict=True))
    return Read(prediction=Prediction(width=picture.width, height=picture.height, scores=scores))


def _labels(outputs: Outputs, picture: Picture, description: Description) -> Read:
    threshold = description.thresholds["probabilities"]
    labels = tuple(
        Label(name=name, probability=float(value), there=bool(value >= threshold))
        for name, value in zip(description.class_names, outputs["probabilities"], strict=True)
    )
    return Read(prediction=Prediction(width=picture.width, height=picture.height, labels=labels))


_READERS: Mapping[str, Callable[[Outputs, Picture, Description], Read]] = MappingProxyType(
    {
        "instance_segmentation": _instances,
        "detection": _instances,
        "semantic_segmentation": _pixels,
        "ordinal_classification": _grade,
        "regression": _scores,
        "multilabel_classification": _labels,
    }
)
