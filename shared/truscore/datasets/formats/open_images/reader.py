"""The Open Images reader: tables of boxes in fractions, with names of classes in a table of their own."""

from __future__ import annotations

import csv
import io
from collections import defaultdict

from truscore.datasets.formats.described_images import DescribedImage, Mark, read_described
from truscore.datasets.formats.json_values import LEFT_OUT, Entry, number
from truscore.datasets.formats.table_rows import rows, tables_with
from truscore.datasets.paths import IMAGE_SUFFIXES, name_of, suffix_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.reading.text_file import decoded_or_replaced
from truscore.datasets.shapes.parse import BadShape

NAME = "open_images"
COLUMNS = ("imageid", "labelname", "xmin", "xmax", "ymin", "ymax")
_DESCRIPTIONS_LIMIT = 4 * 1024 * 1024


def recognise_open_images(context: ReaderContext) -> bool:
    """Whether a table has the columns of boxes."""
    return bool(tables_with(context, *COLUMNS))


def read_open_images(context: ReaderContext) -> ReadResult:
    """Read all tables of boxes; groups of things are crowds. Tables of labels and masks are named."""
    tables, titles = tables_with(context, *COLUMNS), _titles(context)
    marks: dict[tuple[str, str], list[Mark]] = defaultdict(list)
    for path in tables:
        for line, row in rows(context, path):
            try:
                marks[path, _image_name(row)].append(_mark(row, titles, str(line)))
            except BadShape as bad:
                context.log.add(bad.code, str(bad), f"{path}#{line}")
    for path in tables_with(context, "imageid", "labelname"):
        if path not in tables:
            context.log.add(LEFT_OUT, "a table of labels or masks of images whose boxes are read", path)
    images = [DescribedImage(file=path, name=name, marks=tuple(found)) for (path, name), found in marks.items()]
    return read_described(context, images, format=NAME)


def _image_name(row: dict[str, str]) -> str:
    name = row.get("imageid", "")
    return name if suffix_of(name) in IMAGE_SUFFIXES else f"{name}.jpg"


def _mark(row: Entry, titles: dict[str, str], place: str) -> Mark:
    name = row.get("labelname", "")
    if not name or not row.get("imageid"):
        raise BadShape("label.malformed", "a row without an ImageID or a LabelName")
    left, right, top, bottom = (number(row, key) for key in ("xmin", "xmax", "ymin", "ymax"))
    if not all(-0.05 <= side <= 1.05 for side in (left, right, top, bottom)):
        raise BadShape("label.not_normalised", f"a box of {left:g} to {right:g}, expected fractions from 0 to 1")
    return Mark(
        name=titles.get(name, bounded_text(name)),
        place=place,
        box_xywh=(left, top, right - left, bottom - top),
        crowd=row.get("isgroupof") == "1",
        fractions=True,
    )


def _titles(context: ReaderContext) -> dict[str, str]:
    """class-descriptions*.csv: an identifier and a name a row, without a header."""
    found: dict[str, str] = {}
    for path in context.folder.with_suffix(".csv"):
        file = context.folder.root / path
        if not name_of(path).lower().startswith("class-descriptions") or file.stat().st_size > _DESCRIPTIONS_LIMIT:
            continue
        context.files_read.add(path)
        try:
            listed = list(csv.reader(io.StringIO(decoded_or_replaced(file.read_bytes()), newline="")))
        except csv.Error:
            continue
        found |= {row[0].strip(): bounded_text(row[1].strip()) for row in listed if len(row) == 2 and row[1].strip()}
    return found
