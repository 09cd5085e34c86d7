"""Training, validation and test images: always the same for the same dataset and seed, and nothing in two of them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

from truscore.datasets import folder_words
from truscore.datasets.index.in_order import by_path
from truscore.datasets.index.records import DatasetIndex, ImageRecord
from truscore.datasets.splitting.grouping import Groups, groups_of
from truscore.datasets.splitting.stratify import assign, fill_empty_parts, group_of, spread_strata, strata_of

FRACTIONS = (0.7, 0.15, 0.15)
# What has at least so many groups of images is in training, in validation and in test.
LEAST_GROUPS = {0: 1, 1: 2, 2: 4}
_PARTS = {name: place for place, name in enumerate(folder_words.PARTS)}


Parts = tuple[list[int], list[int], list[int]]


class InvalidSplit(ValueError):
    """The fractions or the text are not those of a split."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """Paths of images, sorted, each in one part. `validation` is empty only where the dataset has one image, or is of
    one object under several lights: its views are one example."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    seed: int


def split_dataset(index: DatasetIndex, *, seed: int, fractions: tuple[float, float, float] = FRACTIONS) -> Split:
    """Split as the dataset's own folders, lists or annotations do where there are such, else by groups, with every
    class, grade and range of scores spread over the parts. Raises InvalidSplit."""
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6 or fractions[0] == 0:
        raise InvalidSplit(f"fractions {fractions}: expected three that add up to 1, the first above 0")
    images = sorted_by_path(index)
    parts = split_places(images, seed=seed, fractions=fractions)
    train, validation, test = (tuple(sorted(images[place].path for place in sorted(part))) for part in parts)
    return Split(train=train, validation=validation, test=test, seed=seed)


def split_places(
    images: Sequence[ImageRecord], *, seed: int, fractions: tuple[float, float, float] = FRACTIONS
) -> Parts:
    """As split_dataset, the places of images that are in the order of their paths."""
    return _as_stated(images, seed, fractions) or _by_groups(images, seed, fractions)


def split_to_json(split: Split) -> str:
    data = {"train": split.train, "validation": split.validation, "test": split.test, "seed": split.seed}
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def split_from_json(text: str | bytes) -> Split:
    """The split that split_to_json wrote. Raises InvalidSplit."""
    try:
        data = json.loads(text)
        train, validation, test = (tuple(map(str, data[part])) for part in ("train", "validation", "test"))
        return Split(train=train, validation=validation, test=test, seed=int(data["seed"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidSplit(f"not a split: {type(error).__name__}: {error}") from error


def _as_stated(images: Sequence[ImageRecord], seed: int, fractions: tuple[float, float, float]) -> Parts | None:
    """The parts that folders such as `train/` and `valid/`, lists or annotations state; None where not every image
    lies in one."""
    named = [part_of(image) for image in images]
    if any(image.part for image in images):
        named = _with_those_left_out(images, named)
    if None in named or 0 not in named or not {1, 2} & set(named):
        return None
    parts: Parts = ([], [], [])
    for place, part in enumerate(named):
        parts[part or 0].append(place)
    if not parts[1]:
        # The dataset keeps only a test part aside: validation comes out of its training part.
        inner = [images[place] for place in parts[0]]
        train, validation, _ = _by_groups(inner, seed, (1 - fractions[1] or 0.5, fractions[1], 0.0))
        return [parts[0][at] for at in train], [parts[0][at] for at in validation], parts[2]
    return parts


def part_of(image: ImageRecord) -> int | None:
    """0, 1 or 2 where the annotations, a list or a folder state that it is for training, validation or test."""
    return _PARTS.get(image.part or folder_words.part_of_folders(image.path))


def _with_those_left_out(images: Sequence[ImageRecord], named: Sequence[int | None]) -> list[int | None]:
    """With the images that lists leave out: beside those they belong together with, the others in training."""
    found = list(named)
    for group in groups_of(images):
        stated = [part for place in group if (part := named[place]) is not None]
        for place in group:
            if found[place] is None:
                found[place] = max(stated, default=0)
    return found


def sorted_by_path(index: DatasetIndex) -> Sequence[ImageRecord]:
    """Images by path: the order of an index must not matter."""
    return by_path(index.images)


def indivisible_groups(images: Sequence[ImageRecord]) -> Groups:
    """Positions of images in the groups that no split divides: one source, equal bytes, look-alikes."""
    groups = groups_of(images)
    if len(groups) == 1:
        groups = groups_of(images, near=False)
    if len(groups) == 1 and not any(image.light for image in images):
        # One source only: a validation part that resembles the training part is better than none.
        groups = Groups.of_one(len(images))
    return groups


def shuffled_groups(images: Sequence[ImageRecord], seed: int) -> Groups:
    return indivisible_groups(images).shuffled(random.Random(seed))  # noqa: S311 (no secret)


def _by_groups(images: Sequence[ImageRecord], seed: int, fractions: tuple[float, float, float]) -> Parts:
    groups = shuffled_groups(images, seed)
    strata = strata_of(images)
    # Most groups are one image, and there are few kinds of those.
    alone = {found: group_of([found]) for found in set(strata)}
    counted = [
        alone[strata[group[0]]] if len(group) == 1 else group_of([strata[place] for place in group]) for group in groups
    ]
    assigned = assign(counted, fractions)
    fill_empty_parts(assigned, counted, parts=(0, 1), donors=(2, 0, 1))
    least = {part: least for part, least in LEAST_GROUPS.items() if fractions[part] > 0}
    spread_strata(assigned, counted, least, may_empty=(2,))
    train, validation, test = ([place for at in part for place in groups[at]] for part in assigned)
    return train, validation, test
