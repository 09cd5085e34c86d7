"""Documents as JSON: in the database, and for the browser. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from services.studio.drafts.document import Document, Shape

# Of shapes by their ids, as JSON.
KnownTexts = dict[str, tuple[Shape, str]]


def document_to_dict(document: Document) -> dict[str, Any]:
    return {
        "shapes": [_shape_to_dict(shape) for shape in document.shapes.values()],
        "labels": None if document.labels is None else list(document.labels),
        "scores": dict(document.scores),
        "review": document.review,
    }


def document_to_json(document: Document, known: KnownTexts | None = None) -> str:
    """With `known`, shapes that were written before are not written again: of 500 outlines one has changed."""
    known = {} if known is None else known
    texts = [_shape_to_json(shape, known) for shape in document.shapes.values()]
    for gone in known.keys() - document.shapes.keys():
        del known[gone]
    rest = {"labels": document.labels, "scores": dict(document.scores), "review": document.review}
    return f'{{"shapes":[{",".join(texts)}],{_dumps(rest)[1:]}'


def _shape_to_json(shape: Shape, known: KnownTexts) -> str:
    before = known.get(shape.id)
    if before is None or before[0] is not shape:
        before = known[shape.id] = (shape, _dumps(_shape_to_dict(shape)))
    return before[1]


def _dumps(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def document_from_json(text: str) -> Document:
    """What document_to_json wrote."""
    data = json.loads(text)
    shapes = [_shape_from_dict(each) for each in data["shapes"]]
    return Document(
        shapes={shape.id: shape for shape in shapes},
        labels=None if data["labels"] is None else tuple(data["labels"]),
        scores=data["scores"],
        review=data["review"],
    )


def _shape_to_dict(shape: Shape) -> dict[str, Any]:
    data = {"id": shape.id, "kind": shape.kind, "label": shape.label, "points": list(shape.points)}
    return data if shape.fixed is None else {**data, "fixed": dict(shape.fixed)}


def _shape_from_dict(data: Mapping[str, Any]) -> Shape:
    return Shape(
        id=data["id"],
        kind=data["kind"],
        label=data["label"],
        points=tuple(data["points"]),
        fixed=data.get("fixed"),
    )
