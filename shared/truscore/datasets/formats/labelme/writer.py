"""LabelMe: a JSON file beside each image; classes of whole images as flags. Array legend: H height, W width."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from truscore.datasets.formats.annotation_names import beside, clashes, unchanged
from truscore.datasets.formats.class_lists import NOT_CLASSES
from truscore.datasets.index.records import Annotation, DatasetIndex, ImageRecord
from truscore.datasets.reading.declaration import Declaration
from truscore.datasets.shapes.masks import annotation_mask

VERSION = "5.5.0"  # of the format: the first that other programs read masks from


class LabelmeWriter:
    declare = True

    def image_paths(self, index: DatasetIndex) -> tuple[dict[str, str], list[str]]:
        paths = unchanged(image.path for image in index.images)
        special = sorted(set(index.class_names) & NOT_CLASSES)
        reserved = [f"class {special[0]!r}, which means something else in LabelMe"] if special else []
        return paths, [*clashes(paths), *reserved]

    def write(self, index: DatasetIndex, folder: Path) -> Declaration:
        names = beside((image.path for image in index.images), ".json")
        for image in index.images:
            content = json.dumps(_image(image, index.class_names), indent=1, ensure_ascii=False)
            (folder / names[image.path]).write_text(content, encoding="utf-8")
        return Declaration()


def _image(image: ImageRecord, names: tuple[str, ...]) -> dict[str, Any]:
    labels = image.labels
    return {
        "version": VERSION,
        "flags": {} if labels is None else {name: label in labels for label, name in enumerate(names, start=1)},
        "shapes": [
            shape
            for number, mark in enumerate(image.annotations)
            for shape in _shapes(mark, names[mark.label - 1], number, image)
        ],
        "imagePath": PurePosixPath(image.path).name,
        "imageData": None,
        "imageHeight": image.height,
        "imageWidth": image.width,
    }


def _shapes(mark: Annotation, name: str, number: int, image: ImageRecord) -> Iterator[dict[str, Any]]:
    if mark.shape:
        yield _shape(name, mark.shape, mark.points)
    elif mark.rle is not None:
        yield _mask(mark, name, image)
    elif mark.polygons:
        # One thing in several parts: LabelMe gives them one group.
        group = number if len(mark.polygons) > 1 else None
        for polygon in mark.polygons:
            yield _shape(name, "polygon", polygon, group_id=group)
    else:
        x, y, width, height = mark.box_xywh
        yield _shape(name, "rectangle", (x, y, x + width, y + height))


def _shape(name: str, kind: str, points: tuple[float, ...], **more: Any) -> dict[str, Any]:
    pairs = [list(pair) for pair in zip(points[0::2], points[1::2], strict=True)]
    data: dict[str, Any] = {
        "label": name,
        "points": pairs,
        "group_id": None,
        "shape_type": kind,
        "flags": {},
        "mask": None,
    }
    return data | more


def _mask(mark: Annotation, name: str, image: ImageRecord) -> dict[str, Any]:
    from PIL import Image

    left, top, width, height = map(round, mark.box_xywh)
    part_HW = annotation_mask(mark, image.height, image.width)[top : top + height, left : left + width]
    written = io.BytesIO()
    Image.fromarray(part_HW).save(written, format="PNG")
    corners = (float(left), float(top), float(left + width - 1), float(top + height - 1))
    return _shape(name, "mask", corners, mask=base64.b64encode(written.getvalue()).decode())


WRITER = LabelmeWriter()
