"""The image-folder reader: the folder an image lies in is its class or grade."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from truscore.datasets.formats.class_lists import graded_class_list
from truscore.datasets.formats.multi_light.layouts import light_lists
from truscore.datasets.formats.multi_light.scenes import lit_cards
from truscore.datasets.reading.build_index import ImageLabels, build_read_result, no_annotations
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.folder_words import IMAGE_FOLDERS
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.result import ReadResult

# Folders that hold images of every class.
CONTAINERS = frozenset(
    {"train", "training", "trainval", "valid", "val", "validation", "test", "testing", "data", "dataset", "raw"}
    | set(IMAGE_FOLDERS)
)


def recognise_class_folders(context: ReaderContext) -> bool:
    """Whether most images lie in two or more folders that can be classes."""
    folder = context.folder
    if light_lists(folder):
        return False
    classes = class_by_image(folder.images)
    lights = {path for paths in lit_cards(folder, limits=context.limits).values() for path in paths}
    placed = [path for path, name in classes.items() if name and path not in lights]
    return len({classes[path] for path in placed}) > 1 and 2 * len(placed) > len(folder.images)


def read_class_folders(context: ReaderContext) -> ReadResult:
    """Read the images with the class their folder names; classes by grade, else in natural order."""
    by_image = class_by_image(context.folder.images)
    used = {name for name in by_image.values() if name}
    classes = graded_class_list(context, used)
    image_labels: dict[str, ImageLabels] = {}
    for path, name in by_image.items():
        if name:
            labels = None if classes.is_missing(name) else (classes.label(name),)
            image_labels[path] = ImageLabels(labels=labels, written_grade=classes.written_grade(name))
        else:
            context.log.add("format.folder.no_class", "lies in no folder that names a class", path)
    return build_read_result(
        context,
        format="folder",
        class_names=classes.names,
        grades=classes.grades,
        annotate=dict.fromkeys(by_image, no_annotations),
        image_labels=image_labels,
    )


def class_by_image(paths: Sequence[str]) -> dict[str, str]:
    """The class folder of each image, "" where there is none.

    That is the outermost folder which neither holds images of every class (`train`, `images`) nor holds all of them.
    """
    inner = {path: candidate_class_folders(path) for path in paths}
    while len({names[0] for names in inner.values() if names}) == 1 and all(len(names) > 1 for names in inner.values()):
        inner = {path: names[1:] for path, names in inner.items()}
    return {path: bounded_text(names[0]) if names else "" for path, names in inner.items()}


def is_class_folder(name: str) -> bool:
    """Whether a folder of this name is read as a class."""
    return (
        name.lower() not in CONTAINERS
        and name not in {"", ".", ".."}
        and not set(name) & set("/\\\0")
        and name[0] != "."
    )


def candidate_class_folders(path: str) -> tuple[str, ...]:
    """The folders an image lies in that can name its class, outermost first."""
    return tuple(name for name in PurePosixPath(path).parts[:-1] if name.lower() not in CONTAINERS)
