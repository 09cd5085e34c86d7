"""Tables whose columns have fixed names: rows by name, the header compared without regard to case."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from truscore.datasets.formats.json_values import UNREADABLE
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.text_file import decoded_or_replaced, read_text

_SNIFFED_TABLES = 50


def tables_with(context: ReaderContext, *columns: str) -> list[str]:
    """CSV files whose first line names all these columns."""
    paths = context.folder.with_suffix(".csv")[:_SNIFFED_TABLES]
    return [path for path in paths if {*columns} <= {*_header(context, path)}]


def rows(context: ReaderContext, path: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with its line; a fault of the table is reported and ends them."""
    text = read_text(context, path, code=UNREADABLE, limit_bytes=context.limits.annotation_file_bytes)
    reader = csv.reader(io.StringIO(text or "", newline=""))
    try:
        header = _named(next(reader, []))
        for row in reader:
            if any(field.strip() for field in row):
                yield reader.line_num, dict(zip(header, (field.strip() for field in row), strict=False))
    except csv.Error as error:
        context.log.add(UNREADABLE, f"not a table: {error}", path)


def _header(context: ReaderContext, path: str) -> list[str]:
    with (context.folder.root / path).open("rb") as file:
        head = decoded_or_replaced(file.read(8192))
    try:
        return _named(next(csv.reader([head.split("\n", 1)[0].strip("\r")]), []))
    except csv.Error:
        return []


def _named(header: list[str]) -> list[str]:
    return [column.strip().lower() for column in header]
