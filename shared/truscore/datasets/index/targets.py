"""What a dataset has for a task to learn from. The validator and the trainer share this notion; the catalog names which
of these a task needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from truscore.datasets.index.records import Annotation, ImageRecord

BOXES, MASKS, GRADE, SCORES, LABELS, LIGHTS = "boxes", "masks", "grade", "scores", "labels", "lights"
TARGETS: Mapping[str, str] = MappingProxyType(
    {
        BOXES: "boxes or outlines",
        MASKS: "masks or outlines",
        GRADE: "one grade for each image",
        SCORES: "scores of whole images",
        LABELS: "labels of whole images",
        LIGHTS: "views whose lights are known",
    }
)
MARKED = frozenset({BOXES, MASKS})  # on the image: nothing marked is an answer, too


def is_usable(image: ImageRecord, target: str) -> bool:
    """Whether the image may be trained on: it says what the task learns, be it that there is nothing on it."""
    if target in MARKED:
        return True
    return image.labels is not None if target == LABELS else has_target(image, target)


def has_target(image: ImageRecord, target: str) -> bool:
    """Whether the image has what the task learns, other than that there is nothing."""
    match target:
        case "boxes":
            return any(not mark.crowd and not mark.shape for mark in image.annotations)
        case "masks":
            return any(_is_outlined(mark) for mark in image.annotations)
        case "grade":
            return image.labels is not None and len(image.labels) == 1
        case "scores":
            return bool(image.scores)
        case "lights":
            return image.light is not None
    return bool(image.labels)


def in_words(targets: Collection[str]) -> str:
    return " or ".join(TARGETS[target] for target in targets)


def _is_outlined(mark: Annotation) -> bool:
    """Box alone is no mask of damage; a line or circle is drawn as one."""
    return bool(mark.polygons or mark.rle or mark.shape)
