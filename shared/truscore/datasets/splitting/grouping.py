"""Which images must stay together when a dataset is split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise

from truscore.datasets.images.perceptual_hash import NEAR_BITS, near_duplicates, turned_pairs
from truscore.datasets.index.records import ImageRecord


def groups_of(images: Sequence[ImageRecord], *, near: bool = True) -> list[list[int]]:
    """Positions in groups: one source, equal bytes and (if `near`) look-alikes together, mirrored and turned ones too.

    Smallest position first.
    """
    union = _UnionFind(len(images))
    union.join_equal(image.group or None for image in images)
    union.join_equal(image.sha256 for image in images)
    if near:
        for first, second in near_duplicates([image.perceptual_hash for image in images]):
            union.join(first, second)
        for first, second in turned_pairs([image.orientation_hashes for image in images], bits=NEAR_BITS):
            union.join(first, second)
    return union.groups()


class _UnionFind:
    """Union-find with path halving; the smallest member leads."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def join(self, first: int, second: int) -> None:
        low, high = sorted((self._leader(first), self._leader(second)))
        self._above[high] = low

    def join_equal(self, keys: Iterable[Hashable | None]) -> None:
        places: dict[Hashable, list[int]] = defaultdict(list)
        for place, key in enumerate(keys):
            if key is not None:
                places[key].append(place)
        for same in places.values():
            for first, second in pairwise(same):
                self.join(first, second)

    def groups(self) -> list[list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for place in range(len(self._above)):
            found[self._leader(place)].append(place)
        return list(found.values())

    def _leader(self, place: int) -> int:
        above = self._above
        while above[place] != place:
            above[place] = above[above[place]]
            place = above[place]
        return place
