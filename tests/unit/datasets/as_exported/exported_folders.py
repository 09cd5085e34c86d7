"""Folders as annotation tools and collections export them, which may lie beside the repository, and what is read."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from truscore.datasets import Annotation, DatasetIndex, ImageRecord, ReadResult, read_dataset

COORDINATES_PX = 0.01  # how far a coordinate may be from where it was drawn


def exported(shared_data: Path, name: str) -> Path:
    """The folder of this name; the test is skipped, with the reason, where it is not there."""
    folder = shared_data.parent / "as_exported" / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder


def index_of(folder: Path) -> DatasetIndex:
    """What is read of a folder; fails with the problems where nothing is."""
    reading = read_dataset(folder)
    assert reading.index is not None, [(found.code, found.message) for found in reading.problems]
    return reading.index


def messages(reading: ReadResult, code: str) -> list[str]:
    """What was reported under this code."""
    return [found.message for found in reading.problems if found.code == code]


def images_by_class(index: DatasetIndex) -> dict[str, int]:
    """How many images are labelled as a whole with each class."""
    return dict(Counter(index.class_names[label - 1] for image in index.images for label in image.labels or ()))


def marks_by_class(index: DatasetIndex) -> dict[str, int]:
    """How many annotations each class has."""
    return dict(Counter(index.class_names[mark.label - 1] for image in index.images for mark in image.annotations))


def image_at(index: DatasetIndex, path: str) -> ImageRecord:
    (found,) = [image for image in index.images if image.path == path]
    return found


def boxes(marks: Sequence[Annotation]) -> list[tuple[float, ...]]:
    """x, y, width and height of each, in pixels."""
    return [mark.box_xywh for mark in marks]


def groups(index: DatasetIndex) -> set[frozenset[str]]:
    """The paths of images that belong together; images on their own are left out."""
    named: dict[str, set[str]] = {}
    for image in index.images:
        if image.group:
            named.setdefault(image.group, set()).add(image.path)
    return {frozenset(paths) for paths in named.values() if len(paths) > 1}
