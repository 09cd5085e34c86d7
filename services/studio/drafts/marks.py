"""Shapes as annotations of the index, and back without loss. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from truscore.datasets.formats.labelme.shapes import drawn_shape
from truscore.datasets.index.json_codec import index_from_json, index_to_json
from truscore.datasets.index.records import Annotation, DatasetIndex, ImageRecord

from services.studio.drafts.document import Document, Shape

TOLERANCE_PX = 1e-6


def record_to_json(record: ImageRecord) -> str:
    """The record without marks, as the index has it."""
    bare = replace(record, annotations=(), labels=None, scores=())
    return index_to_json(DatasetIndex(format="truscore", class_names=(), images=(bare,)))


def record_from_json(text: str) -> ImageRecord:
    """What record_to_json wrote."""
    return index_from_json(text).images[0]


def to_index(
    class_names: Sequence[str], grades: Sequence[float], images: Iterable[tuple[ImageRecord, Document]]
) -> DatasetIndex:
    """The draft as the index that everything is written from."""
    records = tuple(_with_marks(record, document) for record, document in images)
    return DatasetIndex(format="truscore", class_names=tuple(class_names), images=records, grades=tuple(grades))


def _with_marks(record: ImageRecord, document: Document) -> ImageRecord:
    return replace(
        record,
        annotations=tuple(annotation_of(shape) for shape in document.shapes.values()),
        labels=document.labels,
        scores=tuple(sorted(document.scores.items())),
    )


def annotation_of(shape: Shape) -> Annotation:
    if shape.fixed is not None:
        return _annotation_from_dict(shape.fixed)
    if shape.kind == "point":
        return drawn_shape("point", shape.points, shape.label, shape.id)
    polygons = () if shape.kind == "box" else (shape.points,)
    return Annotation(label=shape.label, box_xywh=_box_around(shape.points), polygons=polygons, source_id=shape.id)


def document_of(record: ImageRecord, *, labels: Mapping[int, int]) -> Document:
    """What an imported image says, its labels by the draft's numbers."""
    shapes = [_shape_of(mark, number, labels) for number, mark in enumerate(record.annotations, start=1)]
    return Document(
        shapes={shape.id: shape for shape in shapes},
        labels=None if record.labels is None else tuple(sorted(labels[label] for label in record.labels)),
        scores=dict(record.scores),
    )


def _shape_of(mark: Annotation, number: int, labels: Mapping[int, int]) -> Shape:
    mark, identity = replace(mark, label=labels[mark.label]), f"i{number}"
    x, y, width, height = mark.box_xywh
    corners = (x, y, x + width, y + height)
    if _is_point(mark):
        return Shape(id=identity, kind="point", label=mark.label, points=mark.points)
    if _is_plain(mark) and not mark.polygons:
        return Shape(id=identity, kind="box", label=mark.label, points=corners)
    if _is_plain(mark) and _same(_box_around(mark.polygons[0]), mark.box_xywh):
        kind = "quad" if len(mark.polygons[0]) == 8 else "polygon"
        return Shape(id=identity, kind=kind, label=mark.label, points=mark.polygons[0])
    return Shape(id=identity, kind="fixed", label=mark.label, points=corners, fixed=_annotation_to_dict(mark))


def _is_plain(mark: Annotation) -> bool:
    """Whether a tool here draws it. A box becomes two corners, whose difference is its size to a float's last digit."""
    return mark.rle is None and not mark.crowd and not mark.shape and len(mark.polygons) <= 1


def _is_point(mark: Annotation) -> bool:
    """Whether it is a point as the tool here draws it, in the box that such a one has."""
    if mark.shape != "point" or len(mark.points) != 2 or mark.polygons or mark.rle is not None or mark.crowd:
        return False
    return _same(drawn_shape("point", mark.points, mark.label, "").box_xywh, mark.box_xywh)


def _box_around(points: Sequence[float]) -> tuple[float, float, float, float]:
    xs, ys = points[::2], points[1::2]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _same(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(abs(a - b) <= TOLERANCE_PX for a, b in zip(one, other, strict=True))


_NO_IMAGE = ImageRecord(path="a", sha256="", size_bytes=0, width=1, height=1)


def _annotation_to_dict(mark: Annotation) -> dict[str, Any]:
    index = DatasetIndex(format="truscore", class_names=(), images=(replace(_NO_IMAGE, annotations=(mark,)),))
    data: dict[str, Any] = json.loads(index_to_json(index))["images"][0]["annotations"][0]
    return data


def _annotation_from_dict(data: Mapping[str, Any]) -> Annotation:
    index = json.loads(index_to_json(DatasetIndex(format="truscore", class_names=(), images=(_NO_IMAGE,))))
    index["images"][0]["annotations"] = [dict(data)]
    return index_from_json(json.dumps(index)).images[0].annotations[0]
