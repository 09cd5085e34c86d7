"""The LabelMe reader: one JSON file for each image; flags are labels of the whole image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath

from truscore.datasets.formats.class_lists import ClassList, class_list
from truscore.datasets.formats.labelme.file import LabelmeFile, read_labelme_file
from truscore.datasets.formats.labelme.shapes import IGNORED, ShapeReader
from truscore.datasets.reading.build_index import (
    Annotate,
    ImageLabels,
    build_read_result,
    report_unlisted,
    unreadable_dataset,
)
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.image_lookup import ImageLookup
from truscore.datasets.reading.result import DeclaredImage, ReadResult
from truscore.datasets.splitting.name_groups import lights_by_card

SNIFFED_FILES = 50


def recognise_labelme(context: ReaderContext) -> bool:
    """Whether one of the smallest JSON files is LabelMe's."""
    folder = context.folder
    paths = sorted(folder.with_suffix(".json"), key=lambda path: ((folder.root / path).stat().st_size, path))
    return any(read_labelme_file(context, path) for path in paths[:SNIFFED_FILES])


def read_labelme(context: ReaderContext) -> ReadResult:
    """Read all LabelMe files of the folder; classes in the order given, listed in the folder, or natural."""
    paths = context.folder.with_suffix(".json")
    files = [file for path in paths if (file := read_labelme_file(context, path))]
    if not files:
        return unreadable_dataset(context, "format.labelme.missing", "no JSON file has `shapes` and `imagePath`")
    used = {name for file in files for name in (*file.names, *file.flags)} - {IGNORED}
    classes = class_list(context, used)
    annotated = [file.path for file in files]
    found = _Collector(
        context=context,
        lookup=ImageLookup(context, annotations=annotated),
        lights=lights_by_card(context.folder.images),
        classes=classes,
    )
    for file in files:
        found.add(file)
    found.report_rest()
    return build_read_result(
        context,
        format="labelme",
        class_names=classes.names,
        grades=classes.grades,
        annotate=found.annotate,
        image_labels=found.image_labels,
        declared=found.declared,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Collector:
    context: ReaderContext
    lookup: ImageLookup
    lights: Mapping[str, tuple[str, ...]]
    classes: ClassList
    annotate: dict[str, Annotate] = field(default_factory=dict)
    image_labels: dict[str, ImageLabels] = field(default_factory=dict)
    declared: dict[str, DeclaredImage] = field(default_factory=dict)
    used_lights: set[str] = field(default_factory=set)

    def add(self, file: LabelmeFile) -> None:
        for path in self._images_of(file):
            if path in self.annotate:
                self.context.log.add(
                    "format.duplicate_image", f"{file.path} describes it again; the first is used", path
                )
                continue
            reader = ShapeReader(context=self.context, file=file.path, labels=self.classes.labels)
            self.annotate[path] = partial(reader.read, file.shapes)
            self.declared[path] = DeclaredImage(file=file.path, width=file.width, height=file.height)
            self.image_labels[path] = ImageLabels(labels=self._labels(file.flags))

    def _images_of(self, file: LabelmeFile) -> tuple[str, ...]:
        """The image; or, where only its light images are there, those: they share its frame."""
        card = PurePosixPath(file.path).stem.lower()
        lights = self.lights.get(card, ())
        self.used_lights.update(lights)
        if lights and not self.lookup.exists(file.image_path, annotation=file.path):
            text = f"image {file.image_path!r} is not in the dataset; its {len(lights)} light images were taken"
            self.context.log.add("format.image_missing", text, file.path)
            return lights
        if file.has_picture and not self.lookup.exists(file.image_path, annotation=file.path):
            text = f"image {file.image_path!r} lies inside the JSON only; save it as a file"
            self.context.log.add("format.labelme.picture_inside", text, file.path)
            return ()
        found = self.lookup.find(file.image_path, annotation=file.path)
        return () if found is None else (found,)

    def _labels(self, flags: Mapping[str, bool]) -> tuple[int, ...] | None:
        if flags.get(IGNORED) or not flags.keys() - {IGNORED}:
            return None
        return tuple(sorted(self.classes.label(name) for name, on in flags.items() if on))

    def report_rest(self) -> None:
        self.lookup.report()
        rest = self.used_lights - self.annotate.keys()
        if rest:
            text = f"{len(rest)} images show annotated cards under single lights; the annotated image stands for them"
            self.context.log.add("format.labelme.lights", text, min(rest))
        report_unlisted(self.context, self.annotate.keys() | rest)
