"""The image-folder reader: the folder an image lies in is its class or grade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from truscore.datasets.formats.class_folders.levels import class_levels, holds_all_classes
from truscore.datasets.formats.class_lists import graded_class_list
from truscore.datasets.formats.multi_light.layouts import light_lists
from truscore.datasets.formats.multi_light.scenes import lit_cards
from truscore.datasets.index.grade_names import parse_grade
from truscore.datasets.reading.build_index import ImageLabels, build_read_result, no_annotations
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.result import ReadResult


def recognise_class_folders(context: ReaderContext) -> bool:
    """Whether most images lie in two or more folders that can be classes."""
    folder = context.folder
    if light_lists(folder):
        return False
    classes = class_levels(folder.images, _declared(context)).names
    lights = {path for paths in lit_cards(folder, limits=context.limits).values() for path in paths}
    placed = [path for path, name in classes.items() if name and path not in lights]
    names = {classes[path] for path in placed}
    return (len(names) > 1 or _are_of_one_grade(names)) and 2 * len(placed) > len(folder.images)


def read_class_folders(context: ReaderContext) -> ReadResult:
    """Read the images with the class their folder names; classes by grade, else in natural order."""
    levels = class_levels(context.folder.images, _declared(context))
    if levels.question:
        context.log.add("format.ambiguous", levels.question)
    if levels.said:
        context.log.add("format.folder.levels", levels.said)
    by_image = levels.names
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


def _declared(context: ReaderContext) -> tuple[str, ...]:
    return (*context.class_names, *context.declaration.classes)


def class_by_image(paths: Sequence[str]) -> Mapping[str, str]:
    """The class folder of each image, "" where there is none. See ``class_levels``."""
    return class_levels(paths).names


def is_class_folder(name: str) -> bool:
    """Whether a folder of this name is read as a class."""
    return (
        not holds_all_classes(name) and name not in {"", ".", ".."} and not set(name) & set("/\\\0") and name[0] != "."
    )


def _are_of_one_grade(names: set[str]) -> bool:
    """Whether all images lie in one folder that is called a grade: a number alone says too little."""
    return len(names) == 1 and all(not name.strip().isdecimal() and parse_grade(name) is not None for name in names)
