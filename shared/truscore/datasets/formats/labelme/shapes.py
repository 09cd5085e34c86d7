"""LabelMe's shapes as annotations. Array legend: H height, W width."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from truscore.datasets.images.decode import UnreadableImage, opened
from truscore.datasets.index.records import RLE, Annotation, ImageRecord
from truscore.datasets.limits import Limits
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.shapes.masks import mask_to_rle
from truscore.datasets.shapes.parse import BadShape, box_around, box_from, box_of_rle, numbers, polygon_from

IGNORED = "__ignore__"
CIRCLE_CORNERS = 64
_STROKES = {"point": (1, 1), "line": (2, 2), "linestrip": (2, None), "points": (1, None)}
_AREAS = ("polygon", "rectangle", "oriented_rectangle", "rotation", "circle", "mask")

Shape = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShapeReader:
    """Reads the shapes of one LabelMe file; faulty ones are reported and left out."""

    context: ReaderContext
    file: str
    labels: Mapping[str, int]

    def read(self, shapes: Sequence[Any], record: ImageRecord) -> tuple[Annotation, ...]:
        limit = self.context.limits.annotations_per_image
        if len(shapes) > limit:
            self.context.log.add("label.too_many", f"{len(shapes)} shapes, at most {limit} are read", self.file)
        found: dict[Any, Annotation] = {}
        for number, shape in enumerate(shapes[:limit]):
            annotation = self._one(shape, str(number), record)
            if annotation is None:
                continue
            key = _instance(shape, annotation, number)
            found[key] = _joined(found[key], annotation) if key in found else annotation
        return tuple(found.values())

    def _one(self, shape: Any, number: str, record: ImageRecord) -> Annotation | None:
        where = f"{self.file}#{number}"
        if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
            self.context.log.add("label.malformed", f"a shape is {shape!r:.60}, expected an object with a label", where)
            return None
        if shape["label"] == IGNORED:
            self.context.log.add("label.ignored_region", "a region marked to be ignored was left out", where)
            return None
        try:
            return _shaped(shape, self.labels[shape["label"]], number, record, self.context.limits)
        except BadShape as bad:
            self.context.log.add(bad.code, str(bad), where)
            return None


def _instance(shape: Shape, annotation: Annotation, number: int) -> Any:
    """Polygons of one label and group are parts of one thing that something else divides."""
    group = shape.get("group_id")
    parts = annotation.polygons and not annotation.shape and isinstance(group, int | str)
    return (annotation.label, group) if parts else number


def _joined(one: Annotation, other: Annotation) -> Annotation:
    polygons = (*one.polygons, *other.polygons)
    return Annotation(
        label=one.label, box_xywh=box_around(polygons), polygons=polygons, crowd=one.crowd, source_id=one.source_id
    )


def _shaped(shape: Shape, label: int, number: str, record: ImageRecord, limits: Limits) -> Annotation:
    kind = str(shape.get("shape_type") or "polygon")
    points = _points(shape.get("points"), limits)
    if kind in _STROKES or kind == "circle":
        return drawn_shape(kind, points, label, number)
    if kind == "mask":
        rle = _mask(shape, points, record, limits)
        return Annotation(label=label, box_xywh=box_of_rle(rle), rle=rle, source_id=number)
    if kind == "rectangle" and len(points) == 4:
        return Annotation(label=label, box_xywh=box_around([points]), source_id=number)
    if kind in _AREAS:
        polygon = polygon_from(points, points_limit=limits.points_per_polygon)
        return Annotation(label=label, box_xywh=box_around([polygon]), polygons=(polygon,), source_id=number)
    accepted = ", ".join((*_AREAS, *_STROKES))
    raise BadShape("label.malformed", f"shape_type {kind!r:.40} is not one of: {accepted}")


def drawn_shape(kind: str, points: tuple[float, ...], label: int, number: str) -> Annotation:
    """A circle, point or line as an annotation. Raises BadShape."""
    if kind == "circle":
        return _circle(points, label, number)
    if kind in _STROKES:
        return _stroke(kind, points, label, number)
    raise BadShape("label.malformed", f"{kind!r:.40} is not one of: circle, {', '.join(_STROKES)}")


def _points(values: Any, limits: Limits) -> tuple[float, ...]:
    if not isinstance(values, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in values):
        raise BadShape("label.malformed", f"points are {values!r:.60}, expected a list of pairs")
    if len(values) > limits.points_per_polygon:
        raise BadShape("label.too_many", f"{len(values)} points, at most {limits.points_per_polygon} are read")
    return numbers([value for pair in values for value in pair], what="points")


def _stroke(kind: str, points: tuple[float, ...], label: int, number: str) -> Annotation:
    least, most = _STROKES[kind]
    count = len(points) // 2
    if count < least or (most is not None and count > most):
        raise BadShape("label.malformed", f"a {kind} has {count} points, expected {most or f'{least} or more'}")
    # A stroke has no area; its box is at least the pixel it lies in.
    left, top = math.floor(min(points[0::2])), math.floor(min(points[1::2]))
    right, bottom = max(points[0::2]), max(points[1::2])
    box = box_from([left, top, max(right - left, 1.0), max(bottom - top, 1.0)])
    return Annotation(label=label, box_xywh=box, shape=kind, points=points, source_id=number)


def _circle(points: tuple[float, ...], label: int, number: str) -> Annotation:
    if len(points) != 4:
        raise BadShape("label.malformed", f"a circle has {len(points) // 2} points, expected its centre and its rim")
    x, y, rim_x, rim_y = points
    radius = math.hypot(rim_x - x, rim_y - y)
    turns = (2 * math.pi * step / CIRCLE_CORNERS for step in range(CIRCLE_CORNERS))
    outline = tuple(value for turn in turns for value in (x + radius * math.cos(turn), y + radius * math.sin(turn)))
    box = box_from([x - radius, y - radius, 2 * radius, 2 * radius])
    return Annotation(label=label, box_xywh=box, polygons=(outline,), shape="circle", points=points, source_id=number)


def _mask(shape: Shape, points: tuple[float, ...], record: ImageRecord, limits: Limits) -> RLE:
    """A picture of the marked part, laid at the upper left of the two points."""
    import numpy as np

    if len(points) != 4:
        raise BadShape("label.malformed", f"a mask has {len(points) // 2} points, expected two corners")
    part_HW = _decoded(shape.get("mask"), limits) > 0
    left, top = round(min(points[0::2])), round(min(points[1::2]))
    height, width = part_HW.shape
    if left < 0 or top < 0 or left + width > record.width or top + height > record.height:
        text = f"a mask of {width} x {height} at {left}, {top} leaves its image of {record.width} x {record.height}"
        raise BadShape("label.mask_size", text)
    whole_HW = np.zeros((record.height, record.width), dtype=np.bool_)
    whole_HW[top : top + height, left : left + width] = part_HW
    return mask_to_rle(whole_HW)


def _decoded(text: Any, limits: Limits) -> Any:
    import numpy as np

    if not isinstance(text, str):
        raise BadShape("label.mask_unreadable", f"mask is {text!r:.40}, expected a PNG in base64")
    try:
        with opened(base64.b64decode(text, validate=True), limits=limits) as image:
            return np.asarray(image.convert("L"))
    except (binascii.Error, ValueError, UnreadableImage) as error:
        raise BadShape("label.mask_unreadable", f"a mask cannot be decoded: {error}") from error
