"""Which file says where cameras stood: `cameras.json`, or another layout's files in its place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from truscore.datasets.formats.multi_light.cameras import MOST_VIEWS, camera_of, cameras_of_json
from truscore.datasets.formats.multi_light.invalid_camera import InvalidCamera
from truscore.datasets.formats.multi_light.published_cameras import (
    CALIBRATION,
    CAMERA_END,
    CAMERA_FOLDER,
    MICROMETRES,
    PAIRS,
    Box,
    Scene,
    check_pairs,
    mvsnet_views,
    toolbox_views,
)
from truscore.datasets.images.decode import UnreadableImage
from truscore.datasets.index.class_order import natural_key
from truscore.datasets.index.records import Camera
from truscore.datasets.paths import name_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.folder import Folder
from truscore.files import read_at_most

CAMERAS = "cameras.json"
_MOST_BYTES = 1_000_000
_CODE = "label.cameras_unreadable"


def read_cameras(
    context: ReaderContext, sizes: Mapping[str, tuple[int, int]], boxes: Mapping[str, Box]
) -> tuple[dict[str, Camera], frozenset[str]]:
    """Cameras by the name of the object that they took, and the files read; what is none is reported.

    `sizes` are the (width, height) of each object's views, `boxes` what its mask marks.
    """
    found: dict[str, Camera] = {}
    files: set[str] = set()
    for above, path in _sources(context.folder):
        files.add(path)
        try:
            if name_of(path).lower() == CAMERAS:
                found |= cameras_of_json(_content(context.folder, path), above, sizes)
            else:
                found |= _published(context, above, path, _scene(context, above, sizes, boxes), files)
        except (InvalidCamera, ValueError, TypeError, KeyError, OverflowError, OSError, UnreadableImage) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            context.log.add(_CODE, f"{reason:.300}", path)
    return found, frozenset(files)


def _sources(folder: Folder) -> Iterator[tuple[str, str]]:
    """One file for each folder above views that says where their cameras stood, ours before others'."""
    by_place: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for path in folder.with_suffix(".json", ".mat", ".txt"):
        name, above = name_of(path).lower(), path[: -len(name_of(path))]
        if name == CAMERAS:
            by_place[above].append((0, path))
        elif name == CALIBRATION:
            by_place[above].append((1, path))
        elif name.endswith(CAMERA_END) and name_of(above[:-1]).lower() == CAMERA_FOLDER:
            by_place[above[: -len(CAMERA_FOLDER) - 1]].append((2, path))
    for above, paths in sorted(by_place.items()):
        yield above, min(paths)[1]


def _published(context: ReaderContext, above: str, path: str, scene: Scene, files: set[str]) -> dict[str, Camera]:
    """Cameras of another layout than ours, whose further files are added to ``files``."""
    folder, names = context.folder, scene.names
    if not 2 <= len(names) <= MOST_VIEWS:
        raise InvalidCamera(f"{len(names)} folders of views beside it; accepted are 2 to {MOST_VIEWS}")
    if name_of(path).lower() == CALIBRATION:
        views = toolbox_views(_content(folder, path), scene, context.limits)
    else:
        home = path[: -len(name_of(path))]
        cameras = sorted(each for each in folder.with_suffix(".txt") if each.startswith(home) and _is_camera(each))
        views = mvsnet_views([_text(folder, each) for each in cameras], scene)
        files.update(cameras)
        for pairs in (each for each in folder.with_suffix(".txt") if each.lower() == f"{above}{PAIRS}".lower()):
            files.add(pairs)
            check_pairs(_text(folder, pairs), len(names))
    title = above.rstrip("/") or "."
    return {name: camera_of(name, view, scene.sizes[name], scene=title, frame="camera") for name, view in views.items()}


def _scene(context: ReaderContext, above: str, sizes: Mapping[str, tuple[int, int]], boxes: Mapping[str, Box]) -> Scene:
    """The folders of views right below ``above``."""
    names = sorted((name for name in sizes if _beside(name, above)), key=natural_key)
    return Scene(names=names, sizes=sizes, boxes=boxes, unit_um=MICROMETRES[context.declaration.camera_unit or "mm"])


def _beside(name: str, above: str) -> bool:
    return name.startswith(above) and "/" not in name[len(above) :]


def _is_camera(path: str) -> bool:
    return name_of(path).lower().endswith(CAMERA_END)


def _content(folder: Folder, path: str) -> bytes:
    content = read_at_most(folder.root / path, _MOST_BYTES)
    if content is None:
        raise InvalidCamera(f"more than {_MOST_BYTES} bytes")
    return content


def _text(folder: Folder, path: str) -> str:
    return _content(folder, path).decode("utf-8", "replace")
