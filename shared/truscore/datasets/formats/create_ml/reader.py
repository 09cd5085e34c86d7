"""The Create ML reader: a JSON list of images with boxes, whose x and y are their centres."""

from __future__ import annotations

from typing import Any

from truscore.datasets.formats.described_images import DescribedImage, Mark, read_described
from truscore.datasets.formats.json_values import SNIFFED_FILES, Entry, entries, json_files, load_json, names, number
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.shapes.parse import BadShape

NAME = "create_ml"
_IMAGE, _MARKS = ("image", "imagefilename", "imageURL"), ("annotations", "annotation")


def recognise_create_ml(context: ReaderContext) -> bool:
    """Whether one of the smallest JSON files lists images with coordinates."""
    paths = json_files(context, '"coordinates"')[:SNIFFED_FILES]
    return any(map(_is_image, _listed(context, paths)))


def read_create_ml(context: ReaderContext) -> ReadResult:
    """Read all files of the folder; classes in natural order."""
    images = []
    for path in sorted(json_files(context, '"coordinates"')):
        content = load_json(context, path)
        listed = entries(context, content, "the list of images", path) if isinstance(content, list) else []
        images += [_image(context, one, path) for one in listed if _is_image(one)]
    return read_described(context, images, format=NAME)


def _listed(context: ReaderContext, paths: list[str]) -> list[Any]:
    contents = (load_json(context, path) for path in paths)
    return [one for content in contents if isinstance(content, list) for one in content]


def _is_image(value: Any) -> bool:
    if not isinstance(value, dict) or not any(isinstance(value.get(key), str) for key in _IMAGE):
        return False
    return any(isinstance(value.get(key), list) for key in _MARKS)


def _image(context: ReaderContext, one: Entry, path: str) -> DescribedImage:
    name = next(one[key] for key in _IMAGE if isinstance(one.get(key), str))
    written = next(one[key] for key in _MARKS if isinstance(one.get(key), list))
    marks = []
    for at, entry in enumerate(entries(context, written, "annotations", f"{path}#{name}")):
        place = f"{name}/{at}"
        try:
            marks.append(_mark(entry, place))
        except BadShape as bad:
            context.log.add(bad.code, str(bad), f"{path}#{place}")
    return DescribedImage(file=path, name=name, marks=tuple(marks))


def _mark(entry: Entry, place: str) -> Mark:
    name = next(iter(names(entry.get("label"))), "")
    sides = entry.get("coordinates")
    if not name or not isinstance(sides, dict):
        raise BadShape(
            "label.malformed", f"an annotation has label {entry.get('label')!r:.40}, coordinates {sides!r:.40}"
        )
    x, y, width, height = (number(sides, key) for key in ("x", "y", "width", "height"))
    return Mark(name=name, place=place, box_xywh=(x - width / 2, y - height / 2, width, height))
