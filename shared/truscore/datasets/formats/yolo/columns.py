"""What the columns of YOLO rows are: boxes, polygons, turned boxes, key points, confidences.

A row does not say it. Four numbers are a box and six or eight and more a polygon, by the row; five may be a box with a
confidence, and rows that are all alike may be boxes with key points: that is decided over the whole dataset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from truscore.datasets.index.records import KEY_POINTS, Annotation, ImageRecord
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.shapes.parse import BadShape, box_around, box_from

# Rounded exports go a hair beyond the edge; pixels instead of fractions go far beyond it.
OUTSIDE_TOLERANCE = 0.05
_VISIBILITIES = frozenset({0.0, 1.0, 2.0})
_BOX = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line that could be read: a class index from 0 and the numbers behind it."""

    class_index: int
    values: tuple[float, ...]
    location: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """`confidence`: each row ends in one. `key_points`: each box is followed by so many, of `dims` numbers each."""

    confidence: bool = False
    key_points: int = 0
    dims: int = 3


def columns_of(rows: Sequence[Row], declared: tuple[int, int] | None) -> Columns:
    """`declared` is the shape of key points in data.yaml: their count, and 2 or 3 numbers for each."""
    widths = Counter(len(row.values) for row in rows)
    if declared is not None and set(widths) <= {_BOX, _BOX + declared[0] * declared[1]}:
        return Columns(key_points=declared[0], dims=declared[1])
    if not widths:
        return Columns()
    if len(widths) == 1:
        (width,) = widths
        # x, y and how well each is seen: 0, 1 or 2, which as a polygon's coordinates would lie in corners only.
        if width >= _BOX + 3 and (width - _BOX) % 3 == 0:
            count = (width - _BOX) // 3
            seen = {value for row in rows for value in row.values[_BOX + 2 :: 3]}
            if seen <= _VISIBILITIES and all(_is_box(row.values[:_BOX]) for row in rows):
                return Columns(key_points=count)
    odd = sum(count for width, count in widths.items() if width % 2)
    shares = all(0 <= row.values[-1] <= 1 for row in rows)
    return Columns(confidence=odd == len(rows) and shares)


def report_columns(columns: Columns, location: str, log: ProblemLog) -> None:
    if columns.confidence:
        log.add("label.confidence", "every row ends in a confidence, which is not read", location.rpartition("#")[0])
    if columns.key_points:
        text = f"every box has {columns.key_points} key points; those that are seen are kept with it"
        log.add("label.key_points", text, location.rpartition("#")[0])


def annotation_of(row: Row, columns: Columns, record: ImageRecord) -> Annotation:
    """The row on its image, in pixels. Raises BadShape."""
    values = row.values[:-1] if columns.confidence else row.values
    label, source_id = row.class_index + 1, row.location.rpartition("#")[2]
    if columns.key_points and len(values) > _BOX:
        points = _seen(values[_BOX:], columns.dims)
        box = _box(_pixels(values[:_BOX], record))
        shape = KEY_POINTS if points else ""
        return Annotation(label=label, box_xywh=box, shape=shape, points=_pixels(points, record), source_id=source_id)
    if len(values) != _BOX and (len(values) < 6 or len(values) % 2):
        expected = "expected 4 (a box) or 6, 8, ... (a polygon)"
        raise BadShape("label.malformed", f"{len(values)} coordinates, {expected}")
    pixels = _pixels(values, record)
    if len(pixels) == _BOX:
        return Annotation(label=label, box_xywh=_box(pixels), source_id=source_id)
    return Annotation(label=label, box_xywh=box_around([pixels]), polygons=(pixels,), source_id=source_id)


def _pixels(fractions: Sequence[float], record: ImageRecord) -> tuple[float, ...]:
    outside = next((value for value in fractions if not -OUTSIDE_TOLERANCE <= value <= 1 + OUTSIDE_TOLERANCE), None)
    if outside is not None:
        raise BadShape("label.not_normalised", f"coordinate {outside:g}, expected a fraction from 0 to 1")
    scales = (record.width, record.height)
    return tuple(value * scales[at % 2] for at, value in enumerate(fractions))


def _box(pixels: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, width, height = pixels
    return box_from([x - width / 2, y - height / 2, width, height])


def _seen(values: Sequence[float], dims: int) -> tuple[float, ...]:
    """x and y of the key points that are not said to be missing: by their visibility or, without one, at 0, 0."""
    parts = [values[at : at + dims] for at in range(0, len(values) - dims + 1, dims)]
    return tuple(value for part in parts if (part[2] if dims == 3 else part[0] or part[1]) for value in part[:2])


def _is_box(values: Sequence[float]) -> bool:
    x, y, width, height = values
    half = OUTSIDE_TOLERANCE
    inside = x - width / 2 >= -half and y - height / 2 >= -half and x + width / 2 <= 1 + half
    return width > 0 and height > 0 and inside and y + height / 2 <= 1 + half
