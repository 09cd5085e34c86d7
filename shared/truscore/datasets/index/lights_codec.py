"""Lights and the objects under them as plain values for the index's JSON. What is not known is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from truscore.datasets.index.records import Light, LitObject, MaskMap, NormalMap

_MASK_NUMBERS = ("width", "height", "marked_px")
_NORMALS_NUMBERS = ("width", "height", "judged_px", "unit_px")


def light_to_plain(light: Light) -> dict[str, Any]:
    plain: dict[str, Any] = {"object": light.object}
    if light.direction is not None:
        plain["direction"] = list(map(float, light.direction))
    if light.intensity_rgb is not None:
        plain["intensity_rgb"] = list(map(float, light.intensity_rgb))
    if light.name:
        plain["name"] = light.name
    return plain


def light_from_plain(plain: Mapping[str, Any]) -> Light:
    """Raises KeyError, TypeError or ValueError where it is no light."""
    return Light(
        object=str(plain["object"]),
        direction=_triple(plain.get("direction")),
        intensity_rgb=_triple(plain.get("intensity_rgb")),
        name=str(plain.get("name", "")),
    )


def object_to_plain(thing: LitObject) -> dict[str, Any]:
    maps = {"mask": thing.mask, "normals": thing.normals}
    return {"name": thing.name} | {key: asdict(found) for key, found in maps.items() if found is not None}


def object_from_plain(plain: Mapping[str, Any]) -> LitObject:
    """Raises KeyError, TypeError or ValueError where it is no object."""
    mask, normals = plain.get("mask"), plain.get("normals")
    return LitObject(
        name=str(plain["name"]),
        mask=None if mask is None else MaskMap(**_map_from_plain(mask, _MASK_NUMBERS)),
        normals=None if normals is None else NormalMap(**_map_from_plain(normals, _NORMALS_NUMBERS)),
    )


def _map_from_plain(plain: Mapping[str, Any], numbers: tuple[str, ...]) -> dict[str, Any]:
    return {key: str(plain[key]) for key in ("path", "sha256")} | {key: int(plain[key]) for key in numbers}


def _triple(values: Any) -> tuple[float, float, float] | None:
    if values is None:
        return None
    first, second, third = map(float, values)
    return first, second, third
