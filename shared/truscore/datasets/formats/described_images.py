"""What annotation files say of images, brought to the images: a reader of a further tool gives these and nothing else.

Each part of a file that cannot be used is reported where it stands, and the rest is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from truscore.datasets.formats.class_lists import ClassList, class_list
from truscore.datasets.formats.labelme.shapes import drawn_shape
from truscore.datasets.index.class_order import grades_of
from truscore.datasets.index.records import KEY_POINTS, RLE, Annotation, ImageRecord
from truscore.datasets.paths import stem_of
from truscore.datasets.reading.build_index import (
    Annotate,
    ImageLabels,
    build_read_result,
    report_unlisted,
    unreadable_dataset,
)
from truscore.datasets.reading.context import ReaderContext
from truscore.datasets.reading.folder import Folder
from truscore.datasets.reading.image_lookup import ImageLookup
from truscore.datasets.reading.problems import bounded_text
from truscore.datasets.reading.result import DeclaredImage, ReadResult
from truscore.datasets.reading.stated_parts import StatedParts, parts_of_files
from truscore.datasets.shapes.masks import annotation_mask, mask_to_rle
from truscore.datasets.shapes.parse import BadShape, Box, box_around, box_from, box_of_rle

Polygon = tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One mark as its file has it, by class name. Coordinates are pixels or, where `fractions`, shares of the image's
    width and height. `holes` are cut out of the polygons. `mask` makes run lengths once the image's size is known.
    `shape` and `points` are those of Annotation; `place` says where in the file it stands."""

    name: str
    place: str = ""
    box_xywh: Box | None = None
    polygons: tuple[Polygon, ...] = ()
    holes: tuple[Polygon, ...] = ()
    mask: Callable[[ImageRecord], RLE] | None = None
    shape: str = ""
    points: Polygon = ()
    crowd: bool = False
    fractions: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DescribedImage:
    """`name` is the image's path as written in `file`. `labels` are those of the whole image: () for none of them,
    None where nothing is said; `part` is that of a split, as PARTS has it, where the file states one."""

    file: str
    name: str
    image_id: str = ""
    width: int | None = None
    height: int | None = None
    marks: tuple[Mark, ...] = ()
    labels: tuple[str, ...] | None = None
    scores: tuple[tuple[str, float], ...] = ()
    part: str = ""


def read_described(
    context: ReaderContext,
    images: Iterable[DescribedImage],
    *,
    format: str,
    classes: Sequence[str] = (),
    besides: Iterable[str] = (),
) -> ReadResult:
    """The index of described images. `classes` are those that the files declare, in their order; `besides` are
    pictures that are no images.

    Where none is described the result has no index, and says so.
    """
    described = list(images)
    if not described:
        return unreadable_dataset(context, "format.annotations.missing", f"no file has annotations of {format}")
    context.files_read.update((*(image.file for image in described), *besides))
    collector = _Collector(context=context, classes=_classes(context, described, classes))
    lookup = ImageLookup(context, annotations={image.file for image in described})
    for image in described:
        path = lookup.find(image.name, annotation=image.file)
        if path is not None:
            collector.add(path, image)
    lookup.report()
    report_unlisted(context, {*collector.annotate, *besides})
    return build_read_result(
        context,
        format=format,
        class_names=collector.classes.names,
        grades=collector.classes.grades,
        annotate=collector.annotate,
        image_labels=collector.image_labels,
        declared=collector.declared,
        parts=collector.parts(),
    )


class ImagesByStem:
    """Images for label files that name none: those of the same stem, the nearest of several."""

    def __init__(self, folder: Folder) -> None:
        self._by_stem: dict[str, list[str]] = {}
        for image in folder.images:
            self._by_stem.setdefault(stem_of(image).lower(), []).append(image)

    def called_like(self, path: str) -> str:
        """The image as written from the folder of the file `path`; "" for none, and where several are as near."""
        home = path.split("/")[:-1]
        found = self._by_stem.get(stem_of(path).lower(), [])
        near = {image: _common(image.split("/")[:-1], home) for image in found}
        best = [image for image in found if near[image] == max(near.values())]
        return "../" * len(home) + best[0] if len(best) == 1 else ""


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many of the first parts are the same."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count


