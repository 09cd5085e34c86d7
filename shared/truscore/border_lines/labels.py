"""A dataset's labels of borders, moved from upright boxes to the edges that the images have.

42: four corners of x and y in pixels, clockwise on the screen from the upper left; H, W sides, C channels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from truscore.border_lines.refine import RefinedBorder, refine_border
from truscore.border_lines.strips import Points
from truscore.datasets import Annotation, ImageRecord, load_image
from truscore.datasets.shapes.quadrilateral import corners_of
from truscore.metrics.quadrilaterals import box_corners


@dataclass(frozen=True, kw_only=True, slots=True)
class RefinedLabel:
    """``at``: which annotation of its image it is. ``before_42``: the label's own corners."""

    at: int
    label: int
    before_42: Points
    border: RefinedBorder


@dataclass(frozen=True, kw_only=True, slots=True)
class RefinedImage:
    """``record`` has the new annotations. ``left``: how many of the labels asked for have no four sides."""

    record: ImageRecord
    image_HWC: NDArray[np.uint8]
    labels: tuple[RefinedLabel, ...]
    left: int


def refine_labels(records: Collection[ImageRecord], folder: Path, *, labels: Collection[int]) -> Iterator[RefinedImage]:
    """Each image with its four-sided annotations of these labels refined. Raises UnreadableImage or OSError."""
    for record in records:
        image_HWC = load_image(folder / record.path)
        wanted = [(at, one) for at, one in enumerate(record.annotations) if one.label in labels and not one.crowd]
        quads = [(at, one, corners_42) for at, one in wanted if (corners_42 := four_corners(one)) is not None]
        refined = tuple(
            RefinedLabel(at=at, label=one.label, before_42=corners_42, border=refine_border(image_HWC, corners_42))
            for at, one, corners_42 in quads
        )
        annotations = list(record.annotations)
        for new in refined:
            annotations[new.at] = moved(annotations[new.at], new.border.corners_42, record)
        yield RefinedImage(
            record=replace(record, annotations=tuple(annotations)),
            image_HWC=image_HWC,
            labels=refined,
            left=len(wanted) - len(quads),
        )


def four_corners(annotation: Annotation) -> Points | None:
    """Of a box or of an outline of four corners; None of any other shape."""
    if annotation.rle is not None or annotation.shape:
        return None
    if not annotation.polygons:
        return box_corners(annotation.box_xywh)
    if len(annotation.polygons) == 1 and len(annotation.polygons[0]) == 8:
        return corners_of(annotation.polygons[0])
    return None


def moved(annotation: Annotation, corners_42: Points, record: ImageRecord) -> Annotation:
    """The annotation with these corners, as far as they lie in the image, and the box around them."""
    inside_42 = np.clip(corners_42, 0.0, (record.width, record.height))
    x, y = inside_42.min(axis=0)
    width, height = inside_42.max(axis=0) - (x, y)
    return replace(
        annotation,
        box_xywh=(float(x), float(y), float(width), float(height)),
        polygons=(tuple(map(float, inside_42.ravel())),),
    )
