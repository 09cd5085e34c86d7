"""The index as canonical JSON: one text for one content, so that its digest names the dataset."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from truscore.datasets.index.records import (
    ORIENTATION_HASHES_DIGITS,
    RLE,
    Annotation,
    DatasetIndex,
    ImageRecord,
    Light,
    LitObject,
    MaskMap,
    NormalMap,
)

SCHEMA = 1
# Attribute by key of the JSON, whose keys never change.
_MASK_NUMBERS = {"width": "width", "height": "height", "marked_px": "marked_px"}
_NORMALS_NUMBERS = {"width": "width", "height": "height", "judged_px": "expected_px", "unit_px": "unit_px"}
_HASHES = re.compile(rf"[0-9a-f]{{{ORIENTATION_HASHES_DIGITS}}}")


class InvalidIndex(ValueError):
    """The text is not an index as we write it."""


def index_to_json(index: DatasetIndex) -> str:
    """Canonical JSON: images by path, keys sorted, no spaces, numbers as Python writes them."""
    images = sorted(index.images, key=lambda image: image.path)
    plain: dict[str, Any] = {
        "schema": SCHEMA,
        "format": index.format,
        "class_names": list(index.class_names),
        "images": [_image_to_plain(image) for image in images],
    }
    if index.grades:
        plain["grades"] = list(map(float, index.grades))
    if index.objects:
        plain["objects"] = [_object_to_plain(one) for one in sorted(index.objects, key=lambda one: one.name)]
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def index_from_json(text: str | bytes) -> DatasetIndex:
    """The index that index_to_json wrote. Raises InvalidIndex."""
    try:
        plain = json.loads(text)
        if plain["schema"] != SCHEMA:
            raise InvalidIndex(f"index has schema {plain['schema']!r}, accepted is {SCHEMA}")
        return DatasetIndex(
            format=str(plain["format"]),
            class_names=tuple(map(str, plain["class_names"])),
            images=tuple(_image_from_plain(image) for image in plain["images"]),
            grades=tuple(map(float, plain.get("grades", ()))),
            objects=tuple(map(_object_from_plain, plain.get("objects", ()))),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        raise InvalidIndex(f"not a dataset index: {type(error).__name__}: {error}") from error


def index_digest(index: DatasetIndex) -> str:
    """SHA-256 of the canonical JSON, hexadecimal: equal content, equal digest. Costs a serialisation."""
    return hashlib.sha256(index_to_json(index).encode()).hexdigest()


def _image_to_plain(image: ImageRecord) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "path": image.path,
        "sha256": image.sha256,
        "size_bytes": image.size_bytes,
        "width": image.width,
        "height": image.height,
        "orientation": image.orientation,
        "mode": image.mode,
        "file_format": image.file_format,
        "perceptual_hash": image.perceptual_hash,
        "group": image.group,
        "annotations": [_annotation_to_plain(annotation) for annotation in image.annotations],
    }
    # Keys of later releases are written only where they say something: older digests stay what they were.
    if image.labels is not None:
        plain["labels"] = list(image.labels)
    if image.orientation_hashes:
        plain["picture_print"] = image.orientation_hashes
    if image.scores:
        plain["scores"] = [[name, float(value)] for name, value in image.scores]
    if image.light is not None:
        plain["light"] = _light_to_plain(image.light)
    return plain


def _annotation_to_plain(annotation: Annotation) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "label": annotation.label,
        "box": list(map(float, annotation.box_xywh)),
        "source_id": annotation.source_id,
    }
    if annotation.polygons:
        plain["polygons"] = [list(map(float, polygon)) for polygon in annotation.polygons]
    if annotation.rle is not None:
        plain["rle"] = {"size": [annotation.rle.height, annotation.rle.width], "counts": list(annotation.rle.counts)}
    if annotation.crowd:
        plain["crowd"] = True
    if annotation.shape:
        plain["shape"] = annotation.shape
    if annotation.points:
        plain["points"] = list(map(float, annotation.points))
    return plain


def _image_from_plain(plain: dict[str, Any]) -> ImageRecord:
    return ImageRecord(
        path=str(plain["path"]),
        sha256=str(plain["sha256"]),
        size_bytes=int(plain["size_bytes"]),
        width=int(plain["width"]),
        height=int(plain["height"]),
        orientation=int(plain["orientation"]),
        mode=str(plain["mode"]),
        file_format=str(plain["file_format"]),
        perceptual_hash=str(plain["perceptual_hash"]),
        orientation_hashes=_hashes_from_plain(plain.get("picture_print", "")),
        group=str(plain["group"]),
        annotations=tuple(_annotation_from_plain(annotation) for annotation in plain["annotations"]),
        labels=None if plain.get("labels") is None else tuple(map(int, plain["labels"])),
        scores=tuple((str(name), float(value)) for name, value in plain.get("scores", ())),
        light=None if plain.get("light") is None else _light_from_plain(plain["light"]),
    )


def _hashes_from_plain(text: Any) -> str:
    if text and not (isinstance(text, str) and _HASHES.fullmatch(text)):
        raise ValueError(f"picture_print is {text!r:.80}, expected {ORIENTATION_HASHES_DIGITS} hexadecimal digits")
    return str(text)


def _annotation_from_plain(plain: dict[str, Any]) -> Annotation:
    x, y, width, height = map(float, plain["box"])
    rle = plain.get("rle")
    return Annotation(
        label=int(plain["label"]),
        box_xywh=(x, y, width, height),
        polygons=tuple(tuple(map(float, polygon)) for polygon in plain.get("polygons", ())),
        rle=None if rle is None else _rle_from_plain(rle),
        crowd=bool(plain.get("crowd", False)),
        source_id=str(plain["source_id"]),
        shape=str(plain.get("shape", "")),
        points=tuple(map(float, plain.get("points", ()))),
    )


def _rle_from_plain(plain: dict[str, Any]) -> RLE:
    height, width = map(int, plain["size"])
    return RLE(height=height, width=width, counts=tuple(map(int, plain["counts"])))


def _light_to_plain(light: Light) -> dict[str, Any]:
    plain: dict[str, Any] = {"object": light.object}
    if light.direction is not None:
        plain["direction"] = list(map(float, light.direction))
    if light.intensity_rgb is not None:
        plain["intensity_rgb"] = list(map(float, light.intensity_rgb))
    if light.name:
        plain["name"] = light.name
    return plain


def _light_from_plain(plain: Mapping[str, Any]) -> Light:
    return Light(
        object=str(plain["object"]),
        direction=_triple(plain.get("direction")),
        intensity_rgb=_triple(plain.get("intensity_rgb")),
        name=str(plain.get("name", "")),
    )


def _object_to_plain(lit_object: LitObject) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": lit_object.name}
    if lit_object.mask is not None:
        plain["mask"] = _map_to_plain(lit_object.mask, _MASK_NUMBERS)
    if lit_object.normals is not None:
        plain["normals"] = _map_to_plain(lit_object.normals, _NORMALS_NUMBERS)
    return plain


def _object_from_plain(plain: Mapping[str, Any]) -> LitObject:
    mask, normals = plain.get("mask"), plain.get("normals")
    return LitObject(
        name=str(plain["name"]),
        mask=None if mask is None else MaskMap(**_map_from_plain(mask, _MASK_NUMBERS)),
        normals=None if normals is None else NormalMap(**_map_from_plain(normals, _NORMALS_NUMBERS)),
    )


def _map_to_plain(picture: MaskMap | NormalMap, numbers: Mapping[str, str]) -> dict[str, Any]:
    named = {key: getattr(picture, name) for key, name in numbers.items()}
    return {"path": picture.path, "sha256": picture.sha256} | named


def _map_from_plain(plain: Mapping[str, Any], numbers: Mapping[str, str]) -> dict[str, Any]:
    return {key: str(plain[key]) for key in ("path", "sha256")} | {
        name: int(plain[key]) for key, name in numbers.items()
    }


def _triple(values: Any) -> tuple[float, float, float] | None:
    if values is None:
        return None
    first, second, third = map(float, values)
    return first, second, third
