"""What a model says of an image, as marks that a person may accept. Runs in the child.

Array legend: K classes and none, H, W height and width of the picture as the model saw it, N2 points of x and y.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from truscore.inference.description import Description
from truscore.inference.pictures import Picture
from truscore.inference.predictions import Detection
from truscore.inference.reading import Read

Outputs = Mapping[str, NDArray[Any]]

MOST_SHAPES = 300
LEAST_AREA_PX = 12  # of an outline, as the model saw the picture: below that it is a speck of its rim
OUTLINE_PX = 0.75  # how far an outline may lie from the mask's own stairs


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A mark, in pixels of the upright file; `label` is the dataset's number of the class."""

    kind: str
    label: int
    points: tuple[float, ...]
    confidence: float
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposals:
    """`labels` with their probabilities, of the image as a whole; None where the model says nothing of that kind."""

    shapes: tuple[Proposal, ...] = ()
    labels: tuple[tuple[int, float], ...] | None = None
    scores: Mapping[str, float] | None = None
    left_out: tuple[str, ...] = ()


def proposals_of(
    outputs: Outputs, read: Read, picture: Picture, description: Description, class_names: Sequence[str]
) -> Proposals:
    """`class_names` are the dataset's; what the model says of a class that it lacks is left out, and said."""
    labels = {name: number for number, name in enumerate(class_names, start=1)}
    said = read.prediction
    found: Proposals
    if said.detections is not None:
        found = _marks(list(_of_detections(read, picture)), description, labels)
    elif read.classes_HW is not None:
        found = _marks(list(_of_pixels(outputs, read.classes_HW, picture)), description, labels)
    elif said.grade is not None:
        found = _whole_image([(said.grade.name, said.grade.probabilities[said.grade.name])], labels)
    elif said.labels is not None:
        found = _whole_image([(each.name, each.probability) for each in said.labels if each.there], labels)
    else:
        scores = said.scores or {}
        found = Proposals(
            scores={name: value for name, value in scores.items() if name in labels},
            left_out=_lacking([name for name in scores if name not in labels]),
        )
    return found


def _marks(proposals: list[Proposal], description: Description, labels: Mapping[str, int]) -> Proposals:
    """From the model's numbers of classes to the dataset's, the surest first."""
    names = [description.name_of(each.label) for each in proposals]
    kept = [replace(each, label=labels[name]) for each, name in zip(proposals, names, strict=True) if name in labels]
    kept.sort(key=lambda each: -each.confidence)
    left_out = _lacking(sorted({name for name in names if name not in labels}))
    if len(kept) > MOST_SHAPES:
        left_out += (f"{len(kept) - MOST_SHAPES} marks that it is least sure of: at most {MOST_SHAPES} are shown",)
    return Proposals(shapes=tuple(kept[:MOST_SHAPES]), left_out=left_out)


def _whole_image(said: Sequence[tuple[str, float]], labels: Mapping[str, int]) -> Proposals:
    return Proposals(
        labels=tuple((labels[name], probability) for name, probability in said if name in labels),
        left_out=_lacking([name for name, _ in said if name not in labels]),
    )


def _lacking(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{name!r:.100}, a class that the dataset lacks" for name in names)


def _of_detections(read: Read, picture: Picture) -> Iterator[Proposal]:
    masks = read.masks or (None,) * len(read.prediction.detections or ())
    for one, mask_HW in zip(read.prediction.detections or (), masks, strict=True):
        if one.corners is not None:
            points = tuple(value for corner in one.corners for value in corner)
            yield Proposal(kind="quad", label=one.label, points=points, confidence=one.score, note=_where_from(one))
        elif mask_HW is not None:
            for outline in outlines_of(mask_HW, picture.scale):
                yield Proposal(kind="polygon", label=one.label, points=outline, confidence=one.score)
        else:
            yield Proposal(kind="box", label=one.label, points=one.box, confidence=one.score)


def _where_from(one: Detection) -> str:
    lost = [side.name for side in one.lines or () if side.reason]
    words = {"lines": "from its lines", "mask": "from the mask", "box": "from the box, upright"}
    return words.get(one.corners_from or "", "") + (f"; no edge found at {', '.join(lost)}" if lost else "")


def _of_pixels(outputs: Outputs, classes_HW: NDArray[np.uint8], picture: Picture) -> Iterator[Proposal]:
    """The regions of each class; their confidence is the mean probability of the class in them."""
    for label in np.unique(classes_HW[classes_HW > 0]):
        count, regions_HW, stats_N5, _ = cv2.connectedComponentsWithStats((classes_HW == label).astype(np.uint8))
        probability_HW = outputs["probabilities"][label]
        for number in range(1, count):
            x, y, width, height, area = (int(value) for value in stats_N5[number])
            if area < LEAST_AREA_PX:
                continue
            part = np.s_[y : y + height, x : x + width]
            region_HW = regions_HW[part] == number
            confidence = float(probability_HW[part][region_HW].mean())
            for outline in outlines_of(region_HW, picture.scale, offset=(x, y)):
                yield Proposal(kind="polygon", label=int(label), points=outline, confidence=confidence)


def outlines_of(
    mask_HW: NDArray[np.bool_], scale: tuple[float, float], *, offset: tuple[int, int] = (0, 0)
) -> Iterator[tuple[float, ...]]:
    """Outer outlines of the mask's parts, holes filled, along the pixels' rims: x0, y0, x1, ... in pixels of the file.

    At twice its size: OpenCV's outlines go through the middles of pixels, half a pixel inside of the rim.
    """
    twice_HW = mask_HW.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    found, _ = cv2.findContours(twice_HW, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for contour in found:
        points_N2 = cv2.approxPolyDP(contour, 2 * OUTLINE_PX, True)[:, 0].astype(np.float64)
        if len(points_N2) < 3 or cv2.contourArea(contour) < 4 * LEAST_AREA_PX:
            continue
        placed_N2 = ((points_N2 + 0.5) / 2 + np.array(offset)) * np.array(scale)
        yield tuple(round(float(value), 3) for value in placed_N2.ravel())
