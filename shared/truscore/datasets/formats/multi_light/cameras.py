"""Where calibrated cameras stood, out of `cameras.json` above the folders of their views.

    {"unit": "um", "lights": "camera",
     "views": {"FOLDER": {"K": [[f, 0, x], [0, f, y], [0, 0, 1]], "R": 3 rows of 3, "t": [x, y, z],
                          "size": [width, height], "depth_range": [nearest, farthest], "depth_zero": z,
                          "distortion": []}}}

R and t lead from the world to the camera (OpenCV's axes). `depth_zero` is the plane that depth.npy counts from, towards
the camera. "lights" is the frame of the lists of lights: each camera's own, or the world. Pictures are pinhole
cameras': a distortion other than zeros is refused, as nothing here undoes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from truscore.datasets.formats.multi_light.invalid_camera import InvalidCamera
from truscore.datasets.index.records import Camera
from truscore.datasets.strict_json import items_of, number_of, parse_json, text_of

FRAMES = ("camera", "world")
MOST_VIEWS = 1000
_ROUNDING = 1e-3  # by which the rows of a written rotation may miss length 1 and each other's right angles


def cameras_of_json(content: bytes, above: str, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Camera]:
    """Cameras by the name of the object that they took; ``above`` is the folder of the file, with "/" at the end.

    Raises InvalidCamera, and ValueError, TypeError and KeyError for what is no such file.
    """
    data = _mapping(parse_json(content), "the file")
    if data["unit"] != "um":
        raise InvalidCamera(f"unit {data['unit']!r:.40}; accepted is 'um', micrometres")
    frame = text_of(data["lights"])
    if frame not in FRAMES:
        raise InvalidCamera(f"lights in the frame {frame!r:.40}; accepted are {', '.join(map(repr, FRAMES))}")
    views = _mapping(data["views"], "views")
    if not 2 <= len(views) <= MOST_VIEWS:
        raise InvalidCamera(f"{len(views)} views; accepted are 2 to {MOST_VIEWS}")
    found: dict[str, Camera] = {}
    for name, view in views.items():
        lit_object = f"{above}{name}"
        if lit_object not in sizes:
            raise InvalidCamera(f"view {name!r:.80}: no folder of that name beside it has views and lights")
        found[lit_object] = camera_of(name, view, sizes[lit_object], scene=above.rstrip("/") or ".", frame=frame)
    left = sorted(each for each in sizes if above and each.startswith(above) and each not in found)
    if left:
        raise InvalidCamera(f"nothing is said of {left[0]!r:.80}; accepted is a camera for each folder of views")
    return found


def camera_of(name: str, view: Any, size: tuple[int, int], *, scene: str, frame: str) -> Camera:
    """The camera of a view that is called so."""
    try:
        return _camera(_mapping(view, "a view"), size, scene=scene, frame=frame)
    except (InvalidCamera, ValueError, TypeError, KeyError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise InvalidCamera(f"view {name!r:.80}: {reason}") from error


def _camera(view: Mapping[str, Any], size: tuple[int, int], *, scene: str, frame: str) -> Camera:
    intrinsics, rotation = _rows(view["K"], "K"), _rows(view["R"], "R")
    _check_intrinsics(intrinsics)
    _check_rotation(rotation)
    x, y, z = _list(view["t"], 3, "t")
    written = tuple(int(each) for each in _list(view["size"], 2, "size"))
    if written != size:
        raise InvalidCamera(f"size {written[0]} x {written[1]}; its pictures are {size[0]} x {size[1]}")
    nearest, farthest = _list(view["depth_range"], 2, "depth_range")
    if not 0 < nearest < farthest:
        raise InvalidCamera(f"depth_range {nearest:g}, {farthest:g}; accepted is 0 < nearest < farthest")
    if any(_numbers(items_of(view.get("distortion", [])), "distortion")):
        raise InvalidCamera("a distortion that is not 0; accepted are undistorted pictures of a pinhole camera")
    (zero,) = _numbers([view.get("depth_zero", (nearest + farthest) / 2)], "depth_zero")
    return Camera(
        scene=scene,
        intrinsics=intrinsics,
        rotation=rotation,
        translation=(x, y, z),
        nearest_um=nearest,
        farthest_um=farthest,
        zero_um=zero,
        lights=frame,
    )


def _check_intrinsics(intrinsics: tuple[float, ...]) -> None:
    across, _, _, below, down, _, *last = intrinsics
    if not (across > 0 and down > 0) or below or last != [0.0, 0.0, 1.0]:
        raise InvalidCamera(
            "K is no camera's; accepted are rows [f, s, x], [0, f, y], [0, 0, 1] with focal lengths above 0, in pixels"
        )


def _check_rotation(rotation: tuple[float, ...]) -> None:
    rows = [rotation[place : place + 3] for place in (0, 3, 6)]
    for at, first in enumerate(rows):
        for beside, second in enumerate(rows):
            if abs(sum(a * b for a, b in zip(first, second, strict=True)) - (at == beside)) > _ROUNDING:
                raise InvalidCamera("R is no rotation: its rows are not of length 1 at right angles")
    (a, b, c), (d, e, f), (g, h, i) = rows
    if a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) < 0:
        raise InvalidCamera("R mirrors the world; accepted is a rotation, whose determinant is 1: an axis is flipped")


def _rows(value: Any, what: str) -> tuple[float, ...]:
    rows = items_of(value)
    if len(rows) != 3:
        raise InvalidCamera(f"{what} has {len(rows)} rows; accepted are 3 rows of 3 numbers")
    return tuple(_each(rows, what))


def _each(rows: Iterable[Any], what: str) -> Iterator[float]:
    for row in rows:
        yield from _list(row, 3, f"a row of {what}")


def _list(value: Any, length: int, what: str) -> list[float]:
    values = _numbers(items_of(value), what)
    if len(values) != length:
        raise InvalidCamera(f"{what} has {len(values)} numbers; accepted are {length}")
    return values


def _numbers(values: Iterable[Any], what: str) -> list[float]:
    numbers = [number_of(value) for value in values]
    if not all(math.isfinite(value) and abs(value) < 1e12 for value in numbers):
        raise InvalidCamera(f"{what} has a number that is NaN, infinite or beyond 1e12")
    return numbers


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidCamera(f"{what} is a {type(value).__name__}; accepted is an object")
    return value
