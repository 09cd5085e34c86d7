"""The DOTA reader: a text file for each image, with the four corners of turned boxes in pixels and their class."""

from __future__ import annotations

from truscore.datasets.formats.described_images import DescribedImage, ImagesByStem, Mark, read_described
from truscore.datasets.formats.json_values import UNREADABLE
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.reading.text_file import decoded_or_replaced, read_text
from truscore.datasets.shapes.parse import BadShape, polygon_from, written_number

NAME = "dota"
SNIFFED_FILES = 20
_NUMBERS = 8
_HEADINGS = ("imagesource:", "gsd:", "acquisition dates:")


def recognise_dota(context: ReaderContext) -> bool:
    """Whether the first text files with rows have eight numbers and a name in each."""
    return any(_is_dota(context, path) for path in context.folder.with_suffix(".txt")[:SNIFFED_FILES])


def read_dota(context: ReaderContext) -> ReadResult:
    """Read all label files of the folder; classes in natural order."""
    folders = {path.rpartition("/")[0] for path in context.folder.with_suffix(".txt") if _is_dota(context, path)}
    paths = [path for path in context.folder.with_suffix(".txt") if path.rpartition("/")[0] in folders]
    images, by_stem = [], ImagesByStem(context.folder)
    for path in paths:
        name = by_stem.called_like(path)
        if name or _is_dota(context, path):
            images.append(_image(context, path, name))
    return read_described(context, images, format=NAME)


def _is_dota(context: ReaderContext, path: str) -> bool:
    with (context.folder.root / path).open("rb") as file:
        head = decoded_or_replaced(file.read(4096))
    lines = [line.split() for line in head.splitlines()[:4] if line.strip() and not _is_heading(line)]
    return bool(lines) and all(_is_row(words) for words in lines[:1])


def _is_heading(line: str) -> bool:
    return line.strip().lower().startswith(_HEADINGS)


def _is_row(words: list[str]) -> bool:
    named = len(words) in {_NUMBERS + 1, _NUMBERS + 2} and all(map(_number, words[:_NUMBERS]))
    return named and _number(words[_NUMBERS]) is None


def _number(word: str) -> float | None:
    try:
        return written_number(word) or 1e-300  # 0 is a number too
    except ValueError:
        return None


def _image(context: ReaderContext, path: str, name: str) -> DescribedImage:
    limits = context.limits
    text = read_text(context, path, code=UNREADABLE, limit_bytes=limits.label_file_bytes) or ""
    marks = []
    for at, line in enumerate(text.splitlines()[: limits.annotations_per_image + 1], start=1):
        words = line.split()
        if not words or _is_heading(line):
            continue
        try:
            marks.append(_mark(words, str(at), limits.points_per_polygon))
        except BadShape as bad:
            context.log.add(bad.code, str(bad), f"{path}#{at}")
    return DescribedImage(file=path, name=name or f"{path.rpartition('/')[2][:-4]}.png", marks=tuple(marks))


def _mark(words: list[str], place: str, limit: int) -> Mark:
    if len(words) not in {_NUMBERS + 1, _NUMBERS + 2}:
        raise BadShape("label.malformed", f"{len(words)} fields, expected 8 numbers, a class and a difficulty")
    try:
        corners = [written_number(word) for word in words[:_NUMBERS]]
    except ValueError as error:
        raise BadShape("label.malformed", f"not a number: {error}") from error
    outline = polygon_from(corners, points_limit=limit)
    return Mark(name=bounded_text(words[_NUMBERS]), place=place, polygons=(outline,))
