"""Which seed divides a draft most evenly, and what another seed would change: by the trainer's own split. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from truscore.datasets.index.records import DatasetIndex
from truscore.datasets.splitting.split import split_dataset
from truscore.datasets.splitting.split_summary import part_of

Parts = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evenness:
    """`worst`: by how much the share of a class in a part is off that part's share of all images, at most, from 0 to 1.
    `absent`: parts without a class that the dataset has."""

    worst: float
    absent: int


def evenness_of(index: DatasetIndex, parts: Parts) -> Evenness:
    whole = part_of(index, [image.path for image in index.images])
    worst, absent = 0.0, 0
    for paths in parts.values():
        part = part_of(index, paths)
        for in_part, in_all in zip(part.by_class, whole.by_class, strict=True):
            if in_all and part.images:
                worst = max(worst, abs(in_part / in_all - part.images / whole.images))
                absent += in_part == 0
    return Evenness(worst=worst, absent=absent)


def parts_by_seed(index: DatasetIndex, seed: int, fractions: tuple[float, float, float]) -> Parts:
    """Raises InvalidSplit."""
    split = split_dataset(index, seed=seed, fractions=fractions)
    return {"training": split.train, "validation": split.validation, "test": split.test}


def most_even(index: DatasetIndex, *, seed: int, fractions: tuple[float, float, float], seeds: int) -> dict[str, Any]:
    """Of the seeds from 0 on, the first that divides most evenly, and what it would change beside `seed`."""
    now = parts_by_seed(index, seed, fractions)
    tried = {each: parts_by_seed(index, each, fractions) for each in range(seeds)}
    found = {each: evenness_of(index, parts) for each, parts in tried.items()}
    best = min(found, key=lambda each: (found[each].absent, found[each].worst, each))
    before, place = evenness_of(index, now), {path: name for name, paths in now.items() for path in paths}
    moved = sum(place[path] != name for name, paths in tried[best].items() for path in paths)
    return {
        "tried": seeds, "seed": best, "worst": found[best].worst, "absent": found[best].absent,
        "worst_now": before.worst, "absent_now": before.absent, "moved": moved,
    }  # fmt: skip
