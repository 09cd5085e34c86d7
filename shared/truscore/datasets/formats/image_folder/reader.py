"""The reader of Hugging Face's image folders: `metadata.jsonl`, an object a line, beside or above its images.

Boxes are x, y, width and height in pixels, as in COCO. Of a number the file does not say which class it is: it is a
place in `classes` of truscore.json, or the class's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from truscore.datasets.folder_words import part_meant_by
from truscore.datasets.formats.csv.headings import LABEL_NAMES, PART_NAMES, SCORE_WORDS, plain
from truscore.datasets.formats.described_images import DescribedImage, Mark, read_described
from truscore.datasets.formats.json_lines import json_lines
from truscore.datasets.formats.json_values import LEFT_OUT, STRUCTURE, Entry
from truscore.datasets.paths import name_of
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.shapes.parse import BadShape, box_from, numbers

NAME = "image_folder"
_FILE = "metadata.jsonl"
_IMAGE, _OBJECTS = "file_name", "objects"
_BOXES, _CLASSES = ("bbox", "bboxes", "boxes"), ("category", "categories", "label", "labels", "category_id")
_SNIFFED_LINES = 20


def recognise_image_folder(context: ReaderContext) -> bool:
    """Whether one of the first lines of a `metadata.jsonl` names an image."""
    return any(
        isinstance(entry, dict) and _IMAGE in entry
        for path in _files(context)
        for _, entry in islice(json_lines(context, path), _SNIFFED_LINES)
    )


def read_image_folder(context: ReaderContext) -> ReadResult:
    """Read all such files of the folder; classes in natural order, grades in rising order."""
    images: list[DescribedImage] = []
    for path in _files(context):
        file = _File(context, path)
        images += [image for line, entry in json_lines(context, path) if (image := file.image(line, entry))]
        file.report()
    return read_described(context, images, format=NAME)


def _files(context: ReaderContext) -> list[str]:
    return [path for path in context.folder.with_suffix(".jsonl") if name_of(path).lower() == _FILE]


class _File:
    """One file. What is not read of its lines is counted, and reported once."""

    def __init__(self, context: ReaderContext, path: str) -> None:
        self._context, self._path = context, path
        self._unread: dict[str, int] = {}

    def image(self, line: int, entry: Any) -> DescribedImage | None:
        """What a line says; None after reporting why it says nothing."""
        where = f"{self._path}#{line}"
        name = entry.get(_IMAGE) if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name:
            text = f"`{_IMAGE}` is {name!r:.60}, expected a path" if isinstance(entry, dict) else f"{entry!r:.60}"
            self._context.log.add(STRUCTURE, f"{text}; expected an object that names an image", where)
            return None
        labels: list[str] | None = None
        scores: dict[str, float] = {}
        part = ""
        for key, value in entry.items():
            try:
                if value is None or key in {_IMAGE, _OBJECTS}:
                    continue
                if plain(key) in LABEL_NAMES:
                    labels = [*(labels or []), *self._labels(key, value)]
                elif plain(key) in PART_NAMES and isinstance(value, str) and (part := part_meant_by(value)):
                    continue
                elif SCORE_WORDS & set(plain(key).split("_")):
                    scores[bounded_text(key)] = numbers([value], what=key[:40])[0]
                else:
                    self._unread[key] = self._unread.get(key, 0) + 1
            except BadShape as bad:
                self._context.log.add(bad.code, str(bad), where)
        return DescribedImage(
            file=self._path,
            name=name,
            marks=tuple(self._marks(entry.get(_OBJECTS), line)),
            labels=None if labels is None else tuple(labels),
            scores=tuple(sorted(scores.items())),
            part=part,
        )

    def report(self) -> None:
        for key, count in self._unread.items():
            text = f"`{key[:60]}` of {count} lines is not read: it is no label, score or list of objects"
            self._context.log.add(LEFT_OUT, text, self._path)

    def _marks(self, objects: Any, line: int) -> Iterator[Mark]:
        """Boxes from lists side by side, or from a list of objects."""
        if objects is None:
            return
        try:
            pairs = _side_by_side(objects) if isinstance(objects, dict) else _one_by_one(objects)
        except BadShape as bad:
            self._context.log.add(bad.code, str(bad), f"{self._path}#{line}")
            return
        for at, (box, written) in enumerate(pairs):
            place = f"{line}/{at}"
            try:
                name = self._name(written, "the class of a box")
                yield Mark(name=name, place=place, box_xywh=box_from(box))
            except BadShape as bad:
                self._context.log.add(bad.code, str(bad), f"{self._path}#{place}")

    def _labels(self, key: str, value: Any) -> list[str]:
        values = value if isinstance(value, list) else [value]
        return [self._name(one, f"`{key[:40]}`") for one in values]

    def _name(self, value: Any, what: str) -> str:
        """The class that a text or a number means. Raises BadShape."""
        if isinstance(value, str) and value.strip():
            return bounded_text(value.strip())
        if isinstance(value, int | float) and not isinstance(value, bool):
            (written,), names = numbers([value], what=what), self._context.class_names
            known = f"{written:g}" not in names and written.is_integer() and 0 <= written < len(names)
            return names[int(written)] if known else f"{written:g}"
        raise BadShape("label.malformed", f"{what} is {value!r:.40}, expected a name or a number")


def _side_by_side(objects: Entry) -> list[tuple[Any, Any]]:
    boxes, classes = (next((objects[key] for key in keys if key in objects), None) for keys in (_BOXES, _CLASSES))
    if not isinstance(boxes, list) or not isinstance(classes, list) or len(boxes) != len(classes):
        shown = ", ".join(f"{key} {value!r:.30}" for key, value in objects.items())
        text = f"`{_OBJECTS}` has {shown:.120}; expected as many boxes ({_BOXES[0]}) as classes ({_CLASSES[0]})"
        raise BadShape("label.malformed", text)
    return list(zip(boxes, classes, strict=True))


def _one_by_one(objects: Any) -> list[tuple[Any, Any]]:
    if not isinstance(objects, list) or not all(isinstance(one, dict) for one in objects):
        raise BadShape("label.malformed", f"`{_OBJECTS}` is {objects!r:.60}, expected boxes and their classes")
    return [
        (
            next((one[key] for key in _BOXES if key in one), None),
            next((one[key] for key in _CLASSES if key in one), None),
        )
        for one in objects
    ]
