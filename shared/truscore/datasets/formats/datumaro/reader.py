"""The Datumaro reader: JSON with categories and items, a file for each part."""

from __future__ import annotations

from functools import partial
from typing import Any

from truscore.datasets.formats.described_images import DescribedImage, Mark, read_described
from truscore.datasets.formats.json_values import (
    KIND_UNREAD,
    LEFT_OUT,
    SNIFFED_FILES,
    STRUCTURE,
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
from truscore.datasets.formats.outlines import ellipse, turned_box
from truscore.datasets.index.records import RLE, ImageRecord
from truscore.datasets.paths import stem_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.shapes.parse import BadShape
from truscore.datasets.shapes.rle import rle_from

NAME = "datumaro"
_KINDS = ("label", "bbox", "polygon", "polyline", "points", "mask", "ellipse", "rotated_bbox")
_NOT_SEEN = frozenset({"caption", "hash_key", "feature_vector"})


def recognise_datumaro(context: ReaderContext) -> bool:
    """Whether one of the smallest JSON files has items and categories."""
    paths = json_files(context, '"categories"', '"items"')[:SNIFFED_FILES]
    return any(_is_datumaro(load_json(context, path)) for path in paths)


def read_datumaro(context: ReaderContext) -> ReadResult:
    """Read all files of the folder; classes in the order in which they list them."""
    images: list[DescribedImage] = []
    classes: list[str] = []
    for path in sorted(json_files(context, '"categories"', '"items"')):
        content = load_json(context, path)
        if _is_datumaro(content):
            listed = _labels(context, content, path)
            classes += [name for name in listed if name]
            items = entries(context, content["items"], "items", path)
            images += [_image(context, item, listed, path, at) for at, item in enumerate(items)]
    return read_described(context, images, format=NAME, classes=classes)


def _is_datumaro(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and isinstance(content.get("items"), list)
        and isinstance(content.get("categories"), dict)
    )


def _labels(context: ReaderContext, content: Entry, path: str) -> list[str]:
    """Names by number, "" for one that has none."""
    label = content["categories"].get("label")
    listed = entries(context, label.get("labels") if isinstance(label, dict) else None, "labels", path)
    return [next(iter(names(one.get("name"))), "") for one in listed]


def _image(context: ReaderContext, item: Entry, classes: list[str], path: str, at: int) -> DescribedImage:
    identity = bounded_text(str(item.get("id", at)))
    found: Entry = next((item[key] for key in ("image", "media") if isinstance(item.get(key), dict)), {})
    written = found.get("path")
    size: Any = found.get("size")
    height, width = size if isinstance(size, list) and len(size) == 2 else (None, None)
    marks: list[Mark] = []
    labels: list[str] = []
    if item.get("annotations") is None:
        text = "an item without `annotations`; one without marks has an empty list"
        context.log.add(STRUCTURE, text, f"{path}#{identity}")
    for place, entry in enumerate(entries(context, item.get("annotations"), "annotations", f"{path}#{identity}")):
        where = f"{path}#{identity}/{place}"
        kind = str(entry.get("type"))
        if kind in _NOT_SEEN:
            context.log.add(LEFT_OUT, f"a {kind} is not read", where)
            continue
        try:
            name = _name(entry, classes)
            if kind == "label":
                labels.append(name)
            else:
                marks.append(_mark(context, entry, name, f"{identity}/{place}"))
        except BadShape as bad:
            context.log.add(bad.code, str(bad), where)
    # In a folder of the part, which the file is called after.
    name = written if isinstance(written, str) and written else f"{identity}.jpg"
    return DescribedImage(
        file=path,
        name=f"../images/{stem_of(path)}/{name}",
        image_id=identity,
        width=pixels(width),
        height=pixels(height),
        marks=tuple(marks),
        labels=tuple(labels) or None,
    )


def _name(entry: Entry, classes: list[str]) -> str:
    label = entry.get("label_id")
    if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(classes) and classes[label]:
        return classes[label]
    accepted = f"0 to {len(classes) - 1}" if classes else "none are declared"
    raise BadShape("label.unknown_category", f"label_id {label!r:.40} is not one of: {accepted}")


def _mark(context: ReaderContext, entry: Entry, name: str, place: str) -> Mark:
    kind, limit = entry.get("type"), context.limits.points_per_polygon
    if kind == "mask":
        return Mark(name=name, place=place, mask=partial(_mask, entry.get("rle")))
    if kind == "bbox":
        sides = points(entry.get("bbox"), limit=2, what="bbox")
        if len(sides) != 4:
            raise BadShape("label.malformed", f"bbox has {len(sides)} numbers, expected 4: x, y, width, height")
        return Mark(name=name, place=place, box_xywh=(sides[0], sides[1], sides[2], sides[3]))
    if kind == "rotated_bbox" and "cx" in entry:
        x, y, width, height, turn = (number(entry, key) for key in ("cx", "cy", "w", "h", "r"))
        return Mark(name=name, place=place, polygons=(turned_box((x, y), (width, height), turn),))
    if kind not in _KINDS:
        raise BadShape(KIND_UNREAD, f"a {kind!r:.40} of {name!r}; read are {', '.join(_KINDS)}")
    return _drawn(entry, name, place, limit)


def _drawn(entry: Entry, name: str, place: str, limit: int) -> Mark:
    kind = entry.get("type")
    if kind == "polygon":
        return Mark(name=name, place=place, polygons=(polygon(entry.get("points"), limit=limit),))
    written = points(entry.get("points"), limit=limit)
    if kind == "rotated_bbox":
        return Mark(name=name, place=place, polygons=(polygon(list(written), limit=limit),))
    if kind == "ellipse":
        if len(written) != 4:
            raise BadShape("label.malformed", f"an ellipse has {len(written)} numbers, expected 4: x1, y1, x2, y2")
        left, top, right, bottom = written
        outline = ellipse(((left + right) / 2, (top + bottom) / 2), (abs(right - left) / 2, abs(bottom - top) / 2))
        return Mark(name=name, place=place, polygons=(outline,))
    shape = "linestrip" if kind == "polyline" else "point" if len(written) == 2 else "points"
    return Mark(name=name, place=place, shape=shape, points=written)


def _mask(rle: Any, record: ImageRecord) -> RLE:
    return rle_from(rle, width=record.width, height=record.height)
