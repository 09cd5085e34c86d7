"""The reader of run-length tables, as competitions publish masks: start and length in turn, counted from 1 down the
columns of an image; no runs for an image with nothing on it."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import partial

from truscore.datasets.formats.described_images import DescribedImage, Mark, read_described
from truscore.datasets.formats.json_values import STRUCTURE
from truscore.datasets.formats.table_rows import rows, tables_with
from truscore.datasets.index.records import RLE, ImageRecord
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.shapes.parse import BadShape

NAME = "run_lengths"
RUNS = "encodedpixels"
ONLY_CLASS = "defect"
_IMAGES = ("imageid", "image_id", "image", "filename", "id", "img_id", "imageid_classid", "image_label")
_CLASSES = ("classid", "class_id", "class", "label", "labels")
_WITH_CLASS = re.compile(r"(?P<image>.+\.\w{2,5})_(?P<name>[^_]+)")
_NOTHING = frozenset({"", "-1", "nan"})


def recognise_run_lengths(context: ReaderContext) -> bool:
    """Whether a table has a column of encoded pixels and one of images."""
    return any(tables_with(context, RUNS, column) for column in _IMAGES)


def read_run_lengths(context: ReaderContext) -> ReadResult:
    """Read all such tables; images that they do not name are reported."""
    marks: dict[tuple[str, str], list[Mark]] = defaultdict(list)
    for path in tables_with(context, RUNS):
        for line, row in rows(context, path):
            image, name = _named(row)
            if not image:
                context.log.add(STRUCTURE, "a row without an image", f"{path}#{line}")
                continue
            found = marks[path, image]
            if row.get(RUNS, "").lower() not in _NOTHING:
                found.append(Mark(name=bounded_text(name), place=str(line), mask=partial(_mask, row[RUNS])))
    images = [
        DescribedImage(file=path, name=image, marks=tuple(found), labels=None if found else ())
        for (path, image), found in marks.items()
    ]
    return read_described(context, images, format=NAME)


def _named(row: dict[str, str]) -> tuple[str, str]:
    image = next((row[column] for column in _IMAGES if row.get(column)), "")
    name = next((row[column] for column in _CLASSES if row.get(column)), "")
    if not name and (match := _WITH_CLASS.fullmatch(image)):
        return match["image"], match["name"]
    return image, name or ONLY_CLASS


def _mask(text: str, record: ImageRecord) -> RLE:
    """Starts from 1 and lengths, in pixels down the columns. Raises BadShape."""
    words = text.split()
    if len(words) % 2 or not all(word.isascii() and word.isdecimal() and len(word) < 12 for word in words):
        raise BadShape("label.invalid_rle", f"runs are {text[:40]!r}, expected pairs of a start and a length")
    counts: list[int] = []
    at = 0
    for start, length in sorted(zip(map(int, words[0::2]), map(int, words[1::2]), strict=True)):
        if start - 1 < at or not length:
            raise BadShape("label.invalid_rle", f"run {start} {length} begins before {at + 1}, or marks nothing")
        if start - 1 == at and counts:
            counts[-1] += length
        else:
            counts += [start - 1 - at, length]
        at = start - 1 + length
    total = record.width * record.height
    if at > total:
        raise BadShape("label.invalid_rle", f"runs reach pixel {at}, the image has {total}")
    return RLE(height=record.height, width=record.width, counts=(*counts, *((total - at,) if at < total else ())))
