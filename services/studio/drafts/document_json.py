"""Documents as JSON: in the database, and for the browser. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from services.studio.drafts.document import Document, Shape


def document_to_dict(document: Document) -> dict[str, Any]:
    return {
        "shapes": [_shape_to_dict(shape) for shape in document.shapes.values()],
        "labels": None if document.labels is None else list(document.labels),
        "scores": dict(document.scores),
        "review": document.review,
    }


def document_to_json(document: Document) -> str:
    return json.dumps(document_to_dict(document), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


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
