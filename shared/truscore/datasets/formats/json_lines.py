"""Files with a JSON value on each line, whatever their ending."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from truscore.datasets.formats.json_values import UNREADABLE
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.text_file import is_deeper_than, read_text
from truscore.datasets.strict_json import parse_json

SUFFIXES = (".jsonl", ".ndjson", ".manifest")
_SNIFFED_FILES, _SNIFFED_LINES = 20, 20


def json_lines(context: ReaderContext, path: str) -> Iterator[tuple[int, Any]]:
    """Each line's value with its number; a line that is no JSON is reported."""
    text = read_text(context, path, code=UNREADABLE, limit_bytes=context.limits.annotation_file_bytes)
    for number, line in enumerate((text or "").split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = parse_json(line)
        except ValueError as error:
            context.log.add(UNREADABLE, str(error), f"{path}#{number}")
            continue
        if is_deeper_than(entry, context.limits.json_depth):
            context.log.add(UNREADABLE, f"nested deeper than {context.limits.json_depth} levels", f"{path}#{number}")
        else:
            yield number, entry


def files_with_keys(context: ReaderContext, *keys: str) -> list[str]:
    """The files of lines among whose first ones is an object with all these keys."""
    quiet = context.without_log()
    return [
        path
        for path in context.folder.with_suffix(*SUFFIXES)[:_SNIFFED_FILES]
        if any(
            isinstance(entry, dict) and entry.keys() >= {*keys}
            for _, entry in islice(json_lines(quiet, path), _SNIFFED_LINES)
        )
    ]
