"""Label Studio's results as marks. Coordinates are percent of the image's width and height."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from truscore.datasets.formats.described_images import Mark
from truscore.datasets.formats.json_values import (
    KIND_UNREAD,
    LEFT_OUT,
    Entry,
    number,
    pixels,
    points,
    polygon,
    written_names,
)
from truscore.datasets.formats.label_studio.brush import decode_brush
from truscore.datasets.formats.outlines import ellipse, turned_box
from truscore.datasets.index.records import RLE, ImageRecord
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.shapes.masks import mask_to_rle
from truscore.datasets.shapes.parse import BadShape

_LABELLED = "labels"  # rectanglelabels, polygonlabels, ..., or labels alone
_GEOMETRY = frozenset({"x", "points", "vertices", "rle", "imageDataURL"})
_WHOLE_IMAGE = ("choices", "taxonomy")


def marks_of(context: ReaderContext, results: Sequence[Entry], where: str) -> tuple[Mark, ...]:
    """The regions of one annotation; those of one id are one region and what is said of it."""
    regions: dict[Any, list[Entry]] = defaultdict(list)
    for at, result in enumerate(results):
        if not _is_whole_image(result):
            identity = result.get("id")
            regions[identity if isinstance(identity, str) else at].append(result)
    return tuple(
        mark
        for at, parts in enumerate(regions.values())
        for mark in _region(context, parts, f"{where}/{at}", bounded_text(str(parts[0].get("id", at))))
    )


def labels_of(context: ReaderContext, results: Sequence[Entry], where: str) -> tuple[str, ...] | None:
    """What is chosen for the whole image; None where nothing is asked."""
    chosen = [result for result in results if _is_whole_image(result)]
    if not chosen:
        return None
    found: dict[str, None] = {}
    for result in chosen:
        try:
            found |= dict.fromkeys(_chosen(result["value"]))
        except BadShape as bad:
            context.log.add(bad.code, str(bad), where)
    return tuple(found)


def _is_whole_image(result: Entry) -> bool:
    value = result.get("value")
    return isinstance(value, dict) and not _GEOMETRY & value.keys() and any(key in value for key in _WHOLE_IMAGE)


def _chosen(value: Entry) -> Iterator[str]:
    yield from written_names(value.get("choices", []), "choices")
    for path in value.get("taxonomy") or ():
        if not isinstance(path, list) or not path:
            raise BadShape("label.malformed", f"taxonomy holds {path!r:.40}, expected a path of names")
        yield from written_names(path[-1], "taxonomy")


def _region(context: ReaderContext, parts: Sequence[Entry], where: str, place: str) -> Iterator[Mark]:
    shaped = [part for part in parts if isinstance(part.get("value"), dict) and _GEOMETRY & part["value"].keys()]
    if not shaped:
        kinds = ", ".join(sorted({str(part.get("type")) for part in parts}))
        context.log.add(KIND_UNREAD, f"{kinds:.80}; read are regions of an image and choices", where)
        return
    try:
        labels = tuple(dict.fromkeys(name for part in parts for name in _labels(part)))
        if not labels:
            raise BadShape("label.malformed", f"a region of type {shaped[0].get('type')!r:.40} has no label")
        for name in labels:
            yield _mark(context, shaped[0], name, place)
    except BadShape as bad:
        context.log.add(bad.code, str(bad), where)


def _labels(part: Entry) -> tuple[str, ...]:
    value = part.get("value")
    if not isinstance(value, dict):
        return ()
    labelled = [written_names(words, key) for key, words in value.items() if key.endswith(_LABELLED)]
    return next((found for found in labelled if found), written_names(value.get("choices", []), "choices"))


def _mark(context: ReaderContext, part: Entry, name: str, place: str) -> Mark:
    value, limit = part["value"], context.limits.points_per_polygon
    if turn := number(part, "image_rotation", 0.0) if part.get("image_rotation") is not None else 0.0:
        raise BadShape(KIND_UNREAD, f"the picture was turned by {turn:g} degrees in the tool; turn the file instead")
    if "rle" in value:
        return Mark(name=name, place=place, mask=partial(_brush, value["rle"], part))
    if "points" in value or "vertices" in value:
        outline = polygon(value.get("points", value.get("vertices")), limit=limit)
        return Mark(name=name, place=place, polygons=(_shares(outline),), fractions=True)
    if "radiusX" in value:
        radii = number(value, "radiusX"), number(value, "radiusY")
        return _ellipse(part, (number(value, "x"), number(value, "y")), radii, name, place)
    if "width" in value and "height" in value:
        return _box(part, name, place)
    if "x" in value and "y" in value and _is_key_point(part):
        at = _shares(points([[value["x"], value["y"]]], limit=limit))
        return Mark(name=name, place=place, shape="point", points=at, fractions=True)
    raise BadShape(KIND_UNREAD, f"a region of type {part.get('type')!r:.40} with {', '.join(map(str, value))[:80]}")


def _is_key_point(part: Entry) -> bool:
    """A box that lost a side has x and y, too."""
    return any(str(word).startswith("keypoint") for word in (part.get("type"), *part["value"]))


def _box(part: Entry, name: str, place: str) -> Mark:
    value = part["value"]
    x, y, width, height = (number(value, key) for key in ("x", "y", "width", "height"))
    degrees = number(value, "rotation", 0.0) if value.get("rotation") is not None else 0.0
    if not degrees % 360:
        left, top, across, down = _shares((x, y, width, height))
        return Mark(name=name, place=place, box_xywh=(left, top, across, down), fractions=True)
    # It turns about its upper left corner, in pixels: percent of both sides are not of one length.
    sides = _sides(part)
    corner, size = (x * sides[0], y * sides[1]), (width * sides[0], height * sides[1])
    centre = (corner[0] + size[0] / 2, corner[1] + size[1] / 2)
    return _turned(turned_box(centre, size, degrees, pivot=corner), sides, name, place)


def _ellipse(part: Entry, centre: tuple[float, float], radii: tuple[float, float], name: str, place: str) -> Mark:
    value, sides = part["value"], _sides(part)
    degrees = number(value, "rotation", 0.0) if value.get("rotation") is not None else 0.0
    middle, lengths = ((pair[0] * sides[0], pair[1] * sides[1]) for pair in (centre, radii))
    return _turned(ellipse(middle, lengths, degrees), sides, name, place)


def _turned(outline: Sequence[float], sides: tuple[float, float], name: str, place: str) -> Mark:
    percent = tuple(value / sides[at % 2] for at, value in enumerate(outline))
    return Mark(name=name, place=place, polygons=(_shares(percent),), fractions=True)


def _sides(part: Mapping[str, Any]) -> tuple[float, float]:
    width, height = pixels(part.get("original_width")), pixels(part.get("original_height"))
    if width is None or height is None:
        raise BadShape("label.malformed", "a turned or round region without original_width and original_height")
    return float(width), float(height)


def _shares(percent: Sequence[float]) -> tuple[float, ...]:
    return tuple(value / 100 for value in percent)


def _brush(packed: Any, part: Entry, record: ImageRecord) -> RLE:
    written = (pixels(part.get("original_width")), pixels(part.get("original_height")))
    if written != (record.width, record.height):
        text = f"the brush is of {written[0]} x {written[1]} pixels, its upright image {record.width} x {record.height}"
        raise BadShape("label.mask_size", text)
    return mask_to_rle(decode_brush(packed, width=record.width, height=record.height))


def report_relations(context: ReaderContext, results: Sequence[Entry], where: str) -> list[Entry]:
    """The results without relations between regions, which are no marks; how many there are is reported."""
    kept = [result for result in results if result.get("type") != "relation"]
    if len(kept) < len(results):
        context.log.add(LEFT_OUT, f"{len(results) - len(kept)} relations between regions were left out", where)
    return kept
