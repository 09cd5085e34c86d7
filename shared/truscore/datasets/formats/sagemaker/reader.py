"""The reader of Amazon SageMaker Ground Truth: `output.manifest`, an object a line that names an image by its address.

What a job labelled stands under the job's name, and what that means under the name with `-metadata`. Boxes, classes of
whole images and several classes are read; masks lie in pictures that the manifest only names, and are reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from truscore.datasets.formats.described_images import DescribedImage, Mark, read_described
from truscore.datasets.formats.json_lines import files_with_keys, json_lines
from truscore.datasets.formats.json_values import KIND_UNREAD, STRUCTURE, Entry, entries, number, pixels
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.shapes.parse import BadShape

NAME = "sagemaker"
_IMAGE, _METADATA = "source-ref", "-metadata"


def recognise_sagemaker(context: ReaderContext) -> bool:
    """Whether one of the first lines of a manifest names an image by its address."""
    return bool(files_with_keys(context, _IMAGE))


def read_sagemaker(context: ReaderContext) -> ReadResult:
    """Read all manifests of the folder; classes in natural order."""
    images: list[DescribedImage] = []
    by_program: list[str] = []
    for path in files_with_keys(context, _IMAGE):
        for line, entry in json_lines(context, path):
            where = f"{path}#{line}"
            if not isinstance(entry, dict) or not isinstance(entry.get(_IMAGE), str) or not entry[_IMAGE]:
                context.log.add(STRUCTURE, f"{entry!r:.60}; expected an object with a {_IMAGE}", where)
                continue
            image, judged = _image(context, entry, path, line)
            images.append(image)
            by_program += [where] if not judged else []
    if by_program:
        text = f"{len(by_program)} images were labelled by a program, not by people"
        context.log.add("label.confidence", text, by_program[0])
    return read_described(context, images, format=NAME)


def _image(context: ReaderContext, entry: Entry, path: str, line: int) -> tuple[DescribedImage, bool]:
    """What a line says, and whether people said all of it."""
    marks: list[Mark] = []
    labels: list[str] | None = None
    sizes: list[Entry] = []
    judged = True
    for key, value in entry.items():
        if key == _IMAGE or key.endswith((_METADATA, "-ref-color-map")):
            continue
        place = f"{line}/{key[:40]}"
        meta = entry.get(f"{key}{_METADATA}")
        if not isinstance(meta, dict):
            context.log.add(STRUCTURE, f"`{key[:60]}` has no `{key[:60]}{_METADATA}` that says what it means", place)
            continue
        judged = judged and meta.get("human-annotated") != "no"
        try:
            if isinstance(value, dict):
                sizes += entries(context, value.get("image_size"), "image_size", f"{path}#{place}")[:1]
                written = entries(context, value.get("annotations"), "annotations", f"{path}#{place}")
                marks += _boxes(context, written, meta, f"{path}#{place}")
                if "annotations" not in value:
                    raise BadShape("label.malformed", "has no list of annotations")
            elif str(meta.get("type", "")).endswith("object-detection"):
                raise BadShape("label.malformed", f"is {value!r:.40}, expected an object with annotations")
            elif key.endswith("-ref"):
                raise BadShape(KIND_UNREAD, "masks that lie in pictures of their own; export boxes, or COCO")
            else:
                labels = [*(labels or []), *_classes(value, meta)]
        except BadShape as bad:
            context.log.add(bad.code, f"`{key[:60]}`: {bad}", f"{path}#{place}")
    size = sizes[0] if sizes else {}
    image = DescribedImage(
        file=path,
        name=entry[_IMAGE],
        width=pixels(size.get("width")),
        height=pixels(size.get("height")),
        marks=tuple(marks),
        labels=None if labels is None else tuple(labels),
    )
    return image, judged


def _boxes(context: ReaderContext, written: list[Entry], meta: Entry, where: str) -> Iterator[Mark]:
    for at, box in enumerate(written):
        try:
            left, top, width, height = (number(box, side) for side in ("left", "top", "width", "height"))
            name = _class(box.get("class_id"), meta)
            yield Mark(name=name, place=f"{where.rpartition('#')[2]}/{at}", box_xywh=(left, top, width, height))
        except BadShape as bad:
            context.log.add(bad.code, str(bad), f"{where}/{at}")


def _classes(value: Any, meta: Entry) -> list[str]:
    """Classes of a whole image: one, whose name the metadata says, or several by number. Raises BadShape."""
    if isinstance(value, list):
        return [_class(one, meta) for one in value]
    name = meta.get("class-name")
    return [bounded_text(name)] if isinstance(name, str) and name else [_class(value, meta)]


def _class(value: Any, meta: Entry) -> str:
    """What the class map calls a number. Raises BadShape."""
    names = meta.get("class-map")
    name = names.get(str(value)) if isinstance(names, dict) and isinstance(value, int | str) else None
    if not isinstance(name, str) or not name:
        raise BadShape("label.unknown_category", f"class {value!r:.40} is not in the class map {names!r:.80}")
    return bounded_text(name)
