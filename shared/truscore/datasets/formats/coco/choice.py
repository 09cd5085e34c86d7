"""Which of several COCO files hold the marks: instances, not captions, key points or stuff of the same images."""

from __future__ import annotations

from collections.abc import Sequence

from truscore.datasets.formats.coco.file import CocoFile
from truscore.datasets.paths import name_of
from truscore.datasets.reading.problems import ProblemLog

INSTANCES = "instances"


def chosen_files(files: Sequence[CocoFile], log: ProblemLog) -> list[CocoFile]:
    """The files to read; those that say something else of images that instances are marked on are reported."""
    kinds = {file.path: kind_of(file) for file in files}
    instances = [file for file in files if kinds[file.path] == INSTANCES]
    if not instances:
        return list(files)
    described = {name for file in instances for name in _image_names(file)}
    kept = []
    for file in files:
        kind = kinds[file.path]
        if kind == INSTANCES or (kind != "captions" and not _image_names(file) <= described):
            kept.append(file)
        else:
            text = f"{len(file.annotations)} {kind} of images that {instances[0].path} and others mark; not read"
            log.add("format.annotations.left_out", text, file.path)
    return kept


def kind_of(file: CocoFile) -> str:
    """What a file's annotations are, by their fields and by the name that the collection gives it."""
    fields = {key for entry in file.annotations[:1000] for key in entry}
    stem = name_of(file.path).lower()
    if "caption" in fields and not fields & {"bbox", "segmentation"}:
        return "captions"
    if "keypoints" in fields or (not fields and stem.startswith("person_keypoints")):
        return "key points"
    if stem.startswith("stuff_"):
        return "regions of stuff"
    if not file.annotations and stem.startswith("image_info"):
        return "annotations"
    return INSTANCES


def _image_names(file: CocoFile) -> set[str]:
    return {str(entry.get("file_name")) for entry in file.images.values()}
