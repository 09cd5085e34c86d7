"""The reader of the index beside its images: everything is taken as written, and each image is held against it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from types import MappingProxyType
from typing import Any

from truscore.datasets.index.json_codec import InvalidIndex, index_from_json
from truscore.datasets.index.records import Annotation, DatasetIndex, ImageRecord, LitObject
from truscore.datasets.reading.build_index import (
    Annotate,
    ImageLabels,
    build_read_result,
    report_unlisted,
    unreadable_dataset,
)
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.references import is_escape
from truscore.datasets.reading.result import ReadResult
from truscore.datasets.reading.stated_parts import StatedParts

NAME = "truscore"
INDEX_FILE = "dataset-index.json"


def recognise_truscore(context: ReaderContext) -> bool:
    """Whether an index lies at the root."""
    return INDEX_FILE in context.folder.files


def read_truscore(context: ReaderContext) -> ReadResult:
    """Read the index at the root; images that are not there, or have other content, are reported."""
    index = _index(context)
    if index is None:
        return unreadable_dataset(context, "format.truscore.missing", f"there is no {INDEX_FILE} that can be read")
    files = frozenset(context.folder.files)
    listed = {image.path: image for image in index.images if _is_there(context, files, image.path)}
    maps = [found.path for one in index.objects for found in one.maps]
    there = {path for path in maps if _is_there(context, files, path)}
    report_unlisted(context, {*listed, *maps})
    reading = build_read_result(
        context,
        format=NAME,
        class_names=index.class_names,
        grades=index.grades,
        annotate=_annotate(context, index, listed),
        image_labels={path: _labels(context, index, image) for path, image in listed.items()},
        parts=StatedParts(source=INDEX_FILE, by_image={path: image.part for path, image in listed.items()}),
    )
    if reading.index is None:
        return reading
    images = tuple(_with_origin(context, image, listed[image.path]) for image in reading.index.images)
    seen = {image.light.object for image in images if image.light is not None}
    objects = tuple(_with_maps(one, there) for one in index.objects if one.name in seen)
    return replace(reading, index=replace(reading.index, images=images, objects=objects), problems=context.log.all())


def _index(context: ReaderContext) -> DatasetIndex | None:
    if INDEX_FILE not in context.folder.files:
        return None
    file, limit_bytes = context.folder.root / INDEX_FILE, context.limits.annotation_file_bytes
    if file.stat().st_size > limit_bytes:
        context.log.add("format.truscore.invalid", f"larger than {limit_bytes} bytes", INDEX_FILE)
        return None
    context.files_read.add(INDEX_FILE)
    try:
        return index_from_json(file.read_bytes())
    except InvalidIndex as error:
        context.log.add("format.truscore.invalid", str(error), INDEX_FILE)
        return None


def _is_there(context: ReaderContext, files: frozenset[str], path: str) -> bool:
    if is_escape(path):
        context.log.add("format.path_escape", f"{path!r} is absolute or climbs out of the dataset", INDEX_FILE)
        return False
    if path not in files:
        context.log.add("format.image_missing", f"image {path!r} is not in the dataset", INDEX_FILE)
        return False
    return True


def _with_maps(lit_object: LitObject, there: Collection[str]) -> LitObject:
    gone: dict[str, Any] = {
        each.name: None
        for each in fields(lit_object)
        if each.name != "name" and (found := getattr(lit_object, each.name)) is not None and found.path not in there
    }
    return replace(lit_object, **gone)


def _annotate(context: ReaderContext, index: DatasetIndex, listed: Mapping[str, ImageRecord]) -> Mapping[str, Annotate]:
    found: dict[str, Annotate] = {}
    for path, image in listed.items():
        known = tuple(_known(context, index, image))
        found[path] = partial(_given, known)
    return MappingProxyType(found)


def _given(annotations: Sequence[Annotation], _record: ImageRecord) -> tuple[Annotation, ...]:
    return tuple(annotations)


def _known(context: ReaderContext, index: DatasetIndex, image: ImageRecord) -> Iterator[Annotation]:
    """Annotations of classes that there are, as many as the limit."""
    count = len(index.class_names)
    limit = context.limits.annotations_per_image
    if len(image.annotations) > limit:
        context.log.add("label.too_many", f"{len(image.annotations)} annotations; {limit} are read", image.path)
    for annotation in image.annotations[:limit]:
        where = f"{image.path}#{annotation.source_id}"
        if not 1 <= annotation.label <= count:
            text = f"label {annotation.label}, but the classes have numbers 1 to {count}"
            context.log.add("label.unknown_category", text, where)
        elif fault := _fault_of(annotation):
            context.log.add("label.malformed", fault, where)
        else:
            yield annotation


def _fault_of(annotation: Annotation) -> str:
    rle = annotation.rle
    if rle is not None and (min(rle.counts, default=0) < 0 or sum(rle.counts) != rle.height * rle.width):
        return f"run lengths of {sum(rle.counts)} pixels for a picture of {rle.width} x {rle.height}"
    odd = [one for one in (*annotation.polygons, annotation.points) if len(one) % 2]
    return f"{len(odd[0])} coordinates, expected pairs" if odd else ""


def _labels(context: ReaderContext, index: DatasetIndex, image: ImageRecord) -> ImageLabels:
    labels, count = image.labels, len(index.class_names)
    if labels is not None and (unknown := [label for label in labels if not 1 <= label <= count]):
        text = f"labels {unknown[:8]}, but the classes have numbers 1 to {count}"
        context.log.add("label.unknown_category", text, image.path)
        labels = tuple(label for label in labels if 1 <= label <= count) or None
    return ImageLabels(labels=labels, scores=image.scores, written_grade=image.written_grade)


def _with_origin(context: ReaderContext, image: ImageRecord, written: ImageRecord) -> ImageRecord:
    """With the group and light of the index; the file itself says the rest."""
    if image.sha256 != written.sha256:
        context.log.add(
            "format.truscore.image_changed",
            f"has SHA-256 {image.sha256[:12]}…, the index was made of {written.sha256[:12]}…",
            image.path,
        )
    return replace(image, group=written.group, light=written.light)
