"""One CSV file as rows: decoded and delimited within bounds."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace

from truscore.datasets.formats.csv.columns import Columns, columns_of
from truscore.datasets.formats.csv.headings import PLURALS, is_header, is_known, plain
from truscore.datasets.formats.csv.image_names import ImageNames
from truscore.datasets.formats.csv.text import rows_of
from truscore.datasets.formats.open_images.reader import COLUMNS as BOXES
from truscore.datasets.formats.run_lengths.reader import RUNS
from truscore.datasets.formats.via.file import is_via_header
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.text_file import read_text

SNIFFED_ROWS = 2000
_MOST_TITLES = 5
_LETTER = re.compile("[0-9A-Za-z]")


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvTable:
    """`rows` have as many fields as the table has columns, with the number of their line."""

    path: str
    columns: Columns
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    header: bool = True  # whether the first line holds headings
    begins: int = 0  # the line of the headings; titles stand above it


def read_csv_table(context: ReaderContext, images: ImageNames, path: str) -> CsvTable | None:
    """The table, or None where it is none that names images."""
    log, limit_bytes = context.log, context.limits.annotation_file_bytes
    text = read_text(context, path, code="format.csv.unreadable", limit_bytes=limit_bytes)
    if text is None:
        return None
    try:
        lines = list(rows_of(text))
    except csv.Error as error:
        log.add("format.csv.unreadable", f"not a table: {error}", path)
        return None
    if text and not _LETTER.search(text):
        # Nearly any bytes are UTF-16.
        log.add("format.csv.unreadable", "not a table: there are no letters or digits in it", path)
    if lines and _has_reader_of_its_own(list(lines[0][1])):
        return None
    table = _table(context, images, path, lines)
    if table is None:
        return None
    context.files_read.add(path)
    fields = len(table.rows[0][1])
    for number, row in lines:
        if number <= table.begins:
            continue
        if len(row) != fields:
            log.add("format.csv.row", f"{len(row)} fields, the header has {fields}", f"{path}#{number}")
    return table


def _has_reader_of_its_own(header: list[str]) -> bool:
    columns = {column.strip().lower() for column in header}
    return is_via_header(header) or RUNS in columns or {*BOXES} <= columns


def _from_headings(
    context: ReaderContext, path: str, lines: list[tuple[int, tuple[str, ...]]]
) -> list[tuple[int, tuple[str, ...]]]:
    """Without the titles that people write above the headings: lines of one field where others have several."""
    titles = next((at for at, (_, row) in enumerate(lines) if sum(map(bool, map(str.strip, row))) > 1), 0)
    if not 0 < titles <= _MOST_TITLES or not any(map(is_known, lines[titles][1])):
        return lines
    text = f"{titles} lines above the headings are no rows, such as {next(filter(None, lines[0][1]))!r:.60}"
    context.log.add("format.annotations.left_out", text, path)
    return lines[titles:]


def _table(
    context: ReaderContext, images: ImageNames, path: str, lines: list[tuple[int, tuple[str, ...]]]
) -> CsvTable | None:
    lines = _from_headings(context, path, lines)
    if not lines:
        return None
    first = lines[0][1]
    whole = [(number, row) for number, row in lines if len(row) == len(first)]
    below = [row for _, row in whole[1 : SNIFFED_ROWS + 1]]

    def names_image(field: str) -> bool:
        return images.names_image(field) and not is_known(field)

    header = is_header(first, below, names_image)
    rows = whole[1:] if header else whole
    columns = columns_of(
        first if header else [""] * len(first),
        below if header else [first, *below],
        images.names_image,
        scores=context.declaration.scores,
    )
    if not rows or columns is None or not (columns.has_labels or columns.box):
        return None
    if columns.label is not None and header:
        heading = plain(first[columns.label])
        columns = replace(columns, several=heading in PLURALS, tags=heading in {"tags", "labels"})
    return CsvTable(path=path, columns=columns, rows=tuple(rows), header=header, begins=lines[0][0] if header else 0)
