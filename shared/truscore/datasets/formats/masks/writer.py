"""Images with masks: by class folder where whole images have a class, else with class numbers as values.

Array legend: H height, W width.
"""

from __future__ import annotations

from pathlib import Path

from truscore.datasets.folder_words import is_good
from truscore.datasets.formats.annotation_names import unchanged
from truscore.datasets.formats.class_folders.reader import is_class_folder
from truscore.datasets.formats.class_folders.writer import placed
from truscore.datasets.formats.masks.pairing import mask_by_image
from truscore.datasets.formats.masks.reader import classes_of
from truscore.datasets.index.records import DatasetIndex, ImageRecord
from truscore.datasets.reading.declaration import Declaration
from truscore.datasets.shapes.masks import annotation_mask

GOOD = "good"
_MOST_CLASSES = 255


class MaskWriter:
    declare = True

    def image_paths(self, index: DatasetIndex) -> tuple[dict[str, str], list[str]]:
        by_class = _by_class(index)
        paths = unchanged(image.path for image in index.images)
        if by_class:
            paths = {image.path: placed(image.path, _folder(image, index)) for image in index.images}
        masks = [_mask_path(place) for place in paths.values()]
        found = mask_by_image((*paths.values(), *masks))
        if found != dict(zip(paths.values(), masks, strict=True)):
            return paths, ["images whose names look like masks, or like one another without their ending"]
        return paths, [*_unsupported(index), *(_unsupported_classes(index, paths) if by_class else [])]

    def write(self, index: DatasetIndex, folder: Path) -> Declaration:
        by_class = _by_class(index)
        for image in index.images:
            file = folder / _mask_path(image.path)
            file.parent.mkdir(parents=True, exist_ok=True)
            _write_mask(image, file, white=by_class)
        return Declaration(mask_values="" if by_class else "classes")


def _by_class(index: DatasetIndex) -> bool:
    return any(image.labels is not None for image in index.images)


def _folder(image: ImageRecord, index: DatasetIndex) -> str:
    if image.labels:
        return index.class_names[image.labels[0] - 1]
    first = image.path.partition("/")[0]
    return first if is_good(first) else GOOD


def _mask_path(path: str) -> str:
    return f"masks/{path}.png"


def _unsupported(index: DatasetIndex) -> list[str]:
    if len(index.class_names) > _MOST_CLASSES:
        return [f"more than {_MOST_CLASSES} classes"]
    for image in index.images:
        marks = image.annotations
        if len({mark.label for mark in marks}) < len(marks):
            return [f"several annotations of one class in an image ({image.path})"]
        if len(marks) > 1 and _overlap(image):
            return [f"annotations that overlap ({image.path})"]
    return []


def _unsupported_classes(index: DatasetIndex, paths: dict[str, str]) -> list[str]:
    good = [name for name in index.class_names if is_good(name) or not is_class_folder(name)]
    if good:
        return [f"class {good[0]!r}, which as a folder means something else"]
    found = classes_of(tuple(paths.values()), index.class_names)
    for image in index.images:
        name = found[paths[image.path]]
        expected = (name == index.class_names[image.labels[0] - 1]) if image.labels else is_good(name)
        if image.labels is None or not expected or image.classes - set(image.labels):
            return [f"images without a class, or with marks of another class than theirs ({image.path})"]
    return []


def _overlap(image: ImageRecord) -> bool:
    import numpy as np

    count_HW = np.zeros((image.height, image.width), dtype=np.uint16)
    for mark in image.annotations:
        if mark.rle is None or (mark.rle.height, mark.rle.width) != (image.height, image.width):
            return False  # refused for what it is
        count_HW += annotation_mask(mark, image.height, image.width)
    return bool((count_HW > 1).any())


def _write_mask(image: ImageRecord, file: Path, *, white: bool) -> None:
    import numpy as np
    from PIL import Image

    values_HW = np.zeros((image.height, image.width), dtype=np.uint8)
    for mark in image.annotations:
        values_HW[annotation_mask(mark, image.height, image.width)] = 255 if white else mark.label
    Image.fromarray(values_HW).save(file)


WRITER = MaskWriter()
