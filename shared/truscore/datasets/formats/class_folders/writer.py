"""Image folders: each image in the folder of its class."""

from __future__ import annotations

from pathlib import Path

from truscore.datasets.formats.class_folders.levels import candidate_folders, class_levels
from truscore.datasets.formats.class_folders.reader import is_class_folder
from truscore.datasets.index.records import DatasetIndex, ImageRecord
from truscore.datasets.reading.declaration import Declaration


class FolderWriter:
    declare = True

    def image_paths(self, index: DatasetIndex) -> tuple[dict[str, str], list[str]]:
        paths = {image.path: placed(image.path, _name(image, index.class_names)) for image in index.images}
        levels = class_levels(tuple(paths.values()), index.class_names)
        found = levels.names
        wrong = [image.path for image in index.images if found[paths[image.path]] != _name(image, index.class_names)]
        twice = len(set(paths.values())) < len(paths)
        reasons = [f"image paths or classes that are read as another class ({wrong[0]})"] if wrong else []
        if len(set(found.values()) - {""}) < 2:
            reasons.append("fewer than two classes with images (folders are recognised by their difference)")
        return paths, [*reasons, *(["image paths that become one"] if twice else [])]

    def write(self, index: DatasetIndex, folder: Path) -> Declaration:
        return Declaration()


def placed(path: str, name: str) -> str:
    """The path in the folder of its class; as it is where it lies there already."""
    if not name or not is_class_folder(name) or candidate_folders(path)[:1] == (name,):
        return path
    return f"{name}/{path}"


def _name(image: ImageRecord, names: tuple[str, ...]) -> str:
    return names[image.labels[0] - 1] if image.labels else ""


WRITER = FolderWriter()
