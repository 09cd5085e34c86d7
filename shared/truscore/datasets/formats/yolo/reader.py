"""The YOLO reader: a text file of normalised boxes or polygons for each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from truscore.datasets.formats.yolo.names import is_list_file, read_class_names
from truscore.datasets.index.records import Annotation, ImageRecord
from truscore.datasets.limits import Limits
from truscore.datasets.paths import stem_of
from truscore.datasets.reading.build_index import Annotate, build_read_result
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.problems import ProblemLog
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.reading.text_file import read_text
from truscore.datasets.shapes.parse import BadShape, box_around, box_from, numbers

# Rounded exports go a hair beyond the edge; pixels instead of fractions go far beyond it.
OUTSIDE_TOLERANCE = 0.05


def recognise_yolo(context: ReaderContext) -> bool:
    """Whether some image has a label file."""
    labels = set(context.folder.with_suffix(".txt"))
    return any(candidate in labels for image in context.folder.images for candidate in label_paths(image))


def read_yolo(context: ReaderContext) -> ReadResult:
    """Read all label files of the folder; classes from `class_names`, else from the folder, else by number."""
    log, pairs = context.log, _paired(context.folder, context.log)
    rows = {path: _rows(context, label) for path, label in pairs.items()}
    highest = max((row.class_index for file_rows in rows.values() for row in file_rows), default=-1)
    names = read_class_names(context, highest=highest)
    marks: dict[str, Annotate] = {}
    for path, file_rows in rows.items():
        marks[path] = partial(_annotations, file_rows, names, log)
    if not any(pairs.values()):
        log.add("format.yolo.missing", "no image has a label file")
    return build_read_result(context, format="yolo", class_names=names, annotate=marks)


def label_paths(image: str) -> tuple[str, ...]:
    """Where the labels of an image may lie: `labels` for the last `images` of its path, or beside it."""
    *folders, name = image.split("/")
    name = f"{stem_of(name)}.txt"
    beside = "/".join((*folders, name))
    for at in range(len(folders) - 1, -1, -1):
        if folders[at].lower() == "images":
            return "/".join((*folders[:at], "labels", *folders[at + 1 :], name)), beside
    return beside, "/".join((*folders, "labels", name))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """One line that could be read: a class index from 0 and fractions of the image's width and height."""

    class_index: int
    values: tuple[float, ...]
    location: str


def _paired(folder: Folder, log: ProblemLog) -> dict[str, str]:
    """The label file of each image; empty where there is none."""
    unused = set(folder.with_suffix(".txt"))
    pairs: dict[str, str] = {}
    for image in folder.images:
        label = next((path for path in label_paths(image) if path in unused), "")
        unused.discard(label)
        pairs[image] = label
        if not label:
            log.add("format.yolo.image_without_label", f"expected {label_paths(image)[0]}", image)
    label_folders = {str(PurePosixPath(label).parent) for label in pairs.values() if label}
    for label in sorted(unused):
        home = PurePosixPath(label).parent
        if (str(home) in label_folders or "labels" in home.parts) and not is_list_file(label):
            log.add("format.yolo.label_without_image", "there is no image of this name", label)
    return pairs


def _rows(context: ReaderContext, label: str) -> tuple[_Row, ...]:
    if not label:
        return ()
    limits, log = context.limits, context.log
    text = read_text(context, label, code="format.yolo.label_unreadable", limit_bytes=limits.label_file_bytes)
    if text is None:
        return ()
    lines = text.splitlines()
    if len(lines) > limits.annotations_per_image:
        log.add("label.too_many", f"{len(lines)} lines, at most {limits.annotations_per_image} are read", label)
    found = (
        _row(line, f"{label}#{number}", limits, log)
        for number, line in enumerate(lines[: limits.annotations_per_image], 1)
    )
    return tuple(row for row in found if row is not None)


def _row(line: str, location: str, limits: Limits, log: ProblemLog) -> _Row | None:
    words = line.split()
    if not words:
        return None
    try:
        return _Row(class_index=_class_index(words[0]), values=_fractions(words[1:], limits), location=location)
    except BadShape as bad:
        log.add(bad.code, str(bad), location)
        return None


def _class_index(word: str) -> int:
    try:
        value = float(word)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1_000_000 or value != int(value):
        raise BadShape("label.malformed", f"class {word[:40]!r}, expected a whole number from 0")
    return int(value)


def _fractions(words: Sequence[str], limits: Limits) -> tuple[float, ...]:
    count = len(words)
    if count != 4 and (count < 6 or count % 2):
        raise BadShape("label.malformed", f"{count} coordinates, expected 4 (a box) or 6, 8, ... (a polygon)")
    if count // 2 > limits.points_per_polygon:
        raise BadShape("label.too_many", f"{count // 2} points, at most {limits.points_per_polygon} are read")
    try:
        values = numbers([float(word) for word in words], what="the line")
    except ValueError as error:
        if isinstance(error, BadShape):
            raise
        raise BadShape("label.malformed", f"not a number: {error}") from error
    outside = next((value for value in values if not -OUTSIDE_TOLERANCE <= value <= 1 + OUTSIDE_TOLERANCE), None)
    if outside is not None:
        raise BadShape("label.not_normalised", f"coordinate {outside:g}, expected a fraction from 0 to 1")
    return values


def _annotations(
    rows: Sequence[_Row], names: Sequence[str], log: ProblemLog, record: ImageRecord
) -> tuple[Annotation, ...]:
    found: list[Annotation] = []
    for row in rows:
        if row.class_index >= len(names):
            text = f"class {row.class_index}, but only 0 to {len(names) - 1} are named"
            log.add("label.unknown_category", text, row.location)
            continue
        try:
            found.append(_annotation(row, record))
        except BadShape as bad:
            log.add(bad.code, str(bad), row.location)
    return tuple(found)


def _annotation(row: _Row, record: ImageRecord) -> Annotation:
    label, source_id = row.class_index + 1, row.location.rpartition("#")[2]
    scales = (record.width, record.height)
    pixels = tuple(value * scales[at % 2] for at, value in enumerate(row.values))
    if len(pixels) == 4:
        x, y, width, height = pixels
        box = box_from([x - width / 2, y - height / 2, width, height])
        return Annotation(label=label, box_xywh=box, source_id=source_id)
    return Annotation(label=label, box_xywh=box_around([pixels]), polygons=(pixels,), source_id=source_id)