def _classes(context: ReaderContext, images: Sequence[DescribedImage], declared: Sequence[str]) -> ClassList:
    used = {mark.name for image in images for mark in image.marks}
    whole = {name for image in images for name in image.labels or ()}
    if not declared:
        found = class_list(context, used | whole, graded=not used)
        # Numbers that marks are called by are classes of marks, and grade nothing.
        return replace(found, grades=()) if used else found
    names = tuple(dict.fromkeys((*declared, *sorted((used | whole) - set(declared)))))
    if context.class_names and context.class_names != names:
        text = f"given {list(context.class_names)}, the files declare {list(names)}"
        context.log.add("format.class_names_differ", text)
        if set(context.class_names) >= set(names):
            names = context.class_names
    declared_grades = context.declaration.grades
    return ClassList(names=names, grades=() if used else grades_of(names, declared=declared_grades))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Collector:
    context: ReaderContext
    classes: ClassList
    annotate: dict[str, Annotate] = field(default_factory=dict)
    image_labels: dict[str, ImageLabels] = field(default_factory=dict)
    declared: dict[str, DeclaredImage] = field(default_factory=dict)
    _described: dict[str, list[DescribedImage]] = field(default_factory=dict)

    def add(self, path: str, image: DescribedImage) -> None:
        entries = self._described.setdefault(path, [])
        entries.append(image)
        if len(entries) > 1:
            text = f"described more than once, again in {image.file}; the marks of all are read, equal ones once"
            self.context.log.add("format.duplicate_image", text, path)
        elif image.width is not None or image.height is not None:
            self.declared[path] = DeclaredImage(
                file=image.file, image_id=image.image_id, width=image.width, height=image.height
            )
        given = [entry.labels for entry in entries if entry.labels is not None]
        labels = tuple(sorted({self.classes.label(name) for names in given for name in names})) if given else None
        scores = {name: value for entry in reversed(entries) for name, value in entry.scores}
        self.image_labels[path] = ImageLabels(labels=labels, scores=tuple(sorted(scores.items())))
        self.annotate[path] = partial(self._marks, entries)

    def parts(self) -> StatedParts:
        first = {path: entries[0] for path, entries in self._described.items()}
        if any(image.part for image in first.values()):
            source = next(image.file for image in first.values() if image.part)
            return StatedParts(source=source, by_image={path: image.part for path, image in first.items()})
        return parts_of_files({path: image.file for path, image in first.items()})

    def _marks(self, entries: Sequence[DescribedImage], record: ImageRecord) -> tuple[Annotation, ...]:
        found: dict[Annotation, Annotation] = {}
        limit = self.context.limits.annotations_per_image
        for number, entry in enumerate(entries):
            if len(entry.marks) > limit:
                text = f"{len(entry.marks)} marks, at most {limit} are read"
                self.context.log.add("label.too_many", text, record.path)
            own = [made for mark in entry.marks[:limit] if (made := self._one(mark, entry.file, record)) is not None]
            # Two equal marks of one entry are for the rules to find; those of another entry are the same once more.
            known = set(found) if number else set[Annotation]()
            found |= {
                replace(made, source_id=f"{at}"): made
                for at, made in enumerate(own, start=len(found))
                if replace(made, source_id="") not in {replace(one, source_id="") for one in known}
            }
        return tuple(found.values())

    def _one(self, mark: Mark, file: str, record: ImageRecord) -> Annotation | None:
        try:
            return annotation_of(mark, self.classes.label(mark.name), record)
        except BadShape as bad:
            self.context.log.add(bad.code, str(bad), f"{file}#{mark.place}")
            return None


def annotation_of(mark: Mark, label: int, record: ImageRecord) -> Annotation:
    """The mark on its image, in pixels. Raises BadShape."""
    scales = (float(record.width), float(record.height)) if mark.fractions else (1.0, 1.0)
    place = bounded_text(mark.place)
    box = None if mark.box_xywh is None else box_from(_scaled(mark.box_xywh, scales))
    points = _scaled(mark.points, scales)
    if mark.shape and mark.shape != KEY_POINTS:
        return drawn_shape(mark.shape, points, label, place)
    polygons = tuple(_scaled(polygon, scales) for polygon in mark.polygons)
    rle = None if mark.mask is None else mark.mask(record)
    if mark.holes:
        rle = _without_holes(polygons, [_scaled(hole, scales) for hole in mark.holes], record)
        polygons = ()
    if box is None:
        box = box_of_rle(rle) if rle is not None else box_around(polygons)
    return Annotation(
        label=label,
        box_xywh=box,
        polygons=polygons,
        rle=rle,
        crowd=mark.crowd,
        source_id=place,
        shape=mark.shape,
        points=points,
    )


def _scaled(values: Sequence[float], scales: tuple[float, float]) -> tuple[float, ...]:
    return tuple(value * scales[at % 2] for at, value in enumerate(values))


def _without_holes(polygons: Sequence[Polygon], holes: Sequence[Polygon], record: ImageRecord) -> RLE:
    """Polygons of the index have no holes: what is left of them as run lengths."""
    covered = [
        annotation_mask(Annotation(label=1, box_xywh=(0, 0, 1, 1), polygons=tuple(part)), record.height, record.width)
        for part in (polygons, holes)
    ]
    return mask_to_rle(covered[0] & ~covered[1])
