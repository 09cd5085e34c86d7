"""Which images must stay together when a dataset is split."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable, Sequence
from random import Random
from typing import TYPE_CHECKING, overload

from truscore.datasets.images.perceptual_hash import NEAR_BITS, near_duplicates, turned_pairs
from truscore.datasets.index.records import ImageRecord
from truscore.datasets.index.stored_images import StoredImages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def groups_of(images: Sequence[ImageRecord], *, near: bool = True) -> Groups:
    """Positions in groups: one source, equal bytes and (if `near`) look-alikes together, mirrored and turned ones too.

    Smallest position first.
    """
    if isinstance(images, StoredImages):
        return images.once(("groups", near), lambda: _grouped(images, near=near))
    return _grouped(images, near=near)


def _grouped(images: Sequence[ImageRecord], *, near: bool) -> Groups:
    union = _UnionFind(len(images))
    union.join_equal(lambda: (image.group or None for image in images))
    union.join_equal(lambda: (image.sha256 for image in images))
    if near:
        for first, second in near_duplicates(image.perceptual_hash for image in images):
            union.join(first, second)
        for first, second in turned_pairs((image.orientation_hashes for image in images), bits=NEAR_BITS):
            union.join(first, second)
    return union.groups()


class Groups(Sequence[list[int]]):
    """Groups of places, each made when it is asked for: a list for each of a million images is a hundred megabytes."""

    def __init__(self, *, places: array[int], starts: array[int], order: array[int] | None = None) -> None:
        self._places, self._starts = places, starts
        self._order = array("I", range(len(starts))) if order is None else order

    @overload
    def __getitem__(self, at: int) -> list[int]: ...
    @overload
    def __getitem__(self, at: slice) -> Groups: ...
    def __getitem__(self, at: int | slice) -> list[int] | Groups:
        if isinstance(at, slice):
            return Groups(places=self._places, starts=self._starts, order=self._order[at])
        number = self._order[at]
        end = self._starts[number + 1] if number + 1 < len(self._starts) else len(self._places)
        return self._places[self._starts[number] : end].tolist()

    def __len__(self) -> int:
        return len(self._order)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Groups | list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def shuffled(self, generator: Random) -> Groups:
        """The same groups in the order that the generator gives a list of them."""
        order = array("I", self._order)
        generator.shuffle(order)
        return Groups(places=self._places, starts=self._starts, order=order)

    @classmethod
    def of_one(cls, count: int) -> Groups:
        """A group for each of so many places."""
        return cls(places=array("I", range(count)), starts=array("I", range(count)))


def repeated(hashes_N: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of these numbers come more than once."""
    import numpy as np

    order_N = np.argsort(hashes_N, kind="stable")
    equal_N = np.diff(hashes_N[order_N]) == 0
    again_N = np.zeros(len(hashes_N), dtype=np.bool_)
    again_N[order_N[1:][equal_N]] = True
    again_N[order_N[:-1][equal_N]] = True
    return again_N


class _UnionFind:
    """Union-find with path halving; the smallest member leads."""

    def __init__(self, count: int) -> None:
        self._above = array("I", range(count))

    def join(self, first: int, second: int) -> None:
        low, high = sorted((self._leader(first), self._leader(second)))
        self._above[high] = low

    def join_equal(self, keys: Callable[[], Iterable[Hashable | None]]) -> None:
        """Keys are gone through twice where two may be equal, so that those of a million places are not kept."""
        import numpy as np

        hashes_N = np.fromiter((0 if key is None else hash(key) for key in keys()), np.int64, count=len(self._above))
        first: dict[Hashable, int] = {}
        again_N = repeated(hashes_N) & (hashes_N != 0)
        for place, key in enumerate(keys()) if again_N.any() else ():
            if key is not None and again_N[place]:
                self.join(first.setdefault(key, place), place)

    def groups(self) -> Groups:
        import numpy as np

        leaders_N = np.fromiter(map(self._leader, range(len(self._above))), np.uint32, count=len(self._above))
        places_N = np.argsort(leaders_N, kind="stable").astype(np.uint32)
        starts_G = np.flatnonzero(np.diff(leaders_N[places_N], prepend=-1)) if len(leaders_N) else leaders_N
        return Groups(places=array("I", places_N.tobytes()), starts=array("I", starts_G.astype(np.uint32).tobytes()))

    def _leader(self, place: int) -> int:
        above = self._above
        while above[place] != place:
            above[place] = above[above[place]]
            place = above[place]
        return place
