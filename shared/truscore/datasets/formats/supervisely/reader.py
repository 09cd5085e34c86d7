"""The Supervisely reader: a project with meta.json and, for each image img/NAME, its marks in ann/NAME.json."""

from __future__ import annotations

import base64
import binascii
import zlib
from functools import partial
from typing import Any

from truscore.datasets.folder_words import part_named_by
from truscore.datasets.formats.described_images import DescribedImage, Mark, read_described
from truscore.datasets.formats.json_values import (
    KIND_UNREAD,
    SNIFFED_FILES,
    STRUCTURE,
    Entry,
    entries,
    json_files,
    load_json,
    names,
    pixels,
    points,
    polygon,
)
from truscore.datasets.images.decode import UnreadableImage, opened
from truscore.datasets.index.records import RLE, ImageRecord
from truscore.datasets.limits import Limits
from truscore.datasets.paths import name_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.shapes.masks import mask_to_rle
from truscore.datasets.shapes.parse import BadShape

NAME = "supervisely"
_KINDS = ("rectangle", "polygon", "bitmap", "line", "point")
_LONGEST_BITMAP = 64 * 1024 * 1024


def recognise_supervisely(context: ReaderContext) -> bool:
    """Whether one of the smallest JSON files describes an image as Supervisely does."""
    paths = json_files(context, '"objects"', '"size"')[:SNIFFED_FILES]
    return any(_is_annotation(load_json(context, path)) for path in paths)


def read_supervisely(context: ReaderContext) -> ReadResult:
    """Read all projects of the folder; classes in the order of their meta.json."""
    images = []
    for path in sorted(json_files(context, '"objects"', '"size"')):
        content = load_json(context, path)
        if _is_annotation(content):
            images.append(_image(context, path, content))
    return read_described(context, images, format=NAME, classes=_classes(context))


def _is_annotation(content: Any) -> bool:
    return (
        isinstance(content, dict) and isinstance(content.get("objects"), list) and isinstance(content.get("size"), dict)
    )


def _classes(context: ReaderContext) -> list[str]:
    found: list[str] = []
    for path in context.folder.with_suffix(".json"):
        if name_of(path) == "meta.json":
            context.files_read.add(path)
            content = load_json(context, path)
            classes = content.get("classes") if isinstance(content, dict) else None
            found += [name for one in entries(context, classes, "classes", path) for name in names(one.get("title"))]
    return found


def _image(context: ReaderContext, path: str, content: Entry) -> DescribedImage:
    folder, _, name = path.rpartition("/")
    beside = f"../img/{name[:-5]}" if name_of(folder) == "ann" else name[:-5]
    marks = []
    for at, thing in enumerate(entries(context, content["objects"], "objects", path)):
        place = bounded_text(str(thing.get("id", at)))
        try:
            marks.append(_mark(thing, place, context.limits))
        except BadShape as bad:
            context.log.add(bad.code, str(bad), f"{path}#{place}")
    size = content["size"]
    labels, scores = _tags(context, content.get("tags"), path)
    return DescribedImage(
        file=path,
        name=beside,
        width=pixels(size.get("width")),
        height=pixels(size.get("height")),
        marks=tuple(marks),
        labels=labels or None,
        scores=scores,
        part=_part(content.get("tags")),
    )


def _part(tags: Any) -> str:
    """The part of a split that a tag of the image names."""
    listed = tags if isinstance(tags, list) else []
    words = (part_named_by(str(tag.get("name"))) for tag in listed if isinstance(tag, dict))
    return next(filter(None, words), "")


