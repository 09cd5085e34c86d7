"""The index as canonical JSON: one text for one content, so that its digest names the dataset."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from truscore.datasets.folder_words import PARTS
from truscore.datasets.index.in_order import by_path
from truscore.datasets.index.records import (
    ORIENTATION_HASHES_DIGITS,
    RLE,
    Annotation,
    Camera,
    DatasetIndex,
    DepthMap,
    ImageRecord,
    Light,
    LitObject,
    MaskMap,
    NormalMap,
    ReflectanceMap,
)
from truscore.datasets.index.response import LEAST_GAMMA, MOST_GAMMA, RESPONSES, Response
from truscore.datasets.strict_json import flag_of, items_of, number_of, parse_json, text_of, whole_of

SCHEMA = 1
# Attribute by key of the JSON, whose keys never change.
_MASK_NUMBERS = {"width": "width", "height": "height", "marked_px": "marked_px"}
_NORMALS_NUMBERS = {"width": "width", "height": "height", "judged_px": "expected_px", "unit_px": "unit_px"}
_DEPTH_NUMBERS = {"width": "width", "height": "height", "expected_px": "expected_px", "known_px": "known_px"}
_REFLECTANCE = ("albedo", "roughness", "f0")
_REFLECTANCE_NUMBERS = {key: key for key in ("width", "height", "expected_px", "possible_px")}
_CAMERA_LENGTHS = ("nearest_um", "farthest_um", "zero_um")
_HASHES = re.compile(rf"[0-9a-f]{{{ORIENTATION_HASHES_DIGITS}}}")


class InvalidIndex(ValueError):
    """The text is not an index as we write it."""


def index_to_json(index: DatasetIndex) -> str:
    """Canonical JSON: images by path, keys sorted, no spaces, numbers as Python writes them."""
    return "".join(_parts(index))


def write_index(index: DatasetIndex, file: TextIO) -> str:
    """Write what index_to_json gives, an image at a time; returns index_digest."""
    digest = hashlib.sha256()
    for part in _parts(index):
        file.write(part)
        digest.update(part.encode())
    return digest.hexdigest()


def _parts(index: DatasetIndex) -> Iterator[str]:
    yield f'{{"class_names":{_text(list(index.class_names))},"format":{_text(index.format)}'
    if index.grades:
        yield f',"grades":{_text(list(map(float, index.grades)))}'
    yield ',"images":['
    for place, image in enumerate(by_path(index.images)):
        yield f"{',' if place else ''}{_text(_image_to_dict(image))}"
    yield "]"
    if index.objects:
        yield f',"objects":{_text([_object_to_dict(one) for one in sorted(index.objects, key=lambda one: one.name)])}'
    yield f',"schema":{SCHEMA}}}'


def _text(data: object) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def index_from_json(text: str | bytes) -> DatasetIndex:
    """The index that index_to_json wrote. Raises InvalidIndex."""
    try:
        data = parse_json(text)
        if data["schema"] != SCHEMA:
            raise InvalidIndex(f"index has schema {data['schema']!r}, accepted is {SCHEMA}")
        return DatasetIndex(
            format=text_of(data["format"]),
            class_names=tuple(map(text_of, items_of(data["class_names"]))),
            images=tuple(_image_from_dict(image) for image in items_of(data["images"])),
            grades=tuple(map(number_of, items_of(data.get("grades", [])))),
            objects=tuple(map(_object_from_dict, items_of(data.get("objects", [])))),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        raise InvalidIndex(f"not a dataset index: {type(error).__name__}: {error}") from error


def index_digest(index: DatasetIndex) -> str:
    """SHA-256 of the canonical JSON, hexadecimal: equal content, equal digest. Costs a serialisation."""
    digest = hashlib.sha256()
    for part in _parts(index):
        digest.update(part.encode())
    return digest.hexdigest()


def _image_to_dict(image: ImageRecord) -> dict[str, Any]:
    data: dict[str, Any] = {
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
        "annotations": [_annotation_to_dict(annotation) for annotation in image.annotations],
    }
    # Keys of later releases are written only where they say something: older digests stay what they were.
    if image.labels is not None:
        data["labels"] = list(image.labels)
    if image.orientation_hashes:
        data["picture_print"] = image.orientation_hashes
    if image.scores:
        data["scores"] = [[name, float(value)] for name, value in image.scores]
    if image.light is not None:
        data["light"] = _light_to_dict(image.light)
    if image.part:
        data["part"] = image.part
    if image.written_grade:
        data["written_grade"] = image.written_grade
    return data


def _annotation_to_dict(annotation: Annotation) -> dict[str, Any]:
    data: dict[str, Any] = {
        "label": annotation.label,
        "box": list(map(float, annotation.box_xywh)),
        "source_id": annotation.source_id,
    }
    if annotation.polygons:
        data["polygons"] = [list(map(float, polygon)) for polygon in annotation.polygons]
    if annotation.rle is not None:
        data["rle"] = {"size": [annotation.rle.height, annotation.rle.width], "counts": list(annotation.rle.counts)}
    if annotation.crowd:
        data["crowd"] = True
    if annotation.shape:
        data["shape"] = annotation.shape
    if annotation.points:
        data["points"] = list(map(float, annotation.points))
    return data


def _image_from_dict(data: dict[str, Any]) -> ImageRecord:
    return ImageRecord(
        path=text_of(data["path"]),
        sha256=text_of(data["sha256"]),
        size_bytes=whole_of(data["size_bytes"]),
        width=whole_of(data["width"]),
        height=whole_of(data["height"]),
        orientation=whole_of(data["orientation"]),
        mode=text_of(data["mode"]),
        file_format=text_of(data["file_format"]),
        perceptual_hash=text_of(data["perceptual_hash"]),
        orientation_hashes=_hashes_from_data(data.get("picture_print", "")),
        group=text_of(data["group"]),
        annotations=tuple(_annotation_from_dict(annotation) for annotation in items_of(data["annotations"])),
        labels=None if data.get("labels") is None else tuple(map(whole_of, items_of(data["labels"]))),
        scores=tuple((text_of(name), number_of(value)) for name, value in items_of(data.get("scores", []))),
        light=None if data.get("light") is None else _light_from_dict(data["light"]),
        part=_part_from_data(data.get("part", "")),
        written_grade=text_of(data.get("written_grade", "")),
    )


def _hashes_from_data(text: Any) -> str:
    if text and not (isinstance(text, str) and _HASHES.fullmatch(text)):
        raise ValueError(f"picture_print is {text!r:.80}, expected {ORIENTATION_HASHES_DIGITS} hexadecimal digits")
    return str(text)


def _part_from_data(text: Any) -> str:
    if text not in ("", *PARTS):
        raise ValueError(f"part is {text!r:.80}, expected one of {', '.join(PARTS)}")
    return str(text)


def _annotation_from_dict(data: dict[str, Any]) -> Annotation:
    x, y, width, height = map(number_of, items_of(data["box"]))
    rle = data.get("rle")
    return Annotation(
        label=whole_of(data["label"]),
        box_xywh=(x, y, width, height),
        polygons=tuple(_numbers(polygon) for polygon in items_of(data.get("polygons", []))),
        rle=None if rle is None else _rle_from_dict(rle),
        crowd=flag_of(data.get("crowd", False)),
        source_id=text_of(data["source_id"]),
        shape=text_of(data.get("shape", "")),
        points=_numbers(data.get("points", [])),
    )


def _rle_from_dict(data: dict[str, Any]) -> RLE:
    height, width = map(whole_of, items_of(data["size"]))
    return RLE(height=height, width=width, counts=tuple(map(whole_of, items_of(data["counts"]))))


def _light_to_dict(light: Light) -> dict[str, Any]:
    data: dict[str, Any] = {"object": light.object}
    if light.direction is not None:
        data["direction"] = list(map(float, light.direction))
    if light.intensity_rgb is not None:
        data["intensity_rgb"] = list(map(float, light.intensity_rgb))
    if light.name:
        data["name"] = light.name
    return data


def _light_from_dict(data: Mapping[str, Any]) -> Light:
    return Light(
        object=text_of(data["object"]),
        direction=_triple(data.get("direction")),
        intensity_rgb=_triple(data.get("intensity_rgb")),
        name=text_of(data.get("name", "")),
    )


def _object_to_dict(lit_object: LitObject) -> dict[str, Any]:
    data: dict[str, Any] = {"name": lit_object.name}
    if lit_object.mask is not None:
        data["mask"] = _map_to_dict(lit_object.mask, _MASK_NUMBERS)
    if lit_object.normals is not None:
        data["normals"] = _map_to_dict(lit_object.normals, _NORMALS_NUMBERS)
    if lit_object.depth is not None:
        data["depth"] = _map_to_dict(lit_object.depth, _DEPTH_NUMBERS) | {"pitch_um": lit_object.depth.pitch_um}
    for key in _REFLECTANCE:
        if (found := getattr(lit_object, key)) is not None:
            data[key] = _map_to_dict(found, _REFLECTANCE_NUMBERS)
    if lit_object.camera is not None:
        data["camera"] = _camera_to_dict(lit_object.camera)
    if lit_object.response is not None:
        data["response"] = {"kind": lit_object.response.kind, "gamma": float(lit_object.response.gamma)}
    return data


def _object_from_dict(data: Mapping[str, Any]) -> LitObject:
    mask, normals, depth = data.get("mask"), data.get("normals"), data.get("depth")
    return LitObject(
        name=text_of(data["name"]),
        mask=None if mask is None else MaskMap(**_map_from_dict(mask, _MASK_NUMBERS)),
        normals=None if normals is None else NormalMap(**_map_from_dict(normals, _NORMALS_NUMBERS)),
        depth=None if depth is None else _depth_from_dict(depth),
        **{
            key: ReflectanceMap(**_map_from_dict(data[key], _REFLECTANCE_NUMBERS))
            for key in _REFLECTANCE
            if data.get(key) is not None
        },
        camera=None if data.get("camera") is None else _camera_from_dict(data["camera"]),
        response=None if data.get("response") is None else _response_from_dict(data["response"]),
    )


def _response_from_dict(data: Mapping[str, Any]) -> Response:
    kind, gamma = text_of(data["kind"]), number_of(data["gamma"])
    if kind not in RESPONSES or not LEAST_GAMMA <= gamma <= MOST_GAMMA:
        raise ValueError(f"response {kind!r}, gamma {gamma:g}; accepted are {', '.join(RESPONSES)}")
    return Response(kind=kind, gamma=gamma)


def _camera_to_dict(camera: Camera) -> dict[str, Any]:
    return {
        "scene": camera.scene,
        "K": list(map(float, camera.intrinsics)),
        "R": list(map(float, camera.rotation)),
        "t": list(map(float, camera.translation)),
        **{key: float(getattr(camera, key)) for key in _CAMERA_LENGTHS},
        "lights": camera.lights,
    }


def _camera_from_dict(data: Mapping[str, Any]) -> Camera:
    intrinsics, rotation = _numbers(data["K"]), _numbers(data["R"])
    if len(intrinsics) != 9 or len(rotation) != 9:
        raise ValueError(f"K and R have {len(intrinsics)} and {len(rotation)} numbers, expected nine each")
    x, y, z = _numbers(data["t"])
    return Camera(
        scene=text_of(data["scene"]),
        intrinsics=intrinsics,
        rotation=rotation,
        translation=(x, y, z),
        **{key: number_of(data[key]) for key in _CAMERA_LENGTHS},
        lights=text_of(data["lights"]),
    )


def _depth_from_dict(data: Mapping[str, Any]) -> DepthMap:
    return DepthMap(**_map_from_dict(data, _DEPTH_NUMBERS), pitch_um=number_of(data["pitch_um"]))


def _map_to_dict(
    picture: MaskMap | NormalMap | DepthMap | ReflectanceMap, numbers: Mapping[str, str]
) -> dict[str, Any]:
    named = {key: getattr(picture, name) for key, name in numbers.items()}
    return {"path": picture.path, "sha256": picture.sha256} | named


def _map_from_dict(data: Mapping[str, Any], numbers: Mapping[str, str]) -> dict[str, Any]:
    return {key: text_of(data[key]) for key in ("path", "sha256")} | {
        name: whole_of(data[key]) for key, name in numbers.items()
    }


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(map(number_of, items_of(values)))


def _triple(values: Any) -> tuple[float, float, float] | None:
    if values is None:
        return None
    first, second, third = map(number_of, items_of(values))
    return first, second, third
