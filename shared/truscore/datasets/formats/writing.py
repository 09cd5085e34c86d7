"""A dataset's folder in one format: images copied as they are, annotations written anew."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from truscore.datasets.folder_words import PARTS
from truscore.datasets.formats.capacity import LossyConversion, losses
from truscore.datasets.formats.class_folders import writer as class_folders
from truscore.datasets.formats.coco import writer as coco
from truscore.datasets.formats.csv import writer as csv
from truscore.datasets.formats.labelme import writer as labelme
from truscore.datasets.formats.masks import writer as masks
from truscore.datasets.formats.truscore import writer as truscore
from truscore.datasets.formats.truscore.reader import NAME as LOSSLESS
from truscore.datasets.formats.voc import writer as voc
from truscore.datasets.formats.yolo import writer as yolo
from truscore.datasets.index.class_order import grades_of
from truscore.datasets.index.records import DatasetIndex
from truscore.datasets.reading.declaration import DECLARATION_FILE, Declaration, declaration_to_json
from truscore.datasets.reading.references import is_escape
from truscore.datasets.splitting.name_groups import groups_by_name


class Writer(Protocol):
    """`image_paths`: where each image goes, by its path in the index, and what the format cannot hold beyond its
    capacity. `write`: the annotation files, of an index whose images are where they go. `declare`: whether class
    order and grades go into the folder's declaration."""

    declare: bool

    def image_paths(self, index: DatasetIndex) -> tuple[dict[str, str], list[str]]: ...

    def write(self, index: DatasetIndex, folder: Path) -> Declaration: ...


WRITERS: Mapping[str, Writer] = MappingProxyType(
    {
        "coco": coco.WRITER,
        "yolo": yolo.WRITER,
        "voc": voc.WRITER,
        "labelme": labelme.WRITER,
        "folder": class_folders.WRITER,
        "csv": csv.WRITER,
        "masks": masks.WRITER,
        LOSSLESS: truscore.WRITER,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenDataset:
    """`paths`: where each image of the index went. `losses`: what was left out, in words; empty unless allowed."""

    format: str
    paths: Mapping[str, str]
    losses: tuple[str, ...]


def write_dataset(
    index: DatasetIndex, images_root: Path, folder: Path, *, format: str, lossy: bool = False
) -> WrittenDataset:
    """Write the index to an empty or new folder. Raises Lossy before anything is written, unless losses are allowed.

    Read again, the folder gives the same images, annotations, labels, scores, classes and grades; ids are new.
    Raises ValueError for a format that is not written or a folder that is not empty, OSError where copying fails.
    """
    if format not in WRITERS:
        raise ValueError(f"format {format!r} is not written; accepted are: {', '.join(WRITERS)}")
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder.name!r} is not empty: a dataset is written to a folder of its own")
    writer = WRITERS[format]
    paths, unsupported = writer.image_paths(index)
    lost = _losses(index, format, paths, unsupported)
    if lost and (unsupported or not lossy):
        # Misfits are images that would be read as something else: no permission makes that right.
        raise LossyConversion(format, lost)
    maps = _maps_of(index) if format == LOSSLESS else ()
    _copy({**paths, **{path: path for path in maps}}, images_root, folder)
    moved = replace(index, images=tuple(replace(image, path=paths[image.path]) for image in index.images))
    declaration = writer.write(moved, folder)
    if format != LOSSLESS:
        _write_part_lists(moved, folder)
    if writer.declare:
        declared = replace(declaration, format=format, classes=index.class_names, grades=_grades(index))
        (folder / DECLARATION_FILE).write_text(declaration_to_json(declared), encoding="utf-8")
    return WrittenDataset(format=format, paths=MappingProxyType(paths), losses=lost)


def _copy(paths: Mapping[str, str], images_root: Path, folder: Path) -> None:
    for path, target in paths.items():
        if is_escape(path) or is_escape(target):
            raise ValueError(f"image path {path!r} climbs out of the dataset")
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(images_root / path, folder / target)


def _write_part_lists(index: DatasetIndex, folder: Path) -> None:
    """The parts that no folder names, as VOC lists them: every format is read with such lists beside it."""
    for part, name in zip(PARTS, ("train", "val", "test"), strict=True):
        listed = [image.path for image in index.images if image.part == part]
        if listed:
            home = folder / "ImageSets/Main"
            home.mkdir(parents=True, exist_ok=True)
            (home / f"{name}.txt").write_text("".join(f"{path}\n" for path in listed), encoding="utf-8")


def conversion_losses(index: DatasetIndex, *, format: str) -> tuple[str, ...]:
    """What of the index the format cannot hold, in words: write_dataset refuses it unless losses are allowed."""
    paths, unsupported = WRITERS[format].image_paths(index)
    return _losses(index, format, paths, unsupported)


def _losses(index: DatasetIndex, format: str, paths: Mapping[str, str], unsupported: list[str]) -> tuple[str, ...]:
    groups = () if format == LOSSLESS else _lost_groups(index, paths)
    return (*losses(index, format=format), *unsupported, *groups)


def _maps_of(index: DatasetIndex) -> tuple[str, ...]:
    """Masks, normals, depths and reflectance, which belong to objects, not to images."""
    return tuple(found.path for one in index.objects for found in one.maps)


def _grades(index: DatasetIndex) -> Mapping[str, float]:
    if not index.grades or index.grades == grades_of(index.class_names):
        return {}
    return dict(zip(index.class_names, index.grades, strict=True))


def _lost_groups(index: DatasetIndex, paths: Mapping[str, str]) -> tuple[str, ...]:
    by_name = groups_by_name(paths.values())
    lost = [image.path for image in index.images if image.group != by_name.get(paths[image.path], "")]
    return (f"groups that do not follow from file names ({lost[0]})",) if lost else ()
