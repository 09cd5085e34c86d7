"""What a dataset has for a task to learn from. The validator and the trainer share this notion; the catalog names which
of these a task needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from truscore.datasets.index.records import Annotation, ImageRecord, LitObject

BOXES, MASKS, GRADE, SCORES, LABELS, LIGHTS = "boxes", "masks", "grade", "scores", "labels", "lights"
NORMALS, DEPTH, REFLECTANCE, MULTI_VIEW = "normals", "depth", "reflectance", "multi_view"
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
        REFLECTANCE: "views of objects whose normals, albedo, roughness and F0 are known",
        MULTI_VIEW: "views of one thing from several cameras (cameras.json) whose depth is known",
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
    which know what a view shows."""
    match target:
        case "boxes" | "masks":
            return any(_is_outlined(mark) if target == MASKS else _is_boxed(mark) for mark in image.annotations)
        case "grade":
            return image.labels is not None and len(image.labels) == 1
        case "scores":
            return bool(image.scores)
        case "lights":
            return image.light is not None
        case "normals" | "depth" | "reflectance" | "multi_view":
            return any(_is_known(one, target, objects) for one in _seen(image, objects))
    return bool(image.labels)


def _is_known(one: LitObject, target: str, objects: Collection[LitObject]) -> bool:
    if target == MULTI_VIEW:
        return one.depth is not None and any(one.name in names for names in scenes_in(objects).values())
    maps = ("normals", "albedo", "roughness", "f0") if target == REFLECTANCE else (target,)
    return all(getattr(one, name) is not None for name in maps)


def _seen(image: ImageRecord, objects: Collection[LitObject]) -> list[LitObject]:
    """The object that the image is a view of, if any."""
    name = image.light.object if image.light is not None else None
    return [one for one in objects if one.name == name]


def scenes_in(objects: Collection[LitObject]) -> dict[str, tuple[str, ...]]:
    """Names of objects by the scene that two or more of them are views of."""
    found: dict[str, list[str]] = {}
    for one in objects:
        if one.camera is not None:
            found.setdefault(one.camera.scene, []).append(one.name)
    return {scene: tuple(sorted(names)) for scene, names in sorted(found.items()) if len(names) > 1}


def in_words(targets: Collection[str]) -> str:
    return " or ".join(TARGETS[target] for target in targets)


def _is_boxed(mark: Annotation) -> bool:
    return not mark.crowd and not mark.shape


def _is_outlined(mark: Annotation) -> bool:
    """Box alone is no mask of damage; a line or circle is drawn as one."""
    return bool(mark.polygons or mark.rle or mark.shape)
