"""Projects of VIA 3: files, views of them, and marks that name the view they are in, with numbers for shapes.

A mark is a list: the number of its shape (1 point, 2 rectangle, 3 circle, 4 ellipse, 5 line, 6 polyline, 7 polygon),
then its coordinates; an empty list is said of the whole file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from truscore.datasets.formats.json_values import STRUCTURE, Entry
from truscore.datasets.formats.via.file import ViaImage
from truscore.datasets.reading.context import ReaderContext

_POINT, _RECT, _CIRCLE, _ELLIPSE, _LINE, _POLYLINE, _POLYGON = range(1, 8)
# Numbers after the shape's own, in their order.
_FIELDS: Mapping[int, tuple[str, tuple[str, ...]]] = {
    _POINT: ("point", ("cx", "cy")),
    _RECT: ("rect", ("x", "y", "width", "height")),
    _CIRCLE: ("circle", ("cx", "cy", "r")),
    _ELLIPSE: ("ellipse", ("cx", "cy", "rx", "ry")),
}
_OUTLINES = {_LINE: "polyline", _POLYLINE: "polyline", _POLYGON: "polygon"}


def is_project3(content: Any) -> bool:
    """Whether it is a project of VIA 3 with files and marks."""
    return isinstance(content, dict) and all(isinstance(content.get(key), dict) for key in ("file", "metadata", "view"))


def project3_images(context: ReaderContext, path: str, content: Entry) -> Iterator[ViaImage]:
    """Each file with the marks of its views; what stands for no file or is no mark is reported."""
    files_by_id = {file_id: _File(name=str(file.get("fname", ""))) for file_id, file in _objects(content["file"])}
    files_of_view = {key: _texts(view.get("fid_list")) for key, view in _objects(content["view"])}
    for key, mark in content["metadata"].items():
        where = f"{path}#{key}"
        files = files_of_view.get(str(mark.get("vid")), []) if isinstance(mark, dict) else []
        if len(files) != 1 or files[0] not in files_by_id:
            context.log.add(STRUCTURE, f"a mark of view {_shown(mark)}, which is not of one file", where)
            continue
        values = _attributes(context, content.get("attribute"), mark.get("av"), where)
        shape = mark.get("xy")
        if not isinstance(shape, list):
            context.log.add(STRUCTURE, f"a mark has xy {shape!r:.40}, expected the numbers of a shape, or none", where)
        elif not shape:
            files_by_id[files[0]].attributes.update(values)
        else:
            files_by_id[files[0]].regions.append({"shape_attributes": _shape(shape), "region_attributes": values})
    for file_id, image in files_by_id.items():
        if not image.name:
            context.log.add(STRUCTURE, "a file without a name", f"{path}#{file_id}")
            continue
        yield ViaImage(file=path, filename=image.name, regions=tuple(image.regions), attributes=image.attributes)


class _File:
    """A file with the marks read so far."""

    def __init__(self, *, name: str) -> None:
        self.name = name
        self.regions: list[Entry] = []
        self.attributes: Entry = {}


def _objects(values: Entry) -> Iterator[tuple[str, Entry]]:
    return ((str(key), value) for key, value in values.items() if isinstance(value, dict))


def _texts(values: Any) -> list[str]:
    return [str(one) for one in values] if isinstance(values, list) else []


def _shape(numbers: Sequence[Any]) -> Entry:
    """The shape as VIA 2 has it; one that it has not keeps its numbers as its name."""
    kind, rest = numbers[0], list(numbers[1:])
    if type(kind) is int and kind in _FIELDS and len(rest) <= len(_FIELDS[kind][1]):
        name, fields = _FIELDS[kind]
        return {"name": name, **dict(zip(fields, rest, strict=False))}
    if type(kind) is int and kind in _OUTLINES:
        return {"name": _OUTLINES[kind], "all_points_x": rest[0::2], "all_points_y": rest[1::2]}
    return {"name": f"shape {', '.join(map(repr, numbers))}"[:40]}


def _attributes(context: ReaderContext, declared: Any, values: Any, where: str) -> Entry:
    """Names of attributes with the words of the options that were chosen."""
    if not isinstance(values, dict):
        context.log.add(STRUCTURE, f"a mark has av {values!r:.40}, expected an object", where)
        return {}
    by_name: Entry = {}
    for key, value in values.items():
        attribute = declared.get(key) if isinstance(declared, dict) else None
        attribute = attribute if isinstance(attribute, dict) else {}
        options = attribute.get("options")
        word = options.get(str(value), value) if isinstance(options, dict) else value
        unknown = not isinstance(options, dict) or (options and str(value) not in options)
        if unknown or not isinstance(word, str):
            text = f"attribute {key!r:.40} is {word!r:.40}, which is none of its options or no word"
            context.log.add(STRUCTURE, text, where)
        by_name[str(attribute.get("aname", key))] = word
    return by_name


def _shown(mark: Any) -> str:
    return f"{mark.get('vid') if isinstance(mark, dict) else mark!r}"[:40]
