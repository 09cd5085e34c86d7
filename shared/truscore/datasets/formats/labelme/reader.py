"""The LabelMe reader: one JSON file for each image; flags are labels of the whole image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from truscore.datasets.formats.class_lists import ClassList, class_list
from truscore.datasets.formats.labelme.file import LabelmeFile, looks_like_labelme, read_labelme_file
from truscore.datasets.formats.labelme.shapes import IGNORED, Shapes
from truscore.datasets.reading.build_index import Annotate, Whole, assemble, report_faulty_images, report_unlisted
from truscore.datasets.reading.declaration import Declaration
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.image_lookup import Pictures
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.result import Declared, Limits, Reading
from truscore.datasets.splitting.name_groups import lights_by_card

if TYPE_CHECKING:
    from truscore.datasets.images.scan import Look

SNIFFED_FILES = 50


def recognise_labelme(folder: Folder, limits: Limits) -> bool:
    """Whether one of the smallest JSON files is LabelMe's."""
    paths = sorted(folder.with_suffix(".json"), key=lambda path: ((folder.root / path).stat().st_size, path))
    return any(looks_like_labelme(folder, path, limits) for path in paths[:SNIFFED_FILES])


def read_labelme(
    folder: Folder,
    *,
    class_names: Sequence[str],
    limits: Limits,
    log: ProblemLog,
    look: Look | None = None,
    declaration: Declaration,
) -> Reading:
    """Read all LabelMe files of the folder; classes in the order given, listed in the folder, or natural."""
    paths = folder.with_suffix(".json")
    files = [file for path in paths if (file := read_labelme_file(folder, path, limits, log))]
    if not files:
        log.add("format.labelme.missing", "no JSON file has `shapes` and `imagePath`")
        report_faulty_images(folder, limits=limits, log=log)
        return Reading(index=None, problems=log.all())
    used = {name for file in files for name in (*file.names, *file.flags)} - {IGNORED}
    classes = class_list(used, given=class_names, folder=folder, log=log, grades=declaration.grades)
    annotated = [file.path for file in files]
    found = _Gathering(
        pictures=Pictures(folder, annotations=annotated, log=log),
        lights=lights_by_card(folder.images),
        classes=classes,
        limits=limits,
        log=log,
    )
    for file in files:
        found.add(file)
    found.report_rest(folder)
    return assemble(
        folder,
        format="labelme",
        class_names=classes.names,
        grades=classes.grades,
        annotate=found.annotate,
        wholes=found.wholes,
        declared=found.declared,
        limits=limits,
        log=log,
        look=look,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Gathering:
    pictures: Pictures
    lights: Mapping[str, tuple[str, ...]]
    classes: ClassList
    limits: Limits
    log: ProblemLog
    annotate: dict[str, Annotate] = field(default_factory=dict)
    wholes: dict[str, Whole] = field(default_factory=dict)
    declared: dict[str, Declared] = field(default_factory=dict)
    used_lights: set[str] = field(default_factory=set)

    def add(self, file: LabelmeFile) -> None:
        for path in self._images_of(file):
            if path in self.annotate:
                self.log.add("format.duplicate_image", f"{file.path} describes it again; the first is used", path)
                continue
            reader = Shapes(file=file.path, labels=self.classes.labels, limits=self.limits, log=self.log)
            self.annotate[path] = partial(reader.read, file.shapes)
            self.declared[path] = Declared(file=file.path, width=file.width, height=file.height)
            self.wholes[path] = Whole(labels=self._labels(file.flags))

    def _images_of(self, file: LabelmeFile) -> tuple[str, ...]:
        """The image; or, where only its light images are there, those: they share its frame."""
        card = PurePosixPath(file.path).stem.lower()
        lights = self.lights.get(card, ())
        self.used_lights.update(lights)
        if lights and not self.pictures.exists(file.image_path, annotation=file.path):
            text = f"image {file.image_path!r} is not in the dataset; its {len(lights)} light images were taken"
            self.log.add("format.image_missing", text, file.path)
            return lights
        if file.has_picture and not self.pictures.exists(file.image_path, annotation=file.path):
            text = f"image {file.image_path!r} lies inside the JSON only; save it as a file"
            self.log.add("format.labelme.picture_inside", text, file.path)
            return ()
        found = self.pictures.find(file.image_path, annotation=file.path)
        return () if found is None else (found,)

    def _labels(self, flags: Mapping[str, bool]) -> tuple[int, ...] | None:
        if flags.get(IGNORED) or not flags.keys() - {IGNORED}:
            return None
        return tuple(sorted(self.classes.label(name) for name, on in flags.items() if on))

    def report_rest(self, folder: Folder) -> None:
        rest = self.used_lights - self.annotate.keys()
        if rest:
            text = f"{len(rest)} images show annotated cards under single lights; the annotated image stands for them"
            self.log.add("format.labelme.lights", text, min(rest))
        report_unlisted(folder, self.annotate.keys() | rest, self.log)
