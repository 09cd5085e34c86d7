"""CSV: a row for each image with a column for each class and score, or a row for each box."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from truscore.datasets.formats.annotation_names import clashes, unchanged
from truscore.datasets.formats.csv.box_columns import BOX_COLUMNS
from truscore.datasets.formats.csv.headings import CLASS_PREFIX, SCORE_PREFIX
from truscore.datasets.formats.csv.label_words import SEPARATORS
from truscore.datasets.index.records import DatasetIndex, ImageRecord
from truscore.datasets.reading.declaration import Declaration

FILE = "labels.csv"
Row = list[str]


class CsvWriter:
    declare = True

    def image_paths(self, index: DatasetIndex) -> tuple[dict[str, str], list[str]]:
        paths = unchanged(image.path for image in index.images)
        odd = [path for path in paths if path != path.strip() or "://" in path or not path.isprintable()]
        reasons = [f"image paths that a table cannot name ({odd[0]!r})"] if odd else []
        return paths, [*clashes(paths), *reasons, *_unsupported(index)]

    def write(self, index: DatasetIndex, folder: Path) -> Declaration:
        rows = _box_rows(index) if _has_boxes(index) else _image_rows(index)
        with (folder / FILE).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        return Declaration()


def _has_boxes(index: DatasetIndex) -> bool:
    return any(image.annotations for image in index.images)


def _unsupported(index: DatasetIndex) -> Iterator[str]:
    if not _has_boxes(index):
        if not index.class_names and not any(image.scores for image in index.images):
            yield "images without any label"
        return
    mixed = [image.path for image in index.images if image.scores or bool(image.annotations) == (image.labels == ())]
    mixed += [image.path for image in index.images if image.labels]
    if mixed:
        yield f"boxes together with labels of whole images, or images without either ({mixed[0]})"
    split = [name for name in index.class_names if any(sign in name for sign in SEPARATORS)]
    if split or "none" in map(str.lower, index.class_names):
        yield f"class names with a separator in them, or called none ({(split or ['none'])[0]!r})"


def _image_rows(index: DatasetIndex) -> Iterator[Row]:
    scores = sorted({name for image in index.images for name, _ in image.scores})
    yield ["path", *(CLASS_PREFIX + name for name in index.class_names), *(SCORE_PREFIX + name for name in scores)]
    for image in index.images:
        yield [image.path, *_classes(image, len(index.class_names)), *_scores(image, scores)]


def _classes(image: ImageRecord, count: int) -> Row:
    labels = image.labels
    return [""] * count if labels is None else [str(int(label in labels)) for label in range(1, count + 1)]


def _scores(image: ImageRecord, names: list[str]) -> Row:
    values = dict(image.scores)
    return [repr(values[name]) if name in values else "" for name in names]


def _box_rows(index: DatasetIndex) -> Iterator[Row]:
    yield ["filename", "width", "height", "class", *BOX_COLUMNS]
    for image in index.images:
        head = [image.path, str(image.width), str(image.height)]
        if not image.annotations:
            yield [*head, "", "", "", "", ""]
        for mark in image.annotations:
            x, y, width, height = mark.box_xywh
            yield [*head, index.class_names[mark.label - 1], *map(repr, map(float, (x, y, x + width, y + height)))]


WRITER = CsvWriter()
