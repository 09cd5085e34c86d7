"""A table's text: its delimiter, its rows, its numbers."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

DELIMITERS = ",;\t|"
_SNIFFED_ROWS = 50
_DECLARED_DELIMITER = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # a first line that Excel writes and reads
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_SHARES = re.compile(r"(?P<one>\d{1,3}(?:[.,]\d+)?)\s*[/:\-|]\s*(?P<other>\d{1,3}(?:[.,]\d+)?)")
FARTHEST = 1e9


def rows_of(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Rows that are not blank, with the number of their last line. Raises csv.Error."""
    declared = _DECLARED_DELIMITER.match(text)
    delimiter = declared[1] if declared else delimiter_of(text)
    body, before = (text[declared.end() :], 1) if declared else (text, 0)
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True)
    for row in reader:
        if any(field.strip() for field in row):
            yield before + reader.line_num, tuple(row)


def delimiter_of(text: str) -> str:
    """The sign that divides most rows into one number of fields, at least two."""
    return max(DELIMITERS, key=lambda sign: _agreeing_rows(text, sign))


def _agreeing_rows(text: str, delimiter: str) -> tuple[int, int]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        counts = Counter(len(row) for row in islice(reader, _SNIFFED_ROWS) if len(row) > 1)
    except csv.Error:
        return 0, 0
    fields, rows = max(counts.items(), key=lambda found: (found[1], found[0]), default=(0, 0))
    return rows, fields


def number_of(text: str) -> float | None:
    """A number with a decimal point or comma; None for anything else, and for one beyond any measurement."""
    written = text.strip()
    if not _NUMBER.fullmatch(written):
        return None
    value = float(written.replace(",", "."))
    return value if math.isfinite(value) and abs(value) < FARTHEST else None


def is_number(text: str) -> bool:
    return number_of(text) is not None


def score_of(text: str) -> float | None:
    """A number, or two shares of a hundred (`55/45`) as the larger of them; None for anything else."""
    value = number_of(text)
    if value is not None:
        return value
    shares = _SHARES.fullmatch(text.strip().rstrip("%").strip())
    if shares is None:
        return None
    one, other = (float(shares[name].replace(",", ".")) for name in ("one", "other"))
    return max(one, other) if 99 <= one + other <= 101 else None
