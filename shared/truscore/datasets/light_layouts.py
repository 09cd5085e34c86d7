"""Datasets of photometric stereo: one thing under many lights. Told from names only; they are not read yet."""

from __future__ import annotations

from truscore.datasets.folder import Folder, name_of

# Lists of lights: what lies there are views of one thing, not classes.
_DILIGENT = frozenset({"light_directions.txt", "light_intensities.txt"})
_LIGHT_LISTS = _DILIGENT | {"lights.txt"}


def light_lists(folder: Folder) -> list[str]:
    """Files that list the lights a thing was photographed under."""
    return [path for path in folder.files if name_of(path).lower() in _LIGHT_LISTS]


def layout_of(light_list: str) -> str:
    """Whose layout a list of lights belongs to."""
    return "DiLiGenT's layout" if name_of(light_list).lower() in _DILIGENT else "a layout of images and lights"
