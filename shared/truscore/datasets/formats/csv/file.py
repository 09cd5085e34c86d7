"""One CSV file as rows: decoded and delimited within bounds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from truscore.datasets.formats.csv.columns import Columns, columns_of
from truscore.datasets.reading.context import ReaderContext

SNIFFED_ROWS = 2000
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvTable:
    """`rows` have as many fields as the header, with the number of their line."""

    path: str
    columns: Columns
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def read_csv_table(context: ReaderContext, path: str) -> CsvTable | None:
    """The table, or None where it is none that names images."""
    file, limits, log = context.folder.root / path, context.limits, context.log
    if file.stat().st_size > limits.annotation_file_bytes:
        log.add("format.csv.unreadable", f"larger than {limits.annotation_file_bytes} bytes", path)
        return None
    try:
        text = file.read_text(encoding="utf-8-sig")
        lines = [(number, tuple(row)) for number, row in _lines(text) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        log.add("format.csv.unreadable", f"not a table: {error}", path)
        return None
    if len(lines) < 2:
        return None
    header = lines[0][1]
    whole = [(number, row) for number, row in lines[1:] if len(row) == len(header)]
    columns = columns_of(header, [row for _, row in whole[:SNIFFED_ROWS]])
    if columns is None or not (columns.has_labels or columns.box):
        return None
    for number, row in lines[1:]:
        if len(row) != len(header):
            log.add("format.csv.row", f"{len(row)} fields, the header has {len(header)}", f"{path}#{number}")
    return CsvTable(path=path, columns=columns, rows=tuple(whole))


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    for row in reader:
        yield reader.line_num, row
