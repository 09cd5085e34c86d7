"""Whether a dataset has what an option learns from, in each part of the split that needs it."""

from __future__ import annotations

from collections.abc import Collection

from truscore.datasets import DatasetIndex, ImageRecord, split_dataset
from truscore.datasets.index.records import LitObject
from truscore.datasets.index.targets import LIGHTS, TARGETS, has_target
from truscore.datasets.splitting.split import part_of

_PARTS_LEARNT_FROM = 2  # training and validation
# Above this the split that is made here, by groups, which spreads every class over its parts, finds some for each.
_FEW = 200


def missing_targets(index: DatasetIndex, wanted: Collection[str]) -> str:
    """Why an option that learns from any of `wanted` has nothing, or too little, to learn from; "" where it has.

    The parts are those of the default split: other seeds move images between parts only where folders name none.
    """
    having = sum(_has(image, wanted, index.objects) for image in index.images)
    if not having:
        return f"none of {len(index.images)} images has that: there are {_kinds(index)}"
    if LIGHTS in wanted:
        return ""  # views of one object are one example, and are not divided
    if _sources(index, wanted) < _PARTS_LEARNT_FROM:
        least = f"at least {_PARTS_LEARNT_FROM} that may lie in different parts are needed"
        return f"{having} of {len(index.images)} images have that: {least}"
    return _missing_in_parts(index, wanted, having)


def _sources(index: DatasetIndex, wanted: Collection[str]) -> int:
    """Of how many groups those are that have it; counted no further than is asked."""
    found: set[str] = set()
    for image in index.images:
        if _has(image, wanted, index.objects):
            found.add(image.group or image.path)
        if len(found) >= _PARTS_LEARNT_FROM:
            break
    return len(found)


def _missing_in_parts(index: DatasetIndex, wanted: Collection[str], count: int) -> str:
    made_here = all(part_of(image) is None for image in index.images)
    if made_here and count > max(_FEW, len(index.images) // 2):
        return ""
    having = {image.path for image in index.images if _has(image, wanted, index.objects)}
    split = split_dataset(index, seed=0)
    for name, paths in (("training", split.train), ("validation", split.validation)):
        if paths and not any(path in having for path in paths):
            elsewhere = f"{count} of {len(index.images)} images have that, all of them in other parts"
            return f"none of the {len(paths)} images for {name} (such as {paths[0]}) has that: {elsewhere}"
    return ""


def _has(image: ImageRecord, wanted: Collection[str], objects: Collection[LitObject]) -> bool:
    return any(has_target(image, target, objects=objects) for target in wanted)


def _kinds(index: DatasetIndex) -> str:
    images, objects = index.images, index.objects
    found = [words for target, words in TARGETS.items() if any(_has(image, (target,), objects) for image in images)]
    return ", ".join(found) or "images with nothing on them"
