"""COCO: one JSON file; ids count from 1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from truscore.datasets.formats.annotation_names import unchanged
from truscore.datasets.index.records import Annotation, DatasetIndex
from truscore.datasets.reading.declaration import Declaration

FILE = "annotations.json"


class CocoWriter:
    declare = False

    def image_paths(self, index: DatasetIndex) -> tuple[dict[str, str], list[str]]:
        return unchanged(image.path for image in index.images), []

    def write(self, index: DatasetIndex, folder: Path) -> Declaration:
        numbered = list(enumerate(index.images, start=1))
        marks = [(number, mark) for number, image in numbered for mark in image.annotations]
        content = {
            "images": [
                {"id": number, "file_name": image.path, "width": image.width, "height": image.height}
                for number, image in numbered
            ],
            "annotations": [_annotation(mark, image, number) for number, (image, mark) in enumerate(marks, start=1)],
            "categories": [{"id": label, "name": name} for label, name in enumerate(index.class_names, start=1)],
        }
        (folder / FILE).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        return Declaration()


def _annotation(mark: Annotation, image: int, number: int) -> dict[str, Any]:
    outline: Any = [list(polygon) for polygon in mark.polygons]
    if mark.rle is not None:
        outline = {"size": [mark.rle.height, mark.rle.width], "counts": list(mark.rle.counts)}
    return {
        "id": number,
        "image_id": image,
        "category_id": mark.label,
        "bbox": list(mark.box_xywh),
        "area": _area(mark),
        "segmentation": outline,
        "iscrowd": int(mark.crowd),
    }


def _area(mark: Annotation) -> float:
    if mark.rle is not None:
        return float(sum(mark.rle.counts[1::2]))
    if mark.polygons:
        return sum(map(_polygon_area, mark.polygons))
    return mark.box_xywh[2] * mark.box_xywh[3]


def _polygon_area(polygon: tuple[float, ...]) -> float:
    xs, ys = polygon[0::2], polygon[1::2]
    turned = zip(xs, ys, (*xs[1:], xs[0]), (*ys[1:], ys[0]), strict=True)
    return abs(sum(x * next_y - next_x * y for x, y, next_x, next_y in turned)) / 2


WRITER = CocoWriter()
