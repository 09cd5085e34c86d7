"""What an index has in it, and which formats have a place for that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from truscore.datasets.formats.labelme.shapes import drawn_shape
from truscore.datasets.index.class_order import grades_of
from truscore.datasets.index.records import Annotation, DatasetIndex, ImageRecord
from truscore.datasets.shapes.parse import BadShape, box_around, box_of_rle

# What may be in an index, in the words of a refusal.
FEATURES: Mapping[str, str] = MappingProxyType(
    {
        "box": "boxes without an outline",
        "polygon": "polygons",
        "parts": "annotations of several polygons",
        "rle": "run-length masks",
        "crowd": "crowd marks",
        "stroke": "points, lines and circles",
        "box_apart": "boxes that are not those of their outlines",
        "outside": "coordinates outside the image",
        "label": "one class for a whole image",
        "labels": "several classes for a whole image",
        "empty": "images labelled as having nothing on them",
        "unlabelled": "images without any label",
        "scores": "scores",
        "light": "lights of views, with masks, normal maps and depths of objects",
        "grades": "grades of classes",
        "written_grade": "grades as their graders wrote them, beside the class",
        "plain_grades": "classes that are no grades but are called like grades",
        "odd_name": "class names that are empty, repeated, or not printable",
        "unusable": "annotations without area, of another size than their image, or outlined twice",
    }
)
_MARKS = frozenset({"box", "polygon", "parts", "rle", "crowd", "box_apart", "outside"})
_IMAGE_LABELS = frozenset({"label", "labels", "empty", "unlabelled"})

SUPPORTED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "coco": _MARKS | {"unlabelled", "plain_grades"},
        "yolo": frozenset({"box", "polygon", "unlabelled", "plain_grades"}),
        "voc": frozenset({"box", "polygon", "parts", "box_apart", "outside", "unlabelled", "plain_grades"}),
        "labelme": _IMAGE_LABELS | {"box", "polygon", "parts", "rle", "stroke", "outside", "grades"},
        "folder": frozenset({"label", "unlabelled", "grades"}),
        "csv": _IMAGE_LABELS | {"box", "outside", "scores", "grades"},
        "masks": frozenset({"rle", "label", "empty", "unlabelled", "plain_grades"}),
        "truscore": frozenset(FEATURES),
    }
)
_TOLERANCE_PX = 1e-6


class LossyConversion(ValueError):
    """The format has no place for part of the index; `losses` names each such part with its first place."""

    def __init__(self, format: str, losses: Sequence[str]) -> None:
        super().__init__(f"format {format!r} cannot hold: {'; '.join(losses)}")
        self.format = format
        self.losses = tuple(losses)


def losses(index: DatasetIndex, *, format: str) -> tuple[str, ...]:
    """What the format has no place for, in words, each with the first place where it is found."""
    first: dict[str, str] = {}
    for feature, place in _features(index):
        first.setdefault(feature, place)
    lost = (feature for feature in FEATURES if feature in first and feature not in SUPPORTED[format])
    return tuple(f"{FEATURES[feature]} ({first[feature]})" for feature in lost)


def _features(index: DatasetIndex) -> Iterator[tuple[str, str]]:
    names = index.class_names
    if len(set(names)) < len(names) or not all(map(_is_plain_name, names)):
        yield "odd_name", f"classes {list(names)[:5]}"
    if index.grades:
        yield "grades", f"class {names[0]!r}" if names else "no class"
    elif grades_of(names):
        yield "plain_grades", f"class {names[0]!r}"
    for image in index.images:
        yield from ((feature, image.path) for feature in _whole_features(image))
        for annotation in image.annotations:
            place = f"{image.path}#{annotation.source_id}"
            yield from ((feature, place) for feature in _mark_features(annotation, image))


def _is_plain_name(name: str) -> bool:
    return bool(name) and len(name) <= 200 and name == name.strip() and name.isprintable()


def _whole_features(image: ImageRecord) -> Iterator[str]:
    if image.light is not None:
        yield "light"
    if image.scores:
        yield "scores"
    if image.written_grade:
        yield "written_grade"
    if image.labels is None:
        if not image.annotations and not image.scores:
            yield "unlabelled"
    else:
        yield ("empty", "label")[len(image.labels)] if len(image.labels) < 2 else "labels"


def _mark_features(annotation: Annotation, image: ImageRecord) -> Iterator[str]:
    if annotation.crowd:
        yield "crowd"
    if annotation.shape:
        yield "stroke"
    elif annotation.polygons:
        yield "parts" if len(annotation.polygons) > 1 else "polygon"
    elif annotation.rle is not None:
        yield "rle"
    else:
        yield "box"
    if _reaches_out(annotation, image):
        yield "outside"
    try:
        if not _agrees(annotation, _expected(annotation)):
            yield "box_apart"
    except BadShape:
        yield "unusable"
    if _is_unusable(annotation, image):
        yield "unusable"


def _expected(annotation: Annotation) -> Annotation:
    """The annotation as its outline alone gives it. Raises BadShape."""
    if annotation.shape:
        return drawn_shape(annotation.shape, annotation.points, annotation.label, annotation.source_id)
    if annotation.polygons:
        box = box_around(annotation.polygons)
    else:
        box = annotation.box_xywh if annotation.rle is None else box_of_rle(annotation.rle)
    return Annotation(label=annotation.label, box_xywh=box, polygons=annotation.polygons)


def _agrees(annotation: Annotation, expected: Annotation) -> bool:
    distances = (abs(one - other) for one, other in zip(annotation.box_xywh, expected.box_xywh, strict=True))
    return max(distances) <= _TOLERANCE_PX and annotation.polygons == expected.polygons


def _reaches_out(annotation: Annotation, image: ImageRecord) -> bool:
    x, y, width, height = annotation.box_xywh
    return min(x, y) < 0 or x + width > image.width or y + height > image.height


def _is_unusable(annotation: Annotation, image: ImageRecord) -> bool:
    rle = annotation.rle
    wrong_size = rle is not None and (rle.height, rle.width) != (image.height, image.width)
    short = any(len(polygon) < 6 or len(polygon) % 2 for polygon in annotation.polygons)
    twice = rle is not None and bool(annotation.polygons or annotation.points)
    return wrong_size or short or twice or min(annotation.box_xywh[2:]) <= 0
