"""The CSV reader: a row for each image with its classes, grades and scores, or a row for each box."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from truscore.datasets.formats.class_lists import ClassList, class_list
from truscore.datasets.formats.csv.columns import BOX_COLUMNS, Columns, is_number, named_file
from truscore.datasets.formats.csv.file import CsvTable, read_csv_table
from truscore.datasets.index.records import Annotation, ImageRecord
from truscore.datasets.reading.build_index import (
    Annotate,
    ImageLabels,
    build_read_result,
    no_annotations,
    report_unlisted,
    unreadable_dataset,
)
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.image_lookup import ImageLookup
from truscore.datasets.reading.problems import ProblemLog, bounded_text
from truscore.datasets.reading.result import DeclaredImage, ReadResult
from truscore.datasets.shapes.parse import BadShape, Box, box_from, numbers

SEPARATORS = ("|", ";", ",")
NO_CLASS = frozenset({"none", "no damage", "no_damage"})
SNIFFED_FILES = 20
_SNIFFED_BYTES = 16 * 1024 * 1024


def recognise_csv(context: ReaderContext) -> bool:
    """Whether a CSV file has a column of images and one that says something of them."""
    folder = context.folder
    small = [path for path in folder.with_suffix(".csv") if (folder.root / path).stat().st_size <= _SNIFFED_BYTES]
    return any(read_csv_table(context, path) for path in small[:SNIFFED_FILES])


def read_csv(context: ReaderContext) -> ReadResult:
    """Read all tables of the folder. Words that are grades become classes in rising order, with their grades."""
    paths = context.folder.with_suffix(".csv")
    tables = [table for path in paths if (table := read_csv_table(context, path))]
    if not tables:
        return unreadable_dataset(
            context, "format.csv.missing", "no CSV file has a column of images and one of labels or scores"
        )
    used = {name for table in tables for name in _names(table)}
    classes = class_list(context, used)
    found = _Collector(lookup=ImageLookup(context), classes=classes, log=context.log)
    for table in tables:
        if table.columns.unused:
            unused = ", ".join(table.columns.unused)
            context.log.add("format.csv.column_unused", f"not read: {unused[:200]}", table.path)
        for number, row in table.rows:
            found.add(table, number, row)
    found.lookup.report()
    report_unlisted(context, found.images)
    return build_read_result(
        context,
        format="csv",
        class_names=classes.names,
        grades=classes.grades,
        annotate=found.annotate(),
        image_labels=found.image_labels,
        declared=found.declared,
    )


def _names(table: CsvTable) -> Iterator[str]:
    yield from map(bounded_text, table.columns.classes)
    at = table.columns.label
    if at is not None:
        for _, row in table.rows:
            yield from _words(row[at])


def _words(field_text: str) -> list[str]:
    """The labels in one field: several at once are written with a separator between them."""
    text = field_text.strip()
    separator = next((sign for sign in SEPARATORS if sign in text), None)
    words = text.split(separator) if separator else [text]
    return [bounded_text(word) for word in map(str.strip, words) if word and word.lower() not in NO_CLASS]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Collector:
    lookup: ImageLookup
    classes: ClassList
    log: ProblemLog
    images: set[str] = field(default_factory=set)
    image_labels: dict[str, ImageLabels] = field(default_factory=dict)
    marks: dict[str, list[Annotation]] = field(default_factory=lambda: defaultdict(list))
    declared: dict[str, DeclaredImage] = field(default_factory=dict)

    def add(self, table: CsvTable, number: int, row: Sequence[str]) -> None:
        where = f"{table.path}#{number}"
        whole_image = ImageLabels() if table.columns.box else self._image_labels(table.columns, row, where)
        path = self._image(row[table.columns.image], table.path, where)
        if path is None:
            return
        repeated = path in self.images
        self.images.add(path)
        if table.columns.box:
            self._add_box(table, path, row, where)
        elif repeated:
            self.log.add("format.duplicate_image", f"described again at {where}; the first is used", path)
        else:
            self.image_labels[path] = whole_image

    def annotate(self) -> dict[str, Annotate]:
        found: dict[str, Annotate] = {
            path: partial(_given, self.marks[path]) for path in self.images & self.marks.keys()
        }
        return dict.fromkeys(self.images, no_annotations) | found

    def _image(self, written: str, table: str, where: str) -> str | None:
        name = named_file(written)
        if not name:
            self.log.add("format.csv.value", "no image is named", where)
            return None
        return self.lookup.find(name, annotation=table)

    def _image_labels(self, columns: Columns, row: Sequence[str], where: str) -> ImageLabels:
        scores = {name: self._number(row[at], name, where) for name, at in columns.scores.items()}
        return ImageLabels(
            labels=self._labels(columns, row, where),
            scores=tuple(sorted((bounded_text(name), value) for name, value in scores.items() if value is not None)),
        )

    def _labels(self, columns: Columns, row: Sequence[str], where: str) -> tuple[int, ...] | None:
        names: list[str] = []
        has_label = False
        if columns.label is not None:
            has_label = bool(row[columns.label].strip())
            names += _words(row[columns.label])
        for name, at in columns.classes.items():
            value = self._number(row[at], name, where)
            has_label = has_label or value is not None
            if value not in {None, 0.0, 1.0}:
                self.log.add("format.csv.value", f"{name[:40]!r} is {value:g}, expected 0 or 1", where)
            names += [bounded_text(name)] if value == 1.0 else []
        if not has_label and (columns.label is not None or columns.classes):
            self.log.add("format.csv.label_missing", "the row has no label", where)
        return tuple(sorted({self.classes.label(name) for name in names})) if has_label else None

    def _number(self, text: str, name: str, where: str) -> float | None:
        if not text.strip():
            return None
        if is_number(text):
            return float(text)
        self.log.add("format.csv.value", f"{name[:40]!r} is {text[:40]!r}, expected a number", where)
        return None

    def _add_box(self, table: CsvTable, path: str, row: Sequence[str], where: str) -> None:
        columns = table.columns
        if columns.size and path not in self.declared:
            self.declared[path] = _declared(table.path, columns.size, row)
        written = [row[columns.box[side]].strip() for side in BOX_COLUMNS]
        names = [] if columns.label is None else _words(row[columns.label])
        if not any(written) and not names:
            self.image_labels[path] = ImageLabels(labels=())
            return
        try:
            label = self.classes.label(_single(names))
            box = _box(written)
            self.marks[path].append(Annotation(label=label, box_xywh=box, source_id=where.rpartition("#")[2]))
        except BadShape as bad:
            self.log.add(bad.code, str(bad), where)


def _given(annotations: Sequence[Annotation], _record: ImageRecord) -> tuple[Annotation, ...]:
    return tuple(annotations)


def _single(names: Sequence[str]) -> str:
    if len(names) != 1:
        raise BadShape("label.malformed", f"a box has {len(names)} classes, expected one")
    return names[0]


def _box(written: Sequence[str]) -> Box:
    if not all(map(is_number, written)):
        raise BadShape("label.malformed", f"a box is {', '.join(written)[:80]!r}, expected four numbers")
    left, top, right, bottom = numbers([float(text) for text in written], what="a box")
    return box_from([left, top, right - left, bottom - top])


def _declared(path: str, size: Mapping[str, int], row: Sequence[str]) -> DeclaredImage:
    pixels = {
        name: int(row[at]) if row[at].strip().isdecimal() and len(row[at]) < 10 else None for name, at in size.items()
    }
    return DeclaredImage(file=path, width=pixels.get("width"), height=pixels.get("height"))
