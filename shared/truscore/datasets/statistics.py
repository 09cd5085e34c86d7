"""A dataset in a few numbers, from its index alone: what a configuration can be chosen by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from truscore.datasets.index.records import DatasetIndex, ImageRecord
from truscore.datasets.splitting.grouping import groups_of

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """Sides are in pixels of the upright images. An object's side is that of the square that covers the same share of
    its image: from 0 to 1, 0 where nothing is marked."""

    images: int
    groups: int  # sources that a split keeps together: equal, look-alike and declared images are one
    unlabelled_images: int
    longer_side: int  # median over the images
    longest_side: int
    instances: int
    most_instances: int  # on one image
    outlined: int  # instances with a mask or polygon, beside their box
    small_object_side: float  # a tenth of the objects is smaller
    object_side: float  # median
    marked_share: float  # of all pixels, at most: boxes that overlap count twice
    class_counts: Mapping[str, int]  # instances, and images that carry the class as a whole
    graded_images: int  # with a label of an ordered scale
    scored_images: int  # with a named measurement

    @property
    def class_imbalance(self) -> float:
        """How many times the commonest class comes for once that the rarest does; classes that never come aside."""
        present = [count for count in self.class_counts.values() if count]
        return max(present) / min(present) if present else 1.0


def statistics_of(index: DatasetIndex) -> Statistics:
    images = index.images
    marks = Counter(annotation.label for image in images for annotation in image.annotations)
    marks.update(label for image in images for label in image.labels or ())
    sides = sorted(side for image in images for side in _object_sides(image))
    longer = sorted(max(image.width, image.height) for image in images)
    return Statistics(
        images=len(images),
        groups=len(groups_of(images)),
        unlabelled_images=index.bare_images,
        longer_side=_at(longer, 0.5, 0),
        longest_side=_at(longer, 1.0, 0),
        instances=index.annotation_count,
        most_instances=max((len(image.annotations) for image in images), default=0),
        outlined=sum(bool(mark.polygons or mark.rle) for image in images for mark in image.annotations),
        small_object_side=_at(sides, 0.1, 0.0),
        object_side=_at(sides, 0.5, 0.0),
        marked_share=_marked_share(images),
        class_counts={name: marks[label] for label, name in enumerate(index.class_names, start=1)},
        graded_images=sum(bool(image.labels) for image in images) if index.grades else 0,
        scored_images=sum(bool(image.scores) for image in images),
    )


def _object_sides(image: ImageRecord) -> Iterable[float]:
    pixels = image.width * image.height
    for mark in image.annotations:
        _, _, width, height = mark.box_xywh
        if pixels and width > 0 and height > 0:
            yield min(1.0, width * height / pixels) ** 0.5


def _marked_share(images: Sequence[ImageRecord]) -> float:
    pixels = sum(image.width * image.height for image in images)
    marked = sum(_marked_pixels(image) for image in images)
    return min(1.0, marked / pixels) if pixels else 0.0


def _marked_pixels(image: ImageRecord) -> float:
    return sum(_pixels(mark.rle.counts) if mark.rle else _area(mark.box_xywh) for mark in image.annotations)


def _pixels(counts: Sequence[int]) -> int:
    """Of a mask: run lengths hold zeros first, then ones."""
    return sum(counts[1::2])


def _area(box_xywh: tuple[float, float, float, float]) -> float:
    return max(0.0, box_xywh[2]) * max(0.0, box_xywh[3])


def _at(ordered: Sequence[Number], share: float, nothing: Number) -> Number:
    return ordered[round(share * (len(ordered) - 1))] if ordered else nothing
