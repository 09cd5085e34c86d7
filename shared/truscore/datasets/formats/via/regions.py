"""Regions of the VGG Image Annotator as marks, by the attribute that names their class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from truscore.datasets.formats.described_images import Mark
from truscore.datasets.formats.json_values import KIND_UNREAD, LEFT_OUT, Entry, names, number, points, polygon
from truscore.datasets.formats.outlines import ellipse
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.shapes.parse import BadShape

# What people call the attribute that says what is marked, the likeliest first.
CLASS_ATTRIBUTES = (
    "class",
    "label",
    "category",
    "type",
    "defect",
    "name",
    "object",
    "damage",
    "object_name",
    "class_name",
)
UNNAMED = "region"
_KINDS = ("rect", "polygon", "circle", "ellipse", "polyline", "point")


def class_attribute(context: ReaderContext, attributes: Iterable[Any], where: str) -> str:
    """The attribute whose values are the classes: the only one, else the one that is called so; the others are
    reported. "" where regions have none: they are all of one class."""
    used = Counter(
        key for one in attributes if isinstance(one, dict) for key, value in one.items() if value_names(value)
    )
    called = [key for wanted in CLASS_ATTRIBUTES for key in used if key.strip().lower() == wanted]
    chosen = next(iter(called), "") or max(used, key=lambda key: used[key], default="")
    if rest := sorted(set(used) - {chosen}):
        text = f"attribute {chosen!r:.40} names the classes; not read: {', '.join(rest)[:200]}"
        context.log.add(LEFT_OUT, text, where)
    return chosen


def value_names(value: Any) -> tuple[str, ...]:
    """The names in an attribute's value: a text, or an object of those that are ticked."""
    if isinstance(value, dict):
        return names([key for key, on in value.items() if on is True])
    return names(value) if isinstance(value, str) else ()


def odd_value(value: Any) -> str:
    """What of an attribute's value names no class, though it should; "" where all of it may."""
    if isinstance(value, dict):
        return next((f"{key!r:.40}: {on!r:.40}" for key, on in value.items() if not isinstance(on, bool)), "")
    return "" if value is None or isinstance(value, str) else f"{value!r:.40}"


def region_marks(region: Entry, attribute: str, *, context: ReaderContext, place: str) -> tuple[Mark, ...]:
    """One mark for each class of the region. Raises BadShape."""
    shape, written = region.get("shape_attributes"), region.get("region_attributes")
    if not isinstance(shape, dict):
        raise BadShape("label.malformed", f"shape_attributes are {shape!r:.60}, expected an object")
    if isinstance(written, dict) and (odd := odd_value(written.get(attribute))):
        raise BadShape("label.malformed", f"attribute {attribute!r:.40} is {odd}, expected a word or ticked words")
    found = value_names(written.get(attribute)) if isinstance(written, dict) and attribute else ()
    if not found and attribute:
        raise BadShape("label.malformed", f"a region without the attribute {attribute!r:.40}")
    return tuple(_mark(shape, name, place, context.limits.points_per_polygon) for name in found or (UNNAMED,))


def _mark(shape: Entry, name: str, place: str, limit: int) -> Mark:
    kind = shape.get("name")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise BadShape(KIND_UNREAD, f"a region {kind!r:.40}; read are {', '.join(_KINDS)}")
    if kind == "rect":
        x, y, width, height = (number(shape, key) for key in ("x", "y", "width", "height"))
        return Mark(name=name, place=place, box_xywh=(x, y, width, height))
    if kind in {"polygon", "polyline"}:
        corners = _paired(shape.get("all_points_x"), shape.get("all_points_y"))
        if kind == "polygon":
            return Mark(name=name, place=place, polygons=(polygon(corners, limit=limit),))
        return Mark(name=name, place=place, shape="linestrip", points=points(corners, limit=limit))
    x, y = number(shape, "cx"), number(shape, "cy")
    if kind == "circle":
        return Mark(name=name, place=place, shape="circle", points=(x, y, x + number(shape, "r"), y))
    if kind == "ellipse":
        turn = math.degrees(number(shape, "theta", 0.0))
        outline = ellipse((x, y), (number(shape, "rx"), number(shape, "ry")), turn)
        return Mark(name=name, place=place, polygons=(outline,))
    return Mark(name=name, place=place, shape="point", points=(x, y))


def _paired(xs: Any, ys: Any) -> Sequence[Any]:
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys):
        raise BadShape("label.malformed", f"all_points_x and all_points_y are {xs!r:.40} and {ys!r:.40}")
    return [list(pair) for pair in zip(xs, ys, strict=True)]
