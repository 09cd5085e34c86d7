"""What a split made of a dataset, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from truscore.datasets.index.records import DatasetIndex
from truscore.datasets.splitting.split import indivisible_groups, sorted_by_path


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Images in all, with each class (in the order of the index), and with nothing on them."""

    images: int
    by_class: tuple[int, ...]
    nothing: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Groups:
    """Groups of images that stay together: how many, how many of more than one image, and the largest."""

    count: int
    of_several: int
    largest: int
    largest_holds: str  # its first image


def part_of(index: DatasetIndex, paths: Sequence[str]) -> Part:
    """The part that these images make up."""
    wanted = set(paths)
    images = [image for image in index.images if image.path in wanted]
    counted = Counter(label for image in images for label in image.classes)
    labels = range(1, len(index.class_names) + 1)
    return Part(
        images=len(images),
        by_class=tuple(counted[label] for label in labels),
        nothing=sum(not image.classes and not image.scores for image in images),
    )


def groups_in(index: DatasetIndex) -> Groups:
    """What stays together of a dataset with images."""
    images = sorted_by_path(index)
    groups = indivisible_groups(images)
    largest = max(groups, key=len)
    return Groups(
        count=len(groups),
        of_several=sum(len(group) > 1 for group in groups),
        largest=len(largest),
        largest_holds=images[largest[0]].path,
    )
