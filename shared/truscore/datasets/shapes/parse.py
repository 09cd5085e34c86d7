"""Shapes as numbers: checked, and turned into boxes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from truscore.datasets.index.records import RLE

Box = tuple[float, float, float, float]
_FARTHEST = 1e9


class BadShape(ValueError):
    """A shape that cannot be used; `code` is one of the catalogue's `label.*`."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def numbers(values: Any, *, what: str) -> tuple[float, ...]:
    """Finite floats from a JSON list. Raises BadShape."""
    if not isinstance(values, list | tuple):
        raise BadShape("label.malformed", f"{what} is {_shown(values)}, expected a list of numbers")
    for value in values:
        if type(value) is float and -_FARTHEST <= value <= _FARTHEST:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadShape("label.malformed", f"{what} holds {_shown(value)}, expected a number")
        if not math.isfinite(value) or abs(value) > _FARTHEST:
            raise BadShape("label.not_finite", f"{what} holds {value}, expected a finite coordinate")
    return tuple(float(value) for value in values)


def written_number(text: str) -> float:
    """A number as files have it. Raises ValueError, also for `1_000`, which only Python reads as a thousand."""
    if "_" in text:
        raise ValueError(f"{text!r:.40} is no number")
    return float(text)


def polygon_from(values: Any, *, points_limit: int) -> tuple[float, ...]:
    """A polygon as x0, y0, x1, y1, ... Raises BadShape."""
    polygon = numbers(values, what="a polygon")
    if len(polygon) % 2:
        raise BadShape("label.malformed", f"a polygon has {len(polygon)} numbers, expected pairs")
    if len(polygon) < 6:
        raise BadShape("label.short_polygon", f"a polygon has {len(polygon) // 2} points, expected at least 3")
    if len(polygon) // 2 > points_limit:
        raise BadShape("label.too_many", f"a polygon has {len(polygon) // 2} points, at most {points_limit} are read")
    return polygon


def box_from(values: Any) -> Box:
    """A box as x, y, width, height with an area. Raises BadShape."""
    box = numbers(values, what="bbox")
    if len(box) != 4:
        raise BadShape("label.malformed", f"bbox has {len(box)} numbers, expected 4: x, y, width, height")
    x, y, width, height = box
    if width <= 0 or height <= 0:
        raise BadShape("label.empty_box", f"bbox is {width:g} x {height:g}, expected a positive width and height")
    return x, y, width, height


def box_around(polygons: Iterable[Sequence[float]]) -> Box:
    """The smallest box around polygons. Raises BadShape where it has no area."""
    shapes = list(polygons)
    if not shapes:
        raise BadShape("label.malformed", "there is neither a box nor a polygon")
    xs = [value for shape in shapes for value in shape[0::2]]
    ys = [value for shape in shapes for value in shape[1::2]]
    return box_from([min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)])


def box_of_rle(rle: RLE) -> Box:
    """The smallest box around a run-length mask. Raises BadShape where it marks nothing."""
    at, left, right, top, bottom = 0, rle.width, -1, rle.height, -1
    for number, run in enumerate(rle.counts):
        if number % 2 and run:
            first, last = at, at + run - 1
            left, right = min(left, first // rle.height), max(right, last // rle.height)
            spans_columns = first // rle.height != last // rle.height
            top = min(top, 0 if spans_columns else first % rle.height)
            bottom = max(bottom, rle.height - 1 if spans_columns else last % rle.height)
        at += run
    if right < 0:
        raise BadShape("label.empty_box", "a run-length mask marks no pixel")
    return float(left), float(top), float(right - left + 1), float(bottom - top + 1)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
