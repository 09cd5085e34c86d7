"""One CVAT XML file (version 1.1, for images and for video) as described images."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from truscore.datasets.folder_words import part_meant_by
from truscore.datasets.formats.described_images import DescribedImage, Mark
from truscore.datasets.formats.outlines import ellipse, turned_box
from truscore.datasets.index.records import RLE, ImageRecord
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.xml_file import xml_elements
from truscore.datasets.shapes.masks import mask_to_rle
from truscore.datasets.shapes.parse import BadShape, numbers, polygon_from, written_number

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

UNREADABLE, STRUCTURE = "format.annotations.unreadable", "format.annotations.structure"
_TAGS = frozenset({"image", "track", "labels", "original_size"})
_KINDS = ("box", "polygon", "polyline", "points", "ellipse", "mask", "skeleton")
_NO_MARKS = frozenset({"tag", "attribute"})


@dataclass(frozen=True, kw_only=True, slots=True)
class CvatFile:
    """`frames` are those of a video's tracks, by number; their images are called after it."""

    path: str
    classes: list[str] = field(default_factory=list)
    images: list[DescribedImage] = field(default_factory=list)
    frames: dict[int, list[Mark]] = field(default_factory=lambda: defaultdict(list))
    frame_size: list[int] = field(default_factory=list)


def read_cvat_file(context: ReaderContext, path: str) -> CvatFile:
    """What could be read of the file; the rest is reported."""
    found = CvatFile(path=path)
    limit_bytes = context.limits.annotation_file_bytes
    for element in xml_elements(context, path, tags=_TAGS, code=UNREADABLE, limit_bytes=limit_bytes):
        if element.tag == "labels":
            found.classes.extend(_class_names(element))
        elif element.tag == "original_size":
            found.frame_size[:] = _frame_size(element)
        elif element.tag == "image":
            found.images.append(_image(context, path, element))
        else:
            _add_track(context, found, element)
    return found


def _class_names(labels: Element) -> Iterator[str]:
    """Those that may be marked: the points of a skeleton are labels too, with the skeleton's as their parent."""
    for label in labels.findall("label"):
        name, parent = ((label.findtext(tag) or "").strip() for tag in ("name", "parent"))
        if name and not parent:
            yield bounded_text(name)


def _frame_size(element: Element) -> list[int]:
    written = [(element.findtext(tag) or "").strip() for tag in ("width", "height")]
    return [int(text) for text in written] if all(text.isdecimal() and len(text) < 10 for text in written) else []


def _image(context: ReaderContext, path: str, element: Element) -> DescribedImage:
    identity = element.get("id", "")
    where = f"{path}#{element.get('name') or identity}"
    tags = [bounded_text(tag.get("label", "")) for tag in element.findall("tag")]
    marks: list[Mark] = []
    for number, child in enumerate(element):
        if child.tag not in _NO_MARKS:
            marks += _marks(context, child, child.get("label", ""), f"{where}/{number}", f"{identity}/{number}")
    return DescribedImage(
        file=path,
        name=element.get("name", "") or path.rpartition("/")[2],
        image_id=bounded_text(identity),
        width=_pixels(element.get("width")),
        height=_pixels(element.get("height")),
        marks=tuple(marks),
        labels=tuple(name for name in tags if name) or None,
        part=part_meant_by(element.get("subset", "")),
    )


def _add_track(context: ReaderContext, found: CvatFile, track: Element) -> None:
    identity = track.get("id", "")
    for number, child in enumerate(track):
        where = f"{found.path}#track {identity}/{number}"
        frame = child.get("frame", "")
        if child.tag in _NO_MARKS or child.get("outside") == "1":
            continue
        if not frame.isdecimal() or len(frame) > 9:
            context.log.add(STRUCTURE, f"frame is {frame[:40]!r}, expected a number", where)
            continue
        found.frames[int(frame)] += _marks(context, child, track.get("label", ""), where, f"{identity}/{number}")


def _marks(context: ReaderContext, element: Element, label: str, where: str, place: str) -> Iterator[Mark]:
    try:
        if not label:
            raise BadShape("label.malformed", f"a {element.tag:.40} has no label")
        yield _mark(context, element, bounded_text(label), place)
    except BadShape as bad:
        context.log.add(bad.code, str(bad), where)


