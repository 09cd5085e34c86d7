"""The reader of Labelbox's export: NDJSON, a data row a line with the labels of its projects.

Masks are addresses of pictures on Labelbox's servers, and are reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from truscore.datasets.folder_words import part_meant_by
from truscore.datasets.formats.described_images import DescribedImage, Mark, read_described
from truscore.datasets.formats.json_lines import files_with_keys, json_lines
from truscore.datasets.formats.json_values import (
    KIND_UNREAD,
    LEFT_OUT,
    STRUCTURE,
    Entry,
    entries,
    looks_like_image,
    names,
    number,
    pixels,
    points,
    polygon,
)
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.shapes.parse import BadShape

NAME = "labelbox"
_ROW, _PROJECTS = "data_row", "projects"
_KINDS = "boxes, polygons, lines and points"


def recognise_labelbox(context: ReaderContext) -> bool:
    """Whether one of the first lines has a data row and projects."""
    return bool(files_with_keys(context, _ROW, _PROJECTS))


def read_labelbox(context: ReaderContext) -> ReadResult:
    """Read all exports of the folder; classes in natural order."""
    images = [
        image
        for path in files_with_keys(context, _ROW, _PROJECTS)
        for line, entry in json_lines(context, path)
        if (image := _image(context, entry, path, line)) is not None
    ]
    return read_described(context, images, format=NAME)


def _image(context: ReaderContext, entry: Any, path: str, line: int) -> DescribedImage | None:
    where = f"{path}#{line}"
    row = entry.get(_ROW) if isinstance(entry, dict) else None
    name = _name(row) if isinstance(row, dict) else ""
    if not name:
        text = f"{entry!r:.60}; expected a `{_ROW}` whose external_id or row_data names an image"
        context.log.add(STRUCTURE, text, where)
        return None
    size = entry.get("media_attributes")
    size = size if isinstance(size, dict) else {}
    marks: list[Mark] = []
    labels: list[str] = []
    for label in _labels(context, entry.get(_PROJECTS), where):
        said = label.get("annotations")
        if not isinstance(said, dict):
            context.log.add(STRUCTURE, f"`annotations` is {said!r:.60}, expected an object", where)
            continue
        for at, thing in enumerate(entries(context, said.get("objects"), "objects", where)):
            place = f"{line}/{len(marks)}"
            try:
                marks.append(_mark(thing, place, context.limits.points_per_polygon))
            except BadShape as bad:
                context.log.add(bad.code, str(bad), f"{where}/{at}")
        labels += _answers(context, entries(context, said.get("classifications"), "classifications", where), where)
    return DescribedImage(
        file=path,
        name=name,
        width=pixels(size.get("width")),
        height=pixels(size.get("height")),
        marks=tuple(marks),
        labels=tuple(labels) or None,
        part=_part(entry.get("metadata_fields")),
    )


def _name(row: Entry) -> str:
    """The image's own name where it is one, else its address."""
    written = [row.get(key) for key in ("external_id", "global_key", "row_data")]
    found = [value for value in written if isinstance(value, str) and value]
    return next((value for value in found if looks_like_image(value)), found[0] if found else "")


def _labels(context: ReaderContext, projects: Any, where: str) -> list[Entry]:
    """The label of each project; of several people's the first."""
    if not isinstance(projects, dict):
        context.log.add(STRUCTURE, f"`{_PROJECTS}` is {projects!r:.60}, expected an object", where)
        return []
    found = []
    for key, project in projects.items():
        written = project.get("labels") if isinstance(project, dict) else project
        listed = entries(context, written if isinstance(project, dict) else [project], "labels", where)
        if len(listed) > 1:
            text = f"project {key[:40]!r} has {len(listed)} labels of this image; the first is read"
            context.log.add("label.several_annotators", text, where)
        found += listed[:1]
    return found


def _mark(thing: Entry, place: str, limit: int) -> Mark:
    name = next(iter(names(thing.get("name"))), "")
    if not name:
        raise BadShape("label.malformed", f"an object has name {thing.get('name')!r:.40}")
    if isinstance(box := thing.get("bounding_box"), dict):
        left, top, width, height = (number(box, side) for side in ("left", "top", "width", "height"))
        return Mark(name=name, place=place, box_xywh=(left, top, width, height))
    if "polygon" in thing:
        return Mark(name=name, place=place, polygons=(polygon(thing["polygon"], limit=limit),))
    if "line" in thing:
        return Mark(name=name, place=place, shape="linestrip", points=points(thing["line"], limit=limit))
    if "point" in thing:
        return Mark(name=name, place=place, shape="point", points=points([thing["point"]], limit=1, what="point"))
    kind = thing.get("annotation_kind")
    raise BadShape(KIND_UNREAD, f"a {kind!r:.40} of {name!r}; read are {_KINDS}: draw those, or export COCO")


def _answers(context: ReaderContext, written: list[Entry], where: str) -> Iterator[str]:
    """Classes of the whole image: what was chosen of one or several."""
    for one in written:
        chosen = one.get("radio_answer") or one.get("checklist_answers") or one.get("radio_answers")
        for answer in chosen if isinstance(chosen, list) and chosen else [chosen]:
            said = names(answer.get("name")) if isinstance(answer, dict) else ()
            yield from said
            if not said:
                text = f"the answer {answer!r:.40} to {one.get('name')!r:.40} is no choice of classes"
                context.log.add(LEFT_OUT, text, where)


def _part(fields: Any) -> str:
    """The part of a split that a row's metadata names."""
    listed = [field for field in fields if isinstance(field, dict)] if isinstance(fields, list) else []
    words = (str(field.get("value")) for field in listed if str(field.get("schema_name")).lower() == "split")
    return next(filter(None, map(part_meant_by, words)), "")
