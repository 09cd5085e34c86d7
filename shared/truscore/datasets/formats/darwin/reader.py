"""The reader of V7's Darwin JSON, version 2 and what came before it: a file for each image.

A polygon of several paths has holes: a path that begins within another one is cut out of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from truscore.datasets.formats.described_images import DescribedImage, Mark, read_described
from truscore.datasets.formats.json_values import (
    KIND_UNREAD,
    SNIFFED_FILES,
    Entry,
    entries,
    json_files,
    load_json,
    names,
    number,
    pixels,
    points,
    polygon,
)
from truscore.datasets.formats.outlines import ellipse
from truscore.datasets.limits import Limits
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.shapes.parse import BadShape

NAME = "darwin"
_KINDS = ("polygon", "bounding_box", "ellipse", "line", "keypoint", "tag")


def recognise_darwin(context: ReaderContext) -> bool:
    """Whether one of the smallest JSON files is about one item with annotations."""
    return any(_item(load_json(context.without_log(), path)) for path in _files(context)[:SNIFFED_FILES])


def read_darwin(context: ReaderContext) -> ReadResult:
    """Read all files of the folder; classes in natural order."""
    images = []
    for path in sorted(_files(context)):
        content = load_json(context, path)
        if item := _item(content):
            images.append(_image(context, content, item, path))
    return read_described(context, images, format=NAME)


def _files(context: ReaderContext) -> list[str]:
    found = json_files(context, '"item"', '"annotations"')
    return found or json_files(context, '"image"', '"annotations"')


def _item(content: Any) -> Entry:
    """The item that a file is about, empty where it is no such file."""
    if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
        return {}
    item, image = content.get("item"), content.get("image")
    if isinstance(item, dict) and isinstance(item.get("name"), str):
        return item
    return image if isinstance(image, dict) and isinstance(image.get("filename"), str) else {}


def _image(context: ReaderContext, content: Entry, item: Entry, path: str) -> DescribedImage:
    slots = entries(context, item.get("slots"), "slots", path)
    size = slots[0] if slots else item
    marks: list[Mark] = []
    labels: list[str] = []
    for at, entry in enumerate(entries(context, content["annotations"], "annotations", path)):
        place = bounded_text(str(entry.get("id", at)))
        try:
            name = next(iter(names(entry.get("name"))), "")
            if not name:
                raise BadShape("label.malformed", f"an annotation has name {entry.get('name')!r:.40}")
            if "tag" in entry:
                labels.append(name)
            else:
                marks.append(_mark(entry, name, place, context.limits))
        except BadShape as bad:
            context.log.add(bad.code, str(bad), f"{path}#{place}")
    folder = item.get("path") if isinstance(item.get("path"), str) else ""
    name = item["name"] if isinstance(item.get("name"), str) else item["filename"]
    return DescribedImage(
        file=path,
        name="/".join(filter(None, (str(folder).strip("/"), name))),
        width=pixels(size.get("width")),
        height=pixels(size.get("height")),
        marks=tuple(marks),
        labels=tuple(dict.fromkeys(labels)) or None,
    )


def _mark(entry: Entry, name: str, place: str, limits: Limits) -> Mark:
    limit = limits.points_per_polygon
    drawn = {kind: entry[kind] for kind in _KINDS if kind in entry}
    if odd := [kind for kind, value in drawn.items() if not isinstance(value, dict)]:
        raise BadShape("label.malformed", f"{odd[0]} of {name!r} is {drawn[odd[0]]!r:.40}, expected an object")
    if outline := drawn.get("polygon"):
        return _polygon(outline, name, place, limit)
    if oval := drawn.get("ellipse"):
        centre, radii = (oval.get(key) if isinstance(oval.get(key), dict) else {} for key in ("center", "radius"))
        (x, y), (across, down) = ([number(pair, key) for key in ("x", "y")] for pair in (centre, radii))
        corners = ellipse((x, y), (across, down), math.degrees(number(oval, "angle", 0.0)))
        return Mark(name=name, place=place, polygons=(corners,))
    if stroke := drawn.get("line"):
        return Mark(name=name, place=place, shape="linestrip", points=points(stroke.get("path"), limit=limit))
    if point := drawn.get("keypoint"):
        return Mark(name=name, place=place, shape="point", points=(number(point, "x"), number(point, "y")))
    if sides := drawn.get("bounding_box"):
        x, y, width, height = (number(sides, key) for key in ("x", "y", "w", "h"))
        return Mark(name=name, place=place, box_xywh=(x, y, width, height))
    drawn_as = [key for key in entry if key not in {"id", "name", "slot_names", "properties", "ranges"}]
    raise BadShape(KIND_UNREAD, f"{', '.join(drawn_as)[:60] or 'nothing'} of {name!r}; read are {', '.join(_KINDS)}")


def _polygon(outline: Entry, name: str, place: str, limit: int) -> Mark:
    written = outline.get("paths")
    if not isinstance(written, list):
        further = outline.get("additional_paths")
        written = [outline.get("path"), *(further if isinstance(further, list) else [])]
    if not written or sum(len(path) for path in written if isinstance(path, list)) > limit:
        text = f"{len(written)} paths, expected one or more with at most {limit} points in all"
        raise BadShape("label.malformed", text)
    paths = [polygon(path, limit=limit) for path in written]
    holes = [path for at, path in enumerate(paths) if any(_begins_in(path, other) for other in paths[:at])]
    return Mark(name=name, place=place, polygons=tuple(path for path in paths if path not in holes), holes=tuple(holes))


def _begins_in(path: Sequence[float], other: Sequence[float]) -> bool:
    """Whether the first point of a path lies within another one: a ray from it crosses that an odd number of times."""
    x, y = path[:2]
    corners = list(zip(other[0::2], other[1::2], strict=True))
    inside = False
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            inside = not inside
    return inside
