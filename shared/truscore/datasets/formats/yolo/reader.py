"""The YOLO reader: a text file of normalised boxes or polygons for each image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import PurePosixPath

from truscore.datasets.formats.dota.reader import recognise_dota
from truscore.datasets.formats.yolo.columns import Columns, Row, annotation_of, columns_of, report_columns
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
from truscore.datasets.shapes.parse import BadShape, numbers, written_number


def recognise_yolo(context: ReaderContext) -> bool:
    """Whether some image has a label file."""
    if recognise_dota(context):
        return False
    labels = {path.lower() for path in context.folder.with_suffix(".txt")}
    return bool(labels) and any(
        candidate.lower() in labels for image in context.folder.images for candidate in label_paths(image)
    )


def read_yolo(context: ReaderContext) -> ReadResult:
    """Read all label files of the folder; classes from `class_names`, else from the folder, else by number."""
    log, pairs = context.log, _paired(context.folder, context.log)
    rows = {path: _rows(context, label) for path, label in pairs.items()}
    highest = max((row.class_index for file_rows in rows.values() for row in file_rows), default=-1)
    described = read_class_names(context, highest=highest)
    names = described.names
    columns = columns_of([row for file_rows in rows.values() for row in file_rows], described.key_points)
    report_columns(columns, next((row.location for file_rows in rows.values() for row in file_rows), ""), log)
    marks: dict[str, Annotate] = {}
    for path, file_rows in rows.items():
        marks[path] = partial(_annotations, file_rows, names, columns, log)
    if not any(pairs.values()):
        log.add("format.yolo.missing", "no image has a label file")
    return build_read_result(context, format="yolo", class_names=names, annotate=marks)


def label_paths(image: str) -> tuple[str, ...]:
    """Where the labels of an image may lie: `labels` for the last `images` of its path, beside it, or in `labels` of
    its folder or of the one above."""
    *folders, name = image.split("/")
    name = f"{stem_of(name)}.txt"
    beside, inner = "/".join((*folders, name)), "/".join((*folders, "labels", name))
    above = ("/".join((*folders[:-1], "labels", name)),) if folders else ()
    for at in range(len(folders) - 1, -1, -1):
        if folders[at].lower() == "images":
            return "/".join((*folders[:at], "labels", *folders[at + 1 :], name)), beside, inner
    return beside, inner, *above


def _paired(folder: Folder, log: ProblemLog) -> dict[str, str]:
    """The label file of each image; empty where there is none."""
    unused = set(folder.with_suffix(".txt"))
    by_lower = {path.lower(): path for path in sorted(unused, reverse=True)}
    pairs: dict[str, str] = {}
    for image in folder.images:
        candidates = (path if path in unused else by_lower.get(path.lower(), "") for path in label_paths(image))
        label = next((path for path in candidates if path in unused), "")
        unused.discard(label)
        pairs[image] = label
        if not label:
            log.add("format.yolo.image_without_label", f"expected {label_paths(image)[0]}", image)
    label_folders = {str(PurePosixPath(label).parent) for label in pairs.values() if label}
    for label in sorted(unused):
        home = PurePosixPath(label).parent
        if (str(home) in label_folders or "labels" in map(str.lower, home.parts)) and not is_list_file(label):
            log.add("format.yolo.label_without_image", "there is no image of this name", label)
    return pairs


def _rows(context: ReaderContext, label: str) -> tuple[Row, ...]:
    if not label:
        return ()
    limits, log = context.limits, context.log
    text = read_text(context, label, code="format.yolo.label_unreadable", limit_bytes=limits.label_file_bytes)
    if text is None:
        return ()
    lines = text.splitlines()
    if len(lines) > limits.annotations_per_image:
        log.add("label.too_many", f"{len(lines)} lines, at most {limits.annotations_per_image} are read", label)
    context.files_read.add(label)
    found = (
        _row(line, f"{label}#{number}", limits, log)
        for number, line in enumerate(lines[: limits.annotations_per_image], 1)
    )
    return tuple(row for row in found if row is not None)


def _row(line: str, location: str, limits: Limits, log: ProblemLog) -> Row | None:
    words = line.split()
    if not words:
        return None
    try:
        return Row(class_index=_class_index(words[0]), values=_values(words[1:], limits), location=location)
    except BadShape as bad:
        log.add(bad.code, str(bad), location)
        return None


def _class_index(word: str) -> int:
    try:
        value = written_number(word)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1_000_000 or value != int(value):
        raise BadShape("label.malformed", f"class {word[:40]!r}, expected a whole number from 0")
    return int(value)


def _values(words: Sequence[str], limits: Limits) -> tuple[float, ...]:
    count = len(words)
    if count < 4:
        raise BadShape("label.malformed", f"{count} coordinates, expected 4 (a box) or 6, 8, ... (a polygon)")
    if count // 2 > limits.points_per_polygon:
        raise BadShape("label.too_many", f"{count // 2} points, at most {limits.points_per_polygon} are read")
    try:
        return numbers([written_number(word) for word in words], what="the line")
    except ValueError as error:
        if isinstance(error, BadShape):
            raise
        raise BadShape("label.malformed", f"not a number: {error}") from error


def _annotations(
    rows: Sequence[Row], names: Sequence[str], columns: Columns, log: ProblemLog, record: ImageRecord
) -> tuple[Annotation, ...]:
    found: list[Annotation] = []
    for row in rows:
        if row.class_index >= len(names):
            text = f"class {row.class_index}, but only 0 to {len(names) - 1} are named"
            log.add("label.unknown_category", text, row.location)
            continue
        try:
            found.append(annotation_of(row, columns, record))
        except BadShape as bad:
            log.add(bad.code, str(bad), row.location)
    return tuple(found)
