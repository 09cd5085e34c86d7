"""One Pascal VOC file as plain values: parsed within bounds, without entities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from truscore.datasets.formats.outlines import turned_box
from truscore.datasets.limits import Limits
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.xml_file import read_xml
from truscore.datasets.shapes.parse import BadShape, box_around, box_from, numbers, polygon_from, written_number

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_SIDES = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True, kw_only=True, slots=True)
class VocObject:
    """A box with edges at xmin, ymin, xmax and ymax in pixels, and polygons where the file has them."""

    name: str
    box_xywh: tuple[float, float, float, float]
    polygons: tuple[tuple[float, ...], ...]
    source_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class VocFile:
    """`filename` is as written, or the XML file's own stem where nothing is."""

    path: str
    filename: str
    width: int | None
    height: int | None
    objects: tuple[VocObject, ...]


def read_voc_file(context: ReaderContext, path: str) -> VocFile | None:
    """The file's content, or None after reporting why there is none."""
    log, limit_bytes = context.log, context.limits.label_file_bytes
    root = read_xml(context, path, code="format.voc.invalid_xml", limit_bytes=limit_bytes)
    if root is None:
        return None
    if root.tag != "annotation":
        log.add("format.voc.structure", f"the outermost element is <{root.tag}>, expected <annotation>"[:200], path)
        return None
    context.files_read.add(path)
    # LabelMe 3 of the MIT writes the same element with rows and columns.
    size, imagesize = root.find("size"), root.find("imagesize")
    return VocFile(
        path=path,
        filename=_text(root, "filename"),
        width=_pixels(size, "width") or _pixels(imagesize, "ncols"),
        height=_pixels(size, "height") or _pixels(imagesize, "nrows"),
        objects=tuple(_objects(context, root, path)),
    )


def _objects(context: ReaderContext, root: Element, path: str) -> list[VocObject]:
    limits, log = context.limits, context.log
    elements = root.findall("object")
    if len(elements) > limits.annotations_per_image:
        text = f"{len(elements)} objects, at most {limits.annotations_per_image} are read"
        log.add("label.too_many", text, path)
    found: list[VocObject] = []
    for number, element in enumerate(elements[: limits.annotations_per_image], 1):
        try:
            if _text(element, "deleted") == "1":
                log.add("format.annotations.left_out", "an object that was deleted in the tool", f"{path}#{number}")
                continue
            found += _same_object(element, str(number), limits)
            if parts := len(element.findall("part")):
                text = f"{parts} parts of an object are not read; the object is"
                log.add("format.annotations.left_out", text, f"{path}#{number}")
        except BadShape as bad:
            log.add(bad.code, str(bad), f"{path}#{number}")
    return found


def _same_object(element: Element, number: str, limits: Limits) -> list[VocObject]:
    """The object; several where it has several boxes, as people write it who mean one object each. Raises BadShape."""
    name = bounded_text(_text(element, "name"))
    if not name:
        raise BadShape("label.malformed", "an object has no <name>")
    polygons = tuple(_polygon(polygon, limits) for polygon in element.findall("polygon"))
    boxes = [_box(bounds) for bounds in element.findall("bndbox")]
    if element.find("segm") is not None and not polygons:
        raise BadShape("label.kind_unread", f"{name!r} is drawn as a mask in a file of its own; export polygons")
    if (turned := element.find("robndbox")) is not None and not polygons:
        polygons = (_turned_box(turned),)
    if not boxes and not polygons:
        raise BadShape("label.malformed", "an object has neither <bndbox> nor <polygon>")
    if not boxes and _text(element, "type") == "bounding_box":
        boxes, polygons = [box_around(polygons)], ()
    if len(boxes) > 1 and not polygons:
        return [
            VocObject(name=name, box_xywh=box, polygons=(), source_id=f"{number}/{at}")
            for at, box in enumerate(boxes, 1)
        ]
    if len(boxes) > 1:
        raise BadShape("label.malformed", f"an object has {len(boxes)} boxes and a polygon; expected one box")
    box = boxes[0] if boxes else box_around(polygons)
    return [VocObject(name=name, box_xywh=box, polygons=polygons, source_id=number)]


def _turned_box(bounds: Element) -> tuple[float, ...]:
    """<cx>, <cy>, <w>, <h> and <angle> in radians, as roLabelImg writes them."""
    x, y, width, height, angle = (_number(bounds, tag) for tag in ("cx", "cy", "w", "h", "angle"))
    return turned_box((x, y), (width, height), math.degrees(angle))


def _box(bounds: Element) -> tuple[float, float, float, float]:
    left, top, right, bottom = (_number(bounds, side) for side in _SIDES)
    return box_from([left, top, right - left, bottom - top])


def _polygon(polygon: Element, limits: Limits) -> tuple[float, ...]:
    """<x1>, <y1>, <x2>, ... as CVAT's and Roboflow's exports have them, or <pt> with <x> and <y> as LabelMe 3."""
    values: list[float] = []
    for point in polygon.findall("pt")[: limits.points_per_polygon + 1]:
        values += [_number(point, "x"), _number(point, "y")]
    while polygon.find(f"x{len(values) // 2 + 1}") is not None and len(values) <= 2 * limits.points_per_polygon:
        number = len(values) // 2 + 1
        values += [_number(polygon, f"x{number}"), _number(polygon, f"y{number}")]
    return polygon_from(values, points_limit=limits.points_per_polygon)


def _number(parent: Element, tag: str) -> float:
    written = _text(parent, tag)
    try:
        return numbers([written_number(written)], what=f"<{tag}>")[0]
    except ValueError as error:
        if isinstance(error, BadShape):
            raise
        raise BadShape("label.malformed", f"<{tag}> is {written[:40]!r}, expected a number") from error


def _pixels(size: Element | None, tag: str) -> int | None:
    written = "" if size is None else _text(size, tag)
    return int(written) if written.isdecimal() and 0 < len(written) < 10 and int(written) else None


def _text(parent: Element, tag: str) -> str:
    return (parent.findtext(tag) or "").strip()
