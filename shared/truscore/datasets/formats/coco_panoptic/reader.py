"""The reader of COCO's panoptic segmentation: a picture of segment numbers for each image, and what each number is.

Array legend: H height, W width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from truscore.datasets.formats.described_images import DescribedImage, Mark, read_described
from truscore.datasets.formats.json_values import (
    SNIFFED_FILES,
    STRUCTURE,
    Entry,
    entries,
    json_files,
    load_json,
    names,
    pixels,
)
from truscore.datasets.images.decode import UnreadableImage, opened, read_bounded
from truscore.datasets.index.records import RLE, ImageRecord
from truscore.datasets.paths import name_of, stem_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.name_index import NameIndex
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.shapes.masks import mask_to_rle
from truscore.datasets.shapes.parse import BadShape

NAME = "coco_panoptic"


def recognise_coco_panoptic(context: ReaderContext) -> bool:
    """Whether one of the smallest JSON files has segments of images."""
    return any(_is_panoptic(load_json(context, path)) for path in json_files(context)[:SNIFFED_FILES])


def read_coco_panoptic(context: ReaderContext) -> ReadResult:
    """Read all such files, things and stuff alike; classes in the order of the categories."""
    pictures = NameIndex([path for path in context.folder.images if path.lower().endswith(".png")], context.log)
    images: list[DescribedImage] = []
    classes: list[str] = []
    used: set[str] = set()
    for path in sorted(json_files(context)):
        content = load_json(context, path)
        if not _is_panoptic(content):
            continue
        titles = _titles(context, content, path)
        classes += titles.values()
        described = {
            one.get("id"): one
            for one in entries(context, content["images"], "images", path)
            if isinstance(one.get("id"), int | str)
        }
        file = _File(path=path, described=described, titles=titles)
        for entry in entries(context, content["annotations"], "annotations", path):
            picture = _picture(context, entry, pictures, path)
            used.update(filter(None, [picture]))
            images.append(_image(context, entry, file, picture))
    return read_described(context, images, format=NAME, classes=classes, besides=used)


def _is_panoptic(content: Any) -> bool:
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        return False
    marks = content.get("annotations")
    return isinstance(marks, list) and bool(marks) and isinstance(marks[0], dict) and "segments_info" in marks[0]


def _titles(context: ReaderContext, content: Entry, path: str) -> dict[Any, str]:
    listed = entries(context, content.get("categories"), "categories", path)
    return {
        one["id"]: name for one in listed if isinstance(one.get("id"), int | str) for name in names(one.get("name"))
    }


def _picture(context: ReaderContext, entry: Entry, pictures: NameIndex, path: str) -> str:
    """The picture of numbers, which lies in a folder that is called like the file."""
    written = str(entry.get("file_name"))
    found = pictures.named(written, near=path)
    inside = [one for one in found if stem_of(path) in one.split("/")[:-1]] or found
    if len(inside) != 1:
        context.log.add("label.mask_unreadable", f"picture of segments {written!r:.80}: {len(inside)} are there", path)
        return ""
    return inside[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    path: str
    described: Mapping[Any, Entry]
    titles: Mapping[Any, str]


def _image(context: ReaderContext, entry: Entry, file: _File, picture: str) -> DescribedImage:
    path, described, titles = file.path, file.described, file.titles
    owner = entry.get("image_id")
    image = described.get(owner, {}) if isinstance(owner, int | str) else {}
    written = image.get("file_name")
    marks = []
    if entry.get("segments_info") is None:
        text = "an annotation without `segments_info`; one without segments has an empty list"
        context.log.add(STRUCTURE, text, f"{path}#{owner}")
    for segment in entries(context, entry.get("segments_info"), "segments_info", f"{path}#{owner}") if picture else ():
        place = f"{owner}/{segment.get('id')}"
        title = segment.get("category_id")
        name = titles.get(title) if isinstance(title, int | str) else None
        if name is None:
            text = f"category_id {title!r:.40} is not among the categories"
            context.log.add("label.unknown_category", text, f"{path}#{place}")
            continue
        mask = partial(_mask, context, picture, segment.get("id"))
        marks.append(Mark(name=name, place=bounded_text(place), mask=mask, crowd=segment.get("iscrowd") == 1))
    name = written if isinstance(written, str) and written else f"{stem_of(name_of(str(entry.get('file_name'))))}.jpg"
    return DescribedImage(
        file=path,
        name=name,
        image_id=bounded_text(str(owner)),
        width=pixels(image.get("width")),
        height=pixels(image.get("height")),
        marks=tuple(marks),
    )


def _mask(context: ReaderContext, picture: str, number: Any, record: ImageRecord) -> RLE:
    import numpy as np

    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 256**3:
        raise BadShape("label.malformed", f"a segment has id {number!r:.40}, expected a number from 1 to 16777215")
    try:
        content = read_bounded(context.folder.root / picture, limits=context.limits)
        with opened(content, limits=context.limits) as image:
            colours_HWC = np.asarray(image.convert("RGB"))
    except UnreadableImage as error:
        raise BadShape("label.mask_unreadable", f"{picture}: {error.reason}") from error
    height, width, _ = colours_HWC.shape
    if (width, height) != (record.width, record.height):
        text = f"{picture} has {width} x {height} pixels, its upright image {record.width} x {record.height}"
        raise BadShape("label.mask_size", text)
    wanted = np.array([number & 255, number >> 8 & 255, number >> 16], dtype=np.uint8)
    return mask_to_rle((colours_HWC == wanted).all(axis=2))
