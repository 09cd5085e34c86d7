"""What is marked on one image, and the operations that change it. Pure.

Operations are by shape id and set it as a whole: of two people who change one shape the later is kept, and changes of
different shapes never meet. That is what makes replaying one's own edits on those of others (rebasing) right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

MOST_OPERATIONS: Final = 1000
MOST_SHAPES: Final = 20_000
MOST_POINTS: Final = 20_000
MOST_ID_CHARS: Final = 64
REVIEWS: Final = ("open", "done", "reviewed", "disputed")
# "fixed" is what an import brought and no tool here draws (run-length masks, circles): it can be removed, and is kept
# exactly.
CORNERS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {"box": (2, 2), "quad": (4, 4), "polygon": (3, MOST_POINTS), "point": (1, 1), "fixed": (2, 2)}
)


class InvalidOperations(ValueError):
    """The message names the operation, its value and what is accepted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """`points` are x0, y0, x1, y1, ... in pixels of the upright image; of a box two opposite corners. `fixed`: an
    annotation of the index as its JSON has it."""

    id: str
    kind: str
    label: int  # from 1: class_names[label - 1]
    points: tuple[float, ...]
    fixed: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """All that is said of one image. `labels`: None where the image as a whole has not been looked at."""

    shapes: Mapping[str, Shape] = field(default_factory=lambda: MappingProxyType({}))
    labels: tuple[int, ...] | None = None
    scores: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    review: str = "open"

    @property
    def is_annotated(self) -> bool:
        return bool(self.shapes or self.scores) or self.labels is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """What operations on an image are held to."""

    width: int
    height: int
    classes: int


def apply(document: Document, operations: Sequence[Mapping[str, Any]], *, frame: Frame) -> Document:
    """The document after the operations, in order. Raises InvalidOperations, and then none of them counts."""
    if not 0 < len(operations) <= MOST_OPERATIONS:
        raise InvalidOperations(f"{len(operations)} operations: accepted are 1 to {MOST_OPERATIONS}")
    for operation in operations:
        if not isinstance(operation, Mapping):
            raise InvalidOperations(f"an operation is {operation!r:.60}; accepted: an object")
        document = _applied(document, operation, frame)
    return document


def _applied(document: Document, operation: Mapping[str, Any], frame: Frame) -> Document:
    match operation.get("op"):
        case "put":
            shape = shape_from(operation.get("shape"), frame)
            if shape.id not in document.shapes and len(document.shapes) >= MOST_SHAPES:
                raise InvalidOperations(f"an image takes at most {MOST_SHAPES} shapes")
            before = document.shapes.get(shape.id)
            if shape.kind == "fixed":
                if before is None or before.fixed is None:
                    raise InvalidOperations("a shape of kind 'fixed' is not drawn: imports bring it")
                # Of an imported shape only the class is changed here.
                shape = replace(before, label=shape.label, fixed={**before.fixed, "label": shape.label})
            return replace(document, shapes={**document.shapes, shape.id: shape})
        case "delete":
            gone = operation.get("id")
            return replace(document, shapes={key: each for key, each in document.shapes.items() if key != gone})
        case "labels":
            return replace(document, labels=_labels(operation.get("labels"), frame))
        case "score":
            return replace(document, scores=_scores(document.scores, operation))
        case "review":
            if operation.get("state") not in REVIEWS:
                raise InvalidOperations(f"review {operation.get('state')!r:.60}; accepted: {', '.join(REVIEWS)}")
            return replace(document, review=str(operation["state"]))
    raise InvalidOperations(f"op {operation.get('op')!r:.60}; accepted: put, delete, labels, score, review")


def shape_from(data: Any, frame: Frame) -> Shape:
    """A shape as the browser sends it. Raises InvalidOperations."""
    if not isinstance(data, Mapping):
        raise InvalidOperations(f"a shape is {data!r:.60}; accepted: an object")
    identity, kind = data.get("id"), data.get("kind")
    if not isinstance(identity, str) or not 0 < len(identity) <= MOST_ID_CHARS or not identity.isascii():
        raise InvalidOperations(f"shape id {identity!r:.80}; accepted: 1 to {MOST_ID_CHARS} ASCII characters")
    if kind not in CORNERS:
        raise InvalidOperations(f"shape kind {kind!r:.60}; accepted: {', '.join(CORNERS)}")
    return Shape(
        id=identity,
        kind=str(kind),
        label=_label(data.get("label"), frame),
        points=_points(data.get("points"), str(kind), frame),
    )


def _label(value: Any, frame: Frame) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= frame.classes:
        raise InvalidOperations(f"label {value!r:.60}; accepted: a whole number from 1 to {frame.classes}")
    return value


def _points(value: Any, kind: str, frame: Frame) -> tuple[float, ...]:
    least, most = CORNERS[kind]
    if not isinstance(value, Sequence) or len(value) % 2 or not least <= len(value) // 2 <= most:
        raise InvalidOperations(f"points of a {kind}: accepted are {least} to {most} pairs of numbers")
    limits = (frame.width, frame.height)
    for index, number in enumerate(value):
        side = limits[index % 2]
        finite = isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
        if not finite or not -side <= number <= 2 * side:
            raise InvalidOperations(f"coordinate {number!r:.60}; accepted: numbers within the image, of {side} pixels")
    return tuple(float(number) for number in value)


def _labels(value: Any, frame: Frame) -> tuple[int, ...] | None:
    if value is None:
        return None
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > frame.classes:
        raise InvalidOperations(f"labels {value!r:.60}; accepted: null, or a list of class numbers")
    return tuple(sorted({_label(each, frame) for each in value}))


def _scores(scores: Mapping[str, float], operation: Mapping[str, Any]) -> Mapping[str, float]:
    name, value = operation.get("name"), operation.get("value")
    if not isinstance(name, str) or not 0 < len(name) <= 100 or not name.isprintable():
        raise InvalidOperations(f"score {name!r:.80}; accepted: a name of 1 to 100 printable characters")
    rest = {key: each for key, each in scores.items() if key != name}
    if value is None:
        return rest
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidOperations(f"score {name!r} is {value!r:.60}; accepted: a number, or null for none")
    return {**rest, name: float(value)}
