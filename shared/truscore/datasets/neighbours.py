"""Images that show the same thing: pairs of perceptual hashes a few bits apart, found without comparing all pairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HASH_BITS = 64
# Rescans of one card differ by 2 to 6 bits, scans of different cards by 11 and more.
NEAR_BITS = 6
# A hash with hardly a bit set, or hardly one unset, is that of a plain picture: it says nothing.
_TELLING_BITS = 5
# Bounds the work where very many hashes agree in one band; neighbours in order of value are still compared.
COMPARED_AT_ONCE = 8192


def hamming(first: str, second: str) -> int:
    """Bits in which two perceptual hashes (hexadecimal) differ."""
    return (int(first, 16) ^ int(second, 16)).bit_count()


def near_duplicates(hashes: Sequence[str], *, bits: int = NEAR_BITS) -> Iterator[tuple[int, int]]:
    """Links between positions whose hashes differ by at most `bits`: enough to connect all that belong together.

    Two hashes at most `bits` apart agree in at least one of `bits + 1` bands (pigeonhole), so only those are compared.
    """
    places: dict[int, list[int]] = defaultdict(list)
    for place, text in enumerate(hashes):
        if text and _is_telling(value := int(text, 16)):
            places[value].append(place)
    for equal in places.values():
        yield from pairwise(equal)
    for first, second in _near_values(sorted(places), bits):
        yield places[first][0], places[second][0]


def _is_telling(value: int) -> bool:
    return _TELLING_BITS <= value.bit_count() <= HASH_BITS - _TELLING_BITS


def _near_values(values: Sequence[int], bits: int) -> Iterator[tuple[int, int]]:
    import numpy as np

    array_N = np.array(values, dtype=np.uint64)
    for low, width in _bands(bits + 1):
        band_N = (array_N >> np.uint64(low)) & np.uint64((1 << width) - 1)
        order = np.argsort(band_N, kind="stable")
        edges_N = np.concatenate(([0], np.flatnonzero(np.diff(band_N[order])) + 1, [len(order)]))
        # Most values are alone in their band.
        for place in np.flatnonzero(np.diff(edges_N) > 1):
            members = order[edges_N[place] : edges_N[place + 1]]
            for start in range(0, len(members), COMPARED_AT_ONCE):
                yield from _linked(array_N[members[start : start + COMPARED_AT_ONCE]], bits)


def _linked(values_N: NDArray[np.uint64], bits: int) -> Iterator[tuple[int, int]]:
    """A spanning forest of the graph of near values: each value joins once, so a dense crowd costs little."""
    import numpy as np

    alone_N = values_N
    while len(alone_N) > 1:
        reached, alone_N = [alone_N[0]], alone_N[1:]
        while reached and len(alone_N):
            value = reached.pop()
            near_N = np.bitwise_count(alone_N ^ value) <= bits
            yield from ((int(value), int(other)) for other in alone_N[near_N])
            reached.extend(alone_N[near_N])
            alone_N = alone_N[~near_N]


def _bands(count: int) -> Iterator[tuple[int, int]]:
    """The 64 bits cut into `count` bands: (lowest bit, width)."""
    edges = [round(HASH_BITS * number / count) for number in range(count + 1)]
    for low, high in pairwise(edges):
        yield low, high - low
