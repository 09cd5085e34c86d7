"""The reader of the VGG Image Annotator (VIA 1 to 3): its projects and its exports as JSON and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import chain

from truscore.datasets.formats.described_images import DescribedImage, Mark, read_described
from truscore.datasets.formats.json_values import LEFT_OUT, SNIFFED_FILES, json_files, load_json
from truscore.datasets.formats.via.file import ViaImage, is_via_header, read_via_csv, read_via_json, via_images
from truscore.datasets.formats.via.project3 import is_project3, project3_images
from truscore.datasets.formats.via.regions import (
    CLASS_ATTRIBUTES,
    class_attribute,
    odd_value,
    region_marks,
    value_names,
)
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.reading.text_file import decoded_or_replaced
from truscore.datasets.shapes.parse import BadShape

NAME = "via"
_PROJECT3_WORDS = ('"fid"', '"fname"')


def recognise_via(context: ReaderContext) -> bool:
    """Whether a small JSON file has regions of VIA, or a table its columns."""
    paths = json_files(context, '"regions"', '"filename"')[:SNIFFED_FILES]
    projects = json_files(context, *_PROJECT3_WORDS)[:SNIFFED_FILES]
    return (
        bool(_tables(context))
        or any(via_images(load_json(context, path)) for path in paths)
        or any(is_project3(load_json(context, path)) for path in projects)
    )


def read_via(context: ReaderContext) -> ReadResult:
    """Read all files of the folder; regions without any attribute are of one class."""
    paths = sorted(json_files(context, '"regions"', '"filename"'))
    tables = _tables(context)
    # An export as CSV beside the project says the same once more.
    images = list(chain.from_iterable(read_via_json(context, path) for path in paths))
    images += chain.from_iterable(_project3(context, path) for path in sorted(json_files(context, *_PROJECT3_WORDS)))
    if images and tables:
        context.log.add(LEFT_OUT, "the JSON beside it was read instead", tables[0])
    elif tables:
        images = list(chain.from_iterable(read_via_csv(context, path) for path in tables))
    where = images[0].file if images else ""
    regions = (region.get("region_attributes") for image in images for region in image.regions)
    attribute = class_attribute(context, regions, where)
    return read_described(context, [_described(context, image, attribute) for image in images], format=NAME)


def _project3(context: ReaderContext, path: str) -> Iterator[ViaImage]:
    content = load_json(context, path)
    return project3_images(context, path, content) if is_project3(content) else iter(())


def _tables(context: ReaderContext) -> Sequence[str]:
    return [path for path in context.folder.with_suffix(".csv")[:SNIFFED_FILES] if _is_table(context, path)]


def _is_table(context: ReaderContext, path: str) -> bool:
    with (context.folder.root / path).open("rb") as file:
        head = decoded_or_replaced(file.read(4096))
    first = head.split("\n", 1)[0].strip("\r")
    try:
        return is_via_header(next(csv.reader([first]), []))
    except csv.Error:
        return False


def _described(context: ReaderContext, image: ViaImage, attribute: str) -> DescribedImage:
    marks: list[Mark] = []
    for number, region in enumerate(image.regions):
        place = f"{image.filename}/{number}"
        try:
            marks += region_marks(region, attribute, context=context, place=place)
        except BadShape as bad:
            context.log.add(bad.code, str(bad), f"{image.file}#{place}")
    for key, value in image.attributes.items():
        if key.strip().lower() in CLASS_ATTRIBUTES and (odd := odd_value(value)):
            text = f"attribute {key!r:.40} is {odd}, expected a word or ticked words"
            context.log.add("label.malformed", text, f"{image.file}#{image.filename}")
    labels = [
        name
        for key, value in image.attributes.items()
        if key.strip().lower() in CLASS_ATTRIBUTES
        for name in value_names(value)
    ]
    unread = [key for key, value in image.attributes.items() if key.strip().lower() not in CLASS_ATTRIBUTES and value]
    if unread:
        text = f"attributes of the file that are not read: {', '.join(map(str, unread))[:200]}"
        context.log.add(LEFT_OUT, text, f"{image.file}#{image.filename}")
    return DescribedImage(file=image.file, name=image.filename, marks=tuple(marks), labels=tuple(labels) or None)