def _mark(context: ReaderContext, element: Element, name: str, place: str) -> Mark:
    kind = element.tag
    if kind == "box":
        return _box(element, name, place)
    if kind == "ellipse":
        centre, radii = ((_number(element, f"{what}x"), _number(element, f"{what}y")) for what in "cr")
        outline = ellipse(centre, radii, _number(element, "rotation", 0.0))
        return Mark(name=name, place=place, polygons=(outline,))
    if kind == "mask":
        return Mark(name=name, place=place, mask=partial(_mask, _mask_part(element)))
    if kind == "skeleton":
        seen = [point for point in element.findall("points") if point.get("outside") != "1"]
        joints = tuple(value for point in seen for value in _points(context, point))
        return Mark(name=name, place=place, shape="points", points=joints)
    if kind not in _KINDS:
        raise BadShape("label.kind_unread", f"a {kind:.40} of {name!r}; read are {', '.join(_KINDS)}")
    return _pointed(context, element, name, place)


def _pointed(context: ReaderContext, element: Element, name: str, place: str) -> Mark:
    points = _points(context, element)
    if element.tag == "polygon":
        outline = polygon_from(points, points_limit=context.limits.points_per_polygon)
        return Mark(name=name, place=place, polygons=(outline,))
    shape = "linestrip" if element.tag == "polyline" else "point" if len(points) == 2 else "points"
    return Mark(name=name, place=place, shape=shape, points=points)


def _box(element: Element, name: str, place: str) -> Mark:
    left, top, right, bottom = (_number(element, side) for side in ("xtl", "ytl", "xbr", "ybr"))
    degrees = _number(element, "rotation", 0.0)
    if degrees % 360:
        corners = turned_box(((left + right) / 2, (top + bottom) / 2), (right - left, bottom - top), degrees)
        return Mark(name=name, place=place, polygons=(corners,))
    return Mark(name=name, place=place, box_xywh=(left, top, right - left, bottom - top))


def _number(element: Element, key: str, default: float | None = None) -> float:
    written = element.get(key)
    if written is None and default is not None:
        return default
    try:
        return numbers([written_number(written or "")], what=key)[0]
    except ValueError as error:
        if isinstance(error, BadShape):
            raise
        raise BadShape("label.malformed", f"{key} is {(written or '')[:40]!r}, expected a number") from error


def _points(context: ReaderContext, element: Element) -> tuple[float, ...]:
    """x,y;x,y;..."""
    written = element.get("points", "")
    limit = context.limits.points_per_polygon
    if written.count(";") >= limit:
        raise BadShape("label.too_many", f"{written.count(';') + 1} points, at most {limit} are read")
    pairs = [pair.split(",") for pair in written.strip().strip(";").split(";")]
    try:
        values = [written_number(word) for pair in pairs for word in pair]
    except ValueError as error:
        raise BadShape("label.malformed", f"points are {written[:40]!r}, expected x,y;x,y;...") from error
    if any(len(pair) != 2 for pair in pairs):
        raise BadShape("label.malformed", f"points are {written[:40]!r}, expected x,y;x,y;...")
    return numbers(values, what="points")


@dataclass(frozen=True, kw_only=True, slots=True)
class _MaskPart:
    """Runs of zeros and ones in turn along the rows of a rectangle in the image."""

    left: int
    top: int
    width: int
    height: int
    runs: tuple[int, ...]


def _mask_part(element: Element) -> _MaskPart:
    place = {key: element.get(key, "") for key in ("left", "top", "width", "height")}
    if odd := next((key for key, text in place.items() if not re.fullmatch(r"\d{1,9}", text)), ""):
        raise BadShape("label.malformed", f"{odd} of a mask is {place[odd][:40]!r}, expected a whole number")
    runs = [word.strip() for word in element.get("rle", "").split(",")]
    if not all(word.isdecimal() and len(word) < 10 for word in runs):
        raise BadShape("label.invalid_rle", f"rle is {element.get('rle', '')[:40]!r}, expected whole numbers")
    return _MaskPart(**{key: int(text) for key, text in place.items()}, runs=tuple(map(int, runs)))


def _mask(part: _MaskPart, record: ImageRecord) -> RLE:
    import numpy as np

    if part.left + part.width > record.width or part.top + part.height > record.height:
        text = f"a mask reaches to {part.left + part.width}, {part.top + part.height}"
        raise BadShape("label.mask_size", f"{text}; its image has {record.width} x {record.height} pixels")
    if sum(part.runs) != part.width * part.height:
        expected = part.width * part.height
        raise BadShape("label.invalid_rle", f"runs cover {sum(part.runs)} pixels, expected {expected}")
    marked = np.repeat(np.arange(len(part.runs)) % 2 == 1, part.runs)
    mask_HW = np.zeros((record.height, record.width), dtype=np.bool_)
    inner = (slice(part.top, part.top + part.height), slice(part.left, part.left + part.width))
    mask_HW[inner] = marked.reshape(part.height, part.width)
    return mask_to_rle(mask_HW)


def _pixels(written: str | None) -> int | None:
    return int(written) if written and written.isdecimal() and len(written) < 10 and int(written) else None
