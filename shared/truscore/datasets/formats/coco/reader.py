"""The COCO reader: one or many JSON files, wherever they lie, into one index."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from truscore.datasets.formats.coco.annotations import AnnotationReader
from truscore.datasets.formats.coco.choice import chosen_files
from truscore.datasets.formats.coco.classes import Classes
from truscore.datasets.formats.coco.file import CocoFile, has_coco_shape, load_json, read_coco_file
from truscore.datasets.index.records import Annotation, ImageRecord
from truscore.datasets.reading.build_index import Annotate, build_read_result, report_unlisted, unreadable_dataset
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.references import References
from truscore.datasets.reading.result import DeclaredImage, ReadResult
from truscore.datasets.reading.stated_parts import parts_of_files

SNIFFED_FILES = 50


def recognise_coco(context: ReaderContext) -> bool:
    """Whether some JSON file looks like COCO; the smallest ones are tried first."""
    folder = context.folder
    paths = sorted(folder.with_suffix(".json"), key=lambda path: ((folder.root / path).stat().st_size, path))
    return any(has_coco_shape(load_json(context, path)) for path in paths[:SNIFFED_FILES])


def read_coco(context: ReaderContext) -> ReadResult:
    """Read all COCO files of the folder. `class_names`, where given, are only held against those in the files."""
    log, class_names = context.log, context.class_names
    found_files = [file for path in context.folder.with_suffix(".json") if (file := read_coco_file(context, path))]
    files = chosen_files(found_files, log)
    for file in files:
        if file.annotations and not file.categories:
            log.add("format.coco.no_categories", "there are annotations but no `categories`", file.path)
    if not files:
        return unreadable_dataset(
            context, "format.coco.missing", "no JSON file has the lists `images` and `annotations`"
        )
    classes = Classes.of(files, log)
    if class_names and class_names != classes.names:
        log.add("format.class_names_differ", f"given {list(class_names)}, the files declare {list(classes.names)}")
    found = _Collector(context=context, references=References(context.folder.files, log), classes=classes)
    for file in files:
        found.add(file)
    found.references.report()
    found.report_crowds()
    report_unlisted(context, found.annotate)
    return build_read_result(
        context,
        format="coco",
        class_names=classes.names,
        annotate=found.annotate,
        declared=found.declared,
        parts=parts_of_files({path: image.file for path, image in found.declared.items()}),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Collector:
    """Images of all files, by path; what is marked on them is read once their real sizes are known."""

    context: ReaderContext
    references: References
    classes: Classes
    annotate: dict[str, Annotate] = field(default_factory=dict)
    entries: dict[str, list[tuple[AnnotationReader, list[dict[str, Any]]]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    declared: dict[str, DeclaredImage] = field(default_factory=dict)

    def add(self, file: CocoFile) -> None:
        marks = self._by_image(file)
        for key, image in file.images.items():
            path = self._path_of(image, file, key)
            if path is None:
                continue
            declared_image = _declared_image(image, file, key)
            reader = AnnotationReader(
                context=self.context, file=file.path, declared_image=declared_image, classes=self.classes
            )
            if path in self.annotate:
                text = (
                    f"described more than once, again as {file.path}#{key}; the marks of all are read, equal ones once"
                )
                self.context.log.add("format.duplicate_image", text, path)
            else:
                self.declared[path] = declared_image
            self.entries[path].append((reader, marks.get(key, [])))
            self.annotate[path] = partial(_read_all, self.entries[path])

    def report_crowds(self) -> None:
        """Some tools export every mask as a crowd, which no network learns from."""
        marks = [mark for parts in self.entries.values() for _, entries in parts for mark in entries]
        crowds = sum(bool(mark.get("iscrowd")) for mark in marks)
        if crowds == len(marks) > 0 and self.context.declaration.crowd != "things":
            text = f"all {crowds} marks are crowds; if they are single things, declare " + '"crowd": "things"'
            self.context.log.add("label.all_crowd", f"{text} in truscore.json")

    def _by_image(self, file: CocoFile) -> dict[int | str, list[dict[str, Any]]]:
        marks: dict[int | str, list[dict[str, Any]]] = defaultdict(list)
        for entry in file.annotations:
            owner = entry.get("image_id")
            if isinstance(owner, int | str) and not isinstance(owner, bool) and owner in file.images:
                marks[owner].append(entry)
            else:
                where = f"{file.path}#{entry.get('id')}"
                self.context.log.add("label.unknown_image", f"image_id {owner!r:.60} is not among `images`", where)
        return marks

    def _path_of(self, image: dict[str, Any], file: CocoFile, key: int | str) -> str | None:
        name, where = image.get("file_name"), f"{file.path}#{key}"
        if isinstance(name, str) and name:
            return self.references.resolve(name, near=file.path, location=where)
        self.context.log.add("format.coco.structure", f"file_name is {name!r:.60}, expected a path", where)
        return None


def _read_all(
    parts: list[tuple[AnnotationReader, list[dict[str, Any]]]], record: ImageRecord
) -> tuple[Annotation, ...]:
    """The marks of all entries; one that an earlier entry has too counts once."""
    reader, entries = parts[0]
    found = list(reader.read(entries, record))
    for reader, entries in parts[1:]:
        known = {replace(one, source_id="") for one in found}
        found += [one for one in reader.read(entries, record) if replace(one, source_id="") not in known]
    return tuple(found)


def _declared_image(image: dict[str, Any], file: CocoFile, key: int | str) -> DeclaredImage:
    return DeclaredImage(
        file=file.path, image_id=str(key), width=_pixels(image.get("width")), height=_pixels(image.get("height"))
    )


def _pixels(value: Any) -> int | None:
    whole = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9 and value == int(value)
    return int(value) if whole else None
