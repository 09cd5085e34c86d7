"""What text files and tables that no reader recognised may have been meant as."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice

from truscore.datasets.paths import name_of, stem_of
from truscore.datasets.reading.attempt import Attempt
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.text_file import decoded_or_replaced

_PROBED_BYTES = 64 * 1024
_PROBED_ROWS = 200
_BOX_NUMBERS, _CORNER_NUMBERS = 5, 8


def row_attempts(context: ReaderContext, path: str) -> Iterator[Attempt]:
    """A text file with rows of numbers, as YOLO's and DOTA's label files have them."""
    lines = ((number, line.split()) for number, line in enumerate(_text(context, path).splitlines(), start=1))
    filled = [(number, words) for number, words in islice(lines, _PROBED_ROWS) if words]
    numeric = [(number, words) for number, words in filled if _numbers(words) >= max(3, len(words) - 2)]
    if not numeric:
        return
    bare = any(stem_of(image).lower() == stem_of(path).lower() for image in context.folder.images)
    odd = next(((number, words) for number, words in filled if not _is_yolo(words)), None)
    if odd is None:
        failed = f"holds YOLO rows, and no image is called {stem_of(path)!r}"
        change = "name each label file as its image"
        yield Attempt(format="yolo", file=path, line=numeric[0][0], fits=0.8, failed=failed, change=change)
        return
    number, words = odd
    shown = " ".join(words)[:60]
    failed = f"{shown!r} is no class number followed by 4 fractions of the image (a box) or 6, 8, … (a polygon)"
    change = "write each mark as `class x y width height` in fractions of the image"
    yield Attempt(format="yolo", file=path, line=number, fits=0.5 if bare else 0.4, failed=failed, change=change)
    if any(_numbers(words[:_CORNER_NUMBERS]) == _CORNER_NUMBERS for _, words in numeric):
        failed = f"{shown!r} is no 8 numbers, a class and a difficulty"
        yield Attempt(
            format="dota",
            file=path,
            line=number,
            fits=0.45,
            failed=failed,
            change="write `x1 y1 x2 y2 x3 y3 x4 y4 class difficulty`",
        )


def table_attempts(context: ReaderContext, path: str) -> Iterator[Attempt]:
    """A table: whether it names images of the dataset, and whether anything is said of them."""
    try:
        rows = list(islice(csv.reader(io.StringIO(_text(context, path), newline="")), _PROBED_ROWS))
    except csv.Error as error:
        failed = f"not a table: {error}"
        yield Attempt(format="csv", file=path, fits=0.4, failed=failed, change="save it again as CSV")
        return
    if not rows:
        return
    known = {word for image in context.folder.images for word in (name_of(image).lower(), stem_of(image).lower())}
    named = any(name_of(field.strip().replace("\\", "/")).lower() in known for row in rows for field in row)
    columns = ", ".join(field.strip() for field in rows[0])[:80]
    if not named:
        failed = f"no field of the columns {columns} is the name of an image that is there"
        change = "name each image's file in a column `filename`"
    else:
        failed = f"the columns {columns} name images and say nothing of them that is read"
        change = "add a column `label`, `grade` or `score:NAME`, or the corners of boxes as xmin, ymin, xmax, ymax"
    yield Attempt(format="csv", file=path, line=1, fits=0.7 if named else 0.5, failed=failed, change=change)


def _text(context: ReaderContext, path: str) -> str:
    with (context.folder.root / path).open("rb") as file:
        return decoded_or_replaced(file.read(_PROBED_BYTES), declared=context.declaration.encoding)


def _numbers(words: list[str]) -> int:
    return sum(_is_number(word) for word in words)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _is_yolo(words: list[str]) -> bool:
    coordinates = words[1:]
    return (
        words[0].isdecimal()
        and len(words) >= _BOX_NUMBERS
        and _numbers(coordinates) == len(coordinates)
        and all(0 <= float(word) <= 1 for word in coordinates)
    )
