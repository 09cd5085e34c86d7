"""What a dataset has for a task to learn from. The validator and the trainer share this notion; the catalog names which
of these a task needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from truscore.datasets.index.records import Annotation, ImageRecord, LitObject

BOXES, MASKS, GRADE, SCORES, LABELS, LIGHTS = "boxes", "masks", "grade", "scores", "labels", "lights"
NORMALS, DEPTH = "normals", "depth"
TARGETS: Mapping[str, str] = MappingProxyType(
    {
        BOXES: "boxes or outlines",
        MASKS: "masks or outlines",
        GRADE: "one grade for each image",
        SCORES: "scores of whole images",
        LABELS: "labels of whole images",
        LIGHTS: "views whose lights are known",
        NORMALS: "views of objects whose normals are known",
        DEPTH: "views of objects whose depth is known",
    }
)
MARKED = frozenset({BOXES, MASKS})  # on the image: nothing marked is an answer, too


def is_usable(image: ImageRecord, target: str, *, objects: Collection[LitObject] = ()) -> bool:
    """Whether the image may be trained on: it says what the task learns, be it that there is nothing on it."""
    if target in MARKED:
        return True
    return image.labels is not None if target == LABELS else has_target(image, target, objects=objects)


def has_target(image: ImageRecord, target: str, *, objects: Collection[LitObject] = ()) -> bool:
    """Whether the image has what the task learns, other than that there is nothing. `objects` are those of the index,
    which know normals and depth."""
    match target:
        case "boxes" | "masks":
            return any(_is_outlined(mark) if target == MASKS else _is_boxed(mark) for mark in image.annotations)
        case "grade":
            return image.labels is not None and len(image.labels) == 1
        case "scores":
            return bool(image.scores)
        case "lights":
            return image.light is not None
        case "normals" | "depth":
            return _has_map(image, target, objects)
    return bool(image.labels)


def _has_map(image: ImageRecord, name_of_map: str, objects: Collection[LitObject]) -> bool:
    name = image.light.object if image.light is not None else None
    return any(one.name == name and getattr(one, name_of_map) is not None for one in objects)


def in_words(targets: Collection[str]) -> str:
    return " or ".join(TARGETS[target] for target in targets)


def _is_boxed(mark: Annotation) -> bool:
    return not mark.crowd and not mark.shape


def _is_outlined(mark: Annotation) -> bool:
    """Box alone is no mask of damage; a line or circle is drawn as one."""
    return bool(mark.polygons or mark.rle or mark.shape)