def _tags(context: ReaderContext, written: Any, path: str) -> tuple[tuple[str, ...], tuple[tuple[str, float], ...]]:
    """Tags of an image: words are labels, numbers scores."""
    labels: list[str] = []
    scores: list[tuple[str, float]] = []
    for tag in entries(context, written, "tags", path):
        name, value = tag.get("name"), tag.get("value")
        if not isinstance(name, str) or not isinstance(value, str | int | float | None) or isinstance(value, bool):
            context.log.add(STRUCTURE, f"a tag has name {name!r:.40}, value {value!r:.40}; expected a word", path)
        elif isinstance(value, int | float):
            scores.append((bounded_text(name), float(value)))
        elif not part_named_by(name):  # a part of a split is no label
            labels += names(value or name)
    return tuple(labels), tuple(scores)


def _mark(thing: Entry, place: str, limits: Limits) -> Mark:
    name = next(iter(names(thing.get("classTitle"))), "")
    if not name:
        raise BadShape("label.malformed", "an object has no classTitle")
    kind, limit = thing.get("geometryType"), limits.points_per_polygon
    if kind == "bitmap":
        return Mark(name=name, place=place, mask=partial(_bitmap, thing.get("bitmap"), limits))
    if kind not in _KINDS:
        raise BadShape(KIND_UNREAD, f"a {kind!r:.40} of {name!r}; read are {', '.join(_KINDS)}")
    written = thing.get("points")
    if not isinstance(written, dict):
        raise BadShape("label.malformed", f"points are {written!r:.60}, expected an object with exterior")
    outside = points(written.get("exterior"), limit=limit)
    if kind == "rectangle":
        if len(outside) != 4:
            raise BadShape("label.malformed", f"a rectangle has {len(outside) // 2} points, expected two corners")
        (left, right), (top, bottom) = (sorted(outside[axis::2]) for axis in range(2))
        return Mark(name=name, place=place, box_xywh=(left, top, right - left, bottom - top))
    if kind == "polygon":
        inside = written.get("interior") or []
        if not isinstance(inside, list):
            raise BadShape("label.malformed", f"interior is {inside!r:.40}, expected a list of outlines")
        holes = tuple(polygon(hole, limit=limit) for hole in inside)
        return Mark(name=name, place=place, polygons=(polygon(written.get("exterior"), limit=limit),), holes=holes)
    return Mark(name=name, place=place, shape="linestrip" if kind == "line" else "point", points=outside)


def _bitmap(bitmap: Any, limits: Limits, record: ImageRecord) -> RLE:
    """A picture of the marked part, compressed, in base64, at its origin."""
    import numpy as np
    from numpy.typing import NDArray

    part: NDArray[Any]
    part_HW: NDArray[Any]
    if not isinstance(bitmap, dict) or not isinstance(bitmap.get("data"), str):
        raise BadShape("label.mask_unreadable", f"a bitmap is {bitmap!r:.40}, expected its data and origin")
    origin = points([bitmap.get("origin")], limit=1, what="origin")
    try:
        unpacked = zlib.decompressobj().decompress(base64.b64decode(bitmap["data"]), _LONGEST_BITMAP)
        with opened(unpacked, limits=limits) as image:
            part = np.asarray(image.convert("RGBA") if image.mode in {"P", "PA", "LA"} else image)
    except (binascii.Error, zlib.error, ValueError, UnreadableImage) as error:
        raise BadShape("label.mask_unreadable", f"a bitmap cannot be decoded: {error}") from error
    if part.ndim == 3 and part.shape[2] == 4 and (part[..., 3] < 255).any():
        part_HW = part[..., 3] > 0
    else:
        part_HW = part > 0 if part.ndim == 2 else np.asarray((part[..., :3] > 0).any(axis=2))
    left, top = round(origin[0]), round(origin[1])
    height, width = part_HW.shape
    if min(left, top) < 0 or left + width > record.width or top + height > record.height:
        text = f"a bitmap of {width} x {height} at {left}, {top} leaves its image of {record.width} x {record.height}"
        raise BadShape("label.mask_size", text)
    mask_HW = np.zeros((record.height, record.width), dtype=np.bool_)
    mask_HW[top : top + height, left : left + width] = part_HW
    return mask_to_rle(mask_HW)
