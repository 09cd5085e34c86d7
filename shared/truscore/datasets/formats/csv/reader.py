"""The CSV reader: a row for each image with its classes, grades and scores, or a row for each box."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

from truscore.datasets.folder_words import part_meant_by
from truscore.datasets.formats.class_lists import ClassList, graded_class_list
from truscore.datasets.formats.csv.box_columns import BoxColumns, BoxReading, reading_of
from truscore.datasets.formats.csv.columns import Columns
from truscore.datasets.formats.csv.file import CsvTable, read_csv_table
from truscore.datasets.formats.csv.image_names import ImageNames, named_file
from truscore.datasets.formats.csv.label_words import LabelWords
from truscore.datasets.formats.csv.text import is_number, number_of, score_of
from truscore.datasets.images.decode import UnreadableImage, opened, read_bounded, upright_size
from truscore.datasets.index.grade_names import is_missing_grade
from truscore.datasets.index.records import Annotation, ImageRecord
from truscore.datasets.paths import stem_of
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
from truscore.datasets.reading.stated_parts import StatedParts, part_of_file, parts_of_files
from truscore.datasets.shapes.parse import BadShape, box_from, numbers

SUFFIXES = (".csv", ".tsv")
# What a competition wants to have back: every image with one made-up answer.
_SUBMISSION = re.compile(r"(?:sample[_\- ]?)?submission(?:[_\- ].*)?|.*[_\- ]sample[_\- ]?submission", re.IGNORECASE)
SNIFFED_FILES = 20
_SNIFFED_BYTES = 16 * 1024 * 1024
_SIZED_IMAGES = 40  # whose size helps to tell what four numbers are


def recognise_csv(context: ReaderContext) -> bool:
    """Whether a CSV file has a column of images and one that says something of them."""
    folder = context.folder
    paths = _tables_of(context)
    small = [path for path in paths if (folder.root / path).stat().st_size <= _SNIFFED_BYTES]
    images = ImageNames(context) if small else None
    return images is not None and any(read_csv_table(context, images, path) for path in small[:SNIFFED_FILES])


def _tables_of(context: ReaderContext) -> list[str]:
    found = []
    for path in context.folder.with_suffix(*SUFFIXES):
        if _SUBMISSION.fullmatch(stem_of(path)):
            context.log.add("format.annotations.left_out", "a form for answers, not annotations, by its name", path)
            context.files_read.add(path)
        else:
            found.append(path)
    return found


def read_csv(context: ReaderContext) -> ReadResult:
    """Read all tables of the folder. Words that are grades become classes in rising order, with their grades."""
    names = ImageNames(context)
    tables = [table for path in _tables_of(context) if (table := read_csv_table(context, names, path))]
    if not tables:
        return unreadable_dataset(
            context, "format.csv.missing", "no CSV file has a column of images and one of labels or scores"
        )
    words = {table.path: LabelWords(table, context.class_names) for table in tables}
    used = {name for table in tables for name in _names(table, words[table.path])}
    classes = graded_class_list(context, used)
    found = _Collector(context=context, names=names, lookup=ImageLookup(context), classes=classes)
    for table in tables:
        _report_columns(table, context.log)
        if words[table.path].by_spaces:
            text = "labels were divided at spaces, as their words come again in others"
            context.log.add("format.csv.columns_by_values", text, table.path)
        found.add_table(table, words[table.path])
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
        groups=found.groups,
        parts=found.stated_parts(),
    )


def _names(table: CsvTable, words: LabelWords) -> Iterator[str]:
    yield from map(bounded_text, table.columns.classes)
    for _, row in table.rows:
        yield from words.of(row)


def _report_columns(table: CsvTable, log: ProblemLog) -> None:
    columns = table.columns
    if columns.unused:
        log.add("format.csv.column_unused", f"not read: {', '.join(columns.unused)[:200]}", table.path)
    if not table.header:
        log.add("format.csv.columns_by_values", "the first line holds values, not headings: it was read", table.path)
    elif columns.guessed:
        log.add("format.csv.columns_by_values", f"taken for labels: {', '.join(columns.guessed)[:200]}", table.path)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Collector:
    context: ReaderContext
    names: ImageNames
    lookup: ImageLookup
    classes: ClassList
    images: dict[str, str] = field(default_factory=dict)  # the table that an image was first named in
    image_labels: dict[str, ImageLabels] = field(default_factory=dict)
    marks: dict[str, list[_Mark]] = field(default_factory=lambda: defaultdict(list))
    groups: dict[str, str] = field(default_factory=dict)
    declared: dict[str, DeclaredImage] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    part_columns: list[str] = field(default_factory=list)
    part_tables: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> ProblemLog:
        return self.context.log

    def add_table(self, table: CsvTable, words: LabelWords) -> None:
        box = table.columns.box
        before = {path: set(marks) for path, marks in self.marks.items()}
        paths = [self._images(table, number, row) for number, row in table.rows]
        self._report_bare(table, paths)
        self._add_parts(table, paths)
        reading = self._box_reading(table, box, paths) if box else BoxReading(manner="")
        repeated = 0
        for (number, row), named in zip(table.rows, paths, strict=True):
            where = f"{table.path}#{number}"
            if box is None:
                repeated += self._add_labels(table, words, row, where, named)
                continue
            mark = self._box(table.columns, words, row, where, reading) if named and reading.manner else None
            for path in named:
                self.images.setdefault(path, table.path)
                if table.columns.size and path not in self.declared:
                    self.declared[path] = _declared(table.path, table.columns.size, row)
                if mark is EMPTY:
                    self.image_labels[path] = ImageLabels(labels=())
                elif mark in before.get(path, ()):
                    repeated += 1
                elif mark is not None:
                    self.marks[path].append(mark)
        if repeated:
            text = f"{repeated} rows say what another table says of the same images; they count once"
            self.log.add("format.csv.rows_repeated", text, table.path)

    def _add_parts(self, table: CsvTable, paths: Sequence[Sequence[str]]) -> None:
        at = table.columns.part
        if at is None:
            # Of several tables about one image that one counts which is called after a part: all.csv, train.csv.
            for path in chain.from_iterable(paths) if part_of_file(table.path) else ():
                self.part_tables.setdefault(path, table.path)
            return
        self.part_columns.append(f"a column of {table.path}")
        for (_, row), named in zip(table.rows, paths, strict=True):
            for path in named:
                self.parts.setdefault(path, part_meant_by(row[at]))

    def stated_parts(self) -> StatedParts:
        """Those of a column, else those that tables are called after."""
        if self.parts:
            return StatedParts(source=", ".join(self.part_columns[:4]), by_image=self.parts)
        return parts_of_files(self.part_tables)

    def _report_bare(self, table: CsvTable, paths: Sequence[Sequence[str]]) -> None:
        bare = [
            named[0]
            for (_, row), named in zip(table.rows, paths, strict=True)
            if len(named) == 1 and self.names.of_card(row[table.columns.images[0]])
        ]
        if bare:
            text = f"{len(bare)} images are named without their endings, such as {bare[0]}"
            self.log.add("format.filename_bare", text, table.path)

    def annotate(self) -> dict[str, Annotate]:
        found: dict[str, Annotate] = {
            path: partial(self._annotations, path) for path in self.images if self.marks.get(path)
        }
        return dict.fromkeys(self.images, no_annotations) | found

    def _images(self, table: CsvTable, number: int, row: Sequence[str]) -> tuple[str, ...]:
        """The images that a row is about: one, or those of a card."""
        found: list[str] = []
        where = f"{table.path}#{number}"
        for place, at in enumerate(table.columns.images):
            written = row[at].strip()
            name = named_file(written)
            if name:
                several = self.names.of_card(name)
                path = None if several else self.lookup.find(name, annotation=table.path)
                found += several or ([path] if path else [])
            elif not place:
                self.log.add("format.csv.value", "no image is named", where)
        paths = tuple(dict.fromkeys(found))
        if len(paths) > 1:
            self.groups.update(dict.fromkeys(paths, f"card {bounded_text(row[table.columns.images[0]].strip())}"))
        return paths

    def _add_labels(
        self, table: CsvTable, words: LabelWords, row: Sequence[str], where: str, paths: Sequence[str]
    ) -> int:
        """Returns 1 where another table has said the same of the images, else 0."""
        labels = self._image_labels(table.columns, words, row, where)
        same = [path for path in paths if path in self.images]
        for path in paths:
            if path not in self.images:
                self.images[path] = table.path
                self.image_labels[path] = labels
        differ = [
            path for path in same if self.images[path] == table.path or self.image_labels.get(path, labels) != labels
        ]
        for path in differ:
            self.log.add("format.duplicate_image", f"described again at {where}; the first is used", path)
        return int(bool(same) and not differ)

    def _image_labels(self, columns: Columns, words: LabelWords, row: Sequence[str], where: str) -> ImageLabels:
        scores = {name: self._score(row[at], name, where) for name, at in columns.scores.items()}
        labels, written = self._labels(columns, words, row, where)
        return ImageLabels(
            labels=labels,
            scores=tuple(sorted((bounded_text(name), value) for name, value in scores.items() if value is not None)),
            written_grade=written,
        )

    def _labels(
        self, columns: Columns, words: LabelWords, row: Sequence[str], where: str
    ) -> tuple[tuple[int, ...] | None, str]:
        """Labels of the whole image, None for none; and the grade as written, where its class is called otherwise."""
        names = words.of(row)
        has_label = words.is_written(row)
        written = next(filter(None, map(self.classes.written_grade, names)), "")
        if has_label and self.classes.grades and not columns.classes:
            names = [name for name in names if not self.classes.is_missing(name)]
            has_label = bool(names)
        for name, at in columns.classes.items():
            value = self._number(row[at], name, where)
            has_label = has_label or value is not None
            if value not in {None, 0.0, 1.0}:
                self.log.add("format.csv.value", f"{name[:40]!r} is {value:g}, expected 0 or 1", where)
            names += [bounded_text(name)] if value == 1.0 else []
        if not has_label and (columns.label is not None or columns.classes):
            self.log.add("format.csv.label_missing", "the row has no label", where)
        labels = tuple(sorted({self.classes.label(name) for name in names})) if has_label else None
        return labels, written

    def _number(self, text: str, name: str, where: str) -> float | None:
        value = number_of(text)
        if value is None and text.strip():
            self.log.add("format.csv.value", f"{name[:40]!r} is {text[:40]!r}, expected a number", where)
        return value

    def _score(self, text: str, name: str, where: str) -> float | None:
        return (
            None
            if is_missing_grade(text)
            else value
            if (value := score_of(text)) is not None
            else self._number(text, name, where)
        )

    def _box_reading(self, table: CsvTable, box: BoxColumns, paths: Sequence[Sequence[str]]) -> BoxReading:
        sizes: dict[str, tuple[int, int] | None] = {}
        sized = []
        for (_, row), named in zip(table.rows, paths, strict=True):
            values = box.numbers(row)
            if values is None:
                continue
            path = named[0] if named else ""
            if path and path not in sizes and len(sizes) < _SIZED_IMAGES:
                sizes[path] = self._size(path)
            sized.append((values, sizes.get(path)))
        reading = reading_of(sized, manner=box.manner, declared=self.context.declaration.boxes)
        if not reading.manner:
            text = 'four numbers could be two corners, or a corner, width and height; declare "boxes" in truscore.json'
            self.log.add("format.csv.boxes_undecided", text, table.path)
        elif reading.reason:
            self.log.add("format.csv.boxes_by_values", f"boxes were read as {reading.reason}", table.path)
        return reading

    def _size(self, path: str) -> tuple[int, int] | None:
        limits = self.context.limits
        try:
            with opened(read_bounded(self.context.folder.root / path, limits=limits), limits=limits) as image:
                return upright_size(image)
        except (UnreadableImage, OSError):
            return None

    def _box(
        self, columns: Columns, words: LabelWords, row: Sequence[str], where: str, reading: BoxReading
    ) -> _Mark | None:
        """The box of a row; EMPTY where it says that there is none, None where it cannot be used."""
        written, names = columns.box.written(row) if columns.box else [], words.of(row)
        if not any(written) and not names:
            return EMPTY
        try:
            label = self.classes.label(self._single(names, columns))
            values = _four(written)
            if not reading.fractions:
                box_from(reading.box_xywh(values, 0, 0))
            return _Mark(label=label, values=values, reading=reading, source_id=where.rpartition("#")[2])
        except BadShape as bad:
            self.log.add(bad.code, str(bad), where)
            return None

    def _single(self, names: Sequence[str], columns: Columns) -> str:
        if columns.label is None and len(self.classes.names) == 1:
            return self.classes.names[0]
        if len(names) != 1:
            raise BadShape("label.malformed", f"a box has {len(names)} classes, expected one")
        return names[0]

    def _annotations(self, path: str, record: ImageRecord) -> tuple[Annotation, ...]:
        found = []
        for mark in self.marks[path]:
            try:
                box = box_from(mark.reading.box_xywh(mark.values, record.width, record.height))
                found.append(Annotation(label=mark.label, box_xywh=box, source_id=mark.source_id))
            except BadShape as bad:
                self.log.add(bad.code, str(bad), f"{self.images[path]}#{mark.source_id}")
        return tuple(found)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Mark:
    """A box as a row has it; the same box of two tables is equal wherever its row stands."""

    label: int
    values: tuple[float, ...]
    reading: BoxReading
    source_id: str = field(compare=False)


EMPTY = _Mark(label=0, values=(), reading=BoxReading(manner=""), source_id="")


def _four(written: Sequence[str]) -> tuple[float, ...]:
    if len(written) != 4 or not all(map(is_number, written)):
        raise BadShape("label.malformed", f"a box is {', '.join(written)[:80]!r}, expected four numbers")
    return numbers([number_of(text) for text in written], what="a box")


def _declared(path: str, size: Mapping[str, int], row: Sequence[str]) -> DeclaredImage:
    pixels = {
        name: int(row[at]) if row[at].strip().isdecimal() and len(row[at]) < 10 else None for name, at in size.items()
    }
    return DeclaredImage(file=path, width=pixels.get("width"), height=pixels.get("height"))
