"""Images that show the same thing: pairs of perceptual hashes a few bits apart, found without comparing all pairs.

Of one picture as it is, and of one picture in its eight orientations: as it is, mirrored, on its head, turned by 180
degrees, and each of them with rows and columns exchanged; compared by difference hashes, without the picture.

N: images; P: pairs; D: 8 rows and 8 columns of bits.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, islice, pairwise
from typing import TYPE_CHECKING, Any

from truscore.datasets.index.records import HASH_DIGITS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bits = NDArray[np.bool_]
    Places = NDArray[np.intp]
    Values = NDArray[np.uint64]
    Band = tuple[int, int]

HASH_BITS = 64
# Rescans of one card differ by 2 to 6 bits, scans of different cards by 11 and more.
NEAR_BITS = 6
# A hash with hardly a bit set, or hardly one unset, is that of a plain picture: it says nothing.
_INFORMATIVE_BITS = 5
# Bounds the work where very many hashes agree in two bands; neighbours in order of value are still compared.
COMPARED_AT_ONCE = 8192
# In a crowd of more, each value joins once; in a smaller one all pairs are compared, however the bands are.
_DENSE = 64
# Up to so many comparisons are made one by one: sorting by bands costs more.
_ALL_COMPARED = 16 * 2**20
_COMPARED_IN_CACHE = 2**17
# Of more values so many agree in two bands by accident that three are asked for, of one band more.
_MANY = 2**19
_HASHES_AT_ONCE = 4096


def hamming(first: str, second: str) -> int:
    """Bits in which two perceptual hashes (hexadecimal) differ."""
    return (int(first, 16) ^ int(second, 16)).bit_count()


def near_duplicates(hashes: Iterable[str], *, bits: int = NEAR_BITS) -> Iterator[tuple[int, int]]:
    """Links between positions whose hashes differ by at most `bits`: enough to connect all that belong together.

    Two hashes at most `bits` apart agree in at least two of `bits + 2` bands (pigeonhole), so only those are compared.
    """
    return near_pairs_of(values_of(hashes), bits=bits)


def near_pairs_of(hashes_N: Values, *, bits: int) -> Iterator[tuple[int, int]]:
    """As near_duplicates, of hashes as numbers."""
    import numpy as np

    informative_N = np.flatnonzero(is_informative(hashes_N))
    order_N = informative_N[np.argsort(hashes_N[informative_N], kind="stable")]
    equal_N = hashes_N[order_N[1:]] == hashes_N[order_N[:-1]]
    yield from zip(order_N[:-1][equal_N].tolist(), order_N[1:][equal_N].tolist(), strict=True)
    firsts_N = order_N[np.concatenate(([True], ~equal_N))] if len(order_N) else order_N
    left_N, right_N = near_pairs(hashes_N[firsts_N], bits=bits)
    yield from zip(firsts_N[left_N].tolist(), firsts_N[right_N].tolist(), strict=True)


def values_of(hashes: Iterable[str]) -> Values:
    """Hashes as numbers; 0, which is not informative, for an empty one."""
    import numpy as np

    raw_bytes = bytearray()
    texts = iter(hashes)
    while some := list(islice(texts, _HASHES_AT_ONCE)):
        raw_bytes += bytes.fromhex("".join(text.zfill(HASH_DIGITS) for text in some))
    return np.frombuffer(raw_bytes, dtype=">u8").astype(np.uint64)


def is_informative(values_N: Values) -> NDArray[np.bool_]:
    """Whether a hash is not that of a plain picture."""
    import numpy as np

    counts_N = np.bitwise_count(values_N)
    return (counts_N >= _INFORMATIVE_BITS) & (counts_N <= HASH_BITS - _INFORMATIVE_BITS)


def near_pairs(values_N: Values, *, bits: int) -> tuple[Places, Places]:
    """Links between places of values at most `bits` apart, each once, the lower place first, in ascending order.

    All such pairs, but where more than 64 values agree in two bands maybe only as many as connect them.
    """
    import numpy as np

    if (compared := _compared_all(values_N, values_N, bits)) is not None:
        left_P, right_P = compared
        once_P = left_P < right_P
        return left_P[once_P], right_P[once_P]
    found = [np.zeros(0, dtype=np.intp)]
    agreeing = 3 if len(values_N) > _MANY else 2
    for bands in combinations(_bands(bits + agreeing), agreeing):
        key_N = _keys(values_N, bands)
        order_N = np.argsort(key_N, kind="stable")
        for left_N, right_N in _in_one_band(key_N[order_N], values_N[order_N], bits):
            lower_N, upper_N = np.sort((order_N[left_N], order_N[right_N]), axis=0)
            found.append(lower_N * len(values_N) + upper_N)
    # np.unique would import numpy.ma.
    pairs_N = np.sort(np.concatenate(found))
    pairs_N = pairs_N[np.diff(pairs_N, prepend=-1) > 0]
    left_N, right_N = np.divmod(pairs_N, max(len(values_N), 1))
    return left_N, right_N


def _compared_all(ones_N: Values, others_M: Values, bits: int) -> tuple[Places, Places] | None:
    """All places of near ones and others, by one and other; None where they are too many to compare, or to keep."""
    import numpy as np

    if len(ones_N) * len(others_M) > _ALL_COMPARED:
        return None
    width = max(len(others_M), 1)
    rows = max(_COMPARED_IN_CACHE // width, 1)
    found, count = [np.zeros(0, dtype=np.intp)], 0
    for start in range(0, len(ones_N), rows):
        apart_RM = np.bitwise_count(ones_N[start : start + rows, None] ^ others_M)
        near_P = np.flatnonzero(apart_RM <= bits)
        found.append(near_P + start * width)
        count += len(near_P)
        if count > _DENSE * (len(ones_N) + len(others_M)):
            return None
    one_P, other_P = np.divmod(np.concatenate(found), width)
    return one_P, other_P


def _keys(values_N: Values, bands: Sequence[Band]) -> NDArray[np.unsignedinteger[Any]]:
    """Some bands of each value as one number: of 16 bits where they fit, which numpy sorts by radix."""
    import numpy as np

    key_N, total = np.zeros(len(values_N), dtype=np.uint64), 0
    for at, bits in bands:
        key_N <<= np.uint64(bits)
        key_N |= (values_N >> np.uint64(at)) & np.uint64(2**bits - 1)
        total += bits
    return key_N.astype(np.uint16 if total <= 16 else np.uint32)


def _in_one_band(
    key_N: NDArray[np.unsignedinteger[Any]], values_N: Values, bits: int
) -> Iterator[tuple[Places, Places]]:
    """Near pairs among values, in order of their keys, that have a key in common."""
    import numpy as np

    edges_N = np.concatenate(([0], np.flatnonzero(key_N[1:] != key_N[:-1]) + 1, [len(key_N)]))
    sizes_N = np.diff(edges_N)
    last_N = np.repeat(edges_N[1:], sizes_N)  # where the crowd of each place ends
    left_N = np.flatnonzero(np.repeat(sizes_N <= _DENSE, sizes_N))
    for step in range(1, _DENSE):
        left_N = left_N[left_N + step < last_N[left_N]]
        if not len(left_N):
            break
        near_N = np.bitwise_count(values_N[left_N] ^ values_N[left_N + step]) <= bits
        yield left_N[near_N], left_N[near_N] + step
    for dense in np.flatnonzero(sizes_N > _DENSE):
        for start in range(edges_N[dense], edges_N[dense + 1], COMPARED_AT_ONCE):
            end = min(start + COMPARED_AT_ONCE, edges_N[dense + 1])
            for left_N, right_N in _linked(values_N[start:end], bits):
                yield left_N + start, right_N + start


def _linked(values_N: Values, bits: int) -> Iterator[tuple[Places, Places]]:
    """A spanning forest of the graph of near values: each value joins once, so a dense crowd costs little."""
    import numpy as np

    rest_N = np.arange(len(values_N))
    while len(rest_N) > 1:
        reached, rest_N = [rest_N[0]], rest_N[1:]
        while reached and len(rest_N):
            place = reached.pop()
            near_N = np.bitwise_count(values_N[rest_N] ^ values_N[place]) <= bits
            joined_N, rest_N = rest_N[near_N], rest_N[~near_N]
            yield np.full(len(joined_N), place), joined_N
            reached.extend(joined_N)


def _bands(count: int) -> Iterator[Band]:
    """The 64 bits cut into `count` bands: the lowest bit of each, and how many it has."""
    edges = [round(HASH_BITS * number / count) for number in range(count + 1)]
    for low, high in pairwise(edges):
        yield low, high - low


def orientation_hashes(wide_HW: NDArray[np.uint8], tall_HW: NDArray[np.uint8]) -> str:
    """Four difference hashes, hexadecimal, of a picture's thumbnails of 9 x 8 and 8 x 9 (width x height) pixels.

    Where the next cell of the row is lighter (imagehash's dhash), where darker, and both along the columns. Mirroring
    exchanges lighter and darker, and even ground has neither: one alone would not give the other orientations.
    """
    import numpy as np

    pairs = [(cells_HW[:, 1:], cells_HW[:, :-1]) for cells_HW in (wide_HW, tall_HW.T)]
    return np.packbits([(after > before, after < before) for after, before in pairs]).tobytes().hex()


def turned_pairs(hashes: Iterable[str], *, bits: int) -> list[tuple[int, int]]:
    """Pairs of places where the one picture is the other mirrored or turned: along rows and along columns at most
    `bits` of 64 bits differ. An empty print is no picture's."""
    import numpy as np

    places, rows, columns = array("Q"), [], []
    texts = enumerate(hashes)
    while some := list(islice(texts, _HASHES_AT_ONCE)):
        places.extend(place for place, text in some if text)
        raw_bytes = bytes.fromhex("".join(text for _, text in some))
        hashes_N4DD = np.unpackbits(np.frombuffer(raw_bytes, dtype=np.uint8)).reshape(-1, 4, 8, 8).astype(np.bool_)
        rows_8, columns_8 = zip(*_orientations(hashes_N4DD), strict=True)
        rows.append(np.stack(rows_8))
        columns.append(np.stack(columns_8))
    if not places:
        return []
    places_N, columns_8N = np.asarray(places, dtype=np.intp), np.concatenate(columns, axis=1)
    first_P, second_P, orientation_P = pairs_in_orientations(np.concatenate(rows, axis=1), bits=bits)
    distance_P = np.bitwise_count(columns_8N[0, first_P] ^ columns_8N[orientation_P, second_P])
    near_P = distance_P <= bits
    return sorted(zip(places_N[first_P[near_P]].tolist(), places_N[second_P[near_P]].tolist(), strict=True))


def pairs_in_orientations(hashes_8N: Values, *, bits: int) -> tuple[Places, Places, Places]:
    """Pairs of a picture as it is and another one in one of seven other positions, and that position."""
    import numpy as np

    count = hashes_8N.shape[1]
    if count > _MANY // 8:
        return _pairs_by_orientation(hashes_8N, bits=bits)
    flat_N = hashes_8N.reshape(-1)
    informative_N = np.flatnonzero(is_informative(flat_N))
    upright_N = informative_N[informative_N < count]
    compared = _compared_all(flat_N[upright_N], flat_N[informative_N], bits)
    left_P, right_P = compared or near_pairs(flat_N[informative_N], bits=bits)
    first_P, (orientation_P, second_P) = informative_N[left_P], np.divmod(informative_N[right_P], max(count, 1))
    wanted_P = (first_P < count) & (orientation_P > 0) & (first_P != second_P)
    return first_P[wanted_P], second_P[wanted_P], orientation_P[wanted_P]


def _pairs_by_orientation(hashes_8N: Values, *, bits: int) -> tuple[Places, Places, Places]:
    """As pairs_in_orientations, one position after the other: all at once take eight times the memory."""
    import numpy as np

    count, found = hashes_8N.shape[1], []
    upright_N = np.flatnonzero(is_informative(hashes_8N[0]))
    for orientation in range(1, 8):
        other_N = np.flatnonzero(is_informative(hashes_8N[orientation]))
        both_N = np.concatenate((hashes_8N[0, upright_N], hashes_8N[orientation, other_N]))
        left_P, right_P = near_pairs(both_N, bits=bits)
        across_P = (left_P < len(upright_N)) & (right_P >= len(upright_N))
        first_P, second_P = upright_N[left_P[across_P]], other_N[right_P[across_P] - len(upright_N)]
        wanted_P = first_P != second_P
        found.append((first_P[wanted_P], orientation * count + second_P[wanted_P]))
    first_P, flat_P = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order_P = np.lexsort((flat_P, first_P))
    orientation_P, second_P = np.divmod(flat_P[order_P], count)
    return first_P[order_P], second_P, orientation_P


def _orientations(hashes_N4DD: Bits) -> list[tuple[Values, Values]]:
    """Hashes along rows and along columns in the eight positions."""
    across, down = hashes_N4DD[:, :2], hashes_N4DD[:, 2:]
    found = []
    for rows, columns in ((across, down), (down, across)):
        (lighter, darker), (lower_lighter, lower_darker) = rows.swapaxes(0, 1), columns.swapaxes(0, 1)
        found += [
            (lighter, lower_lighter),
            (darker[:, :, ::-1], lower_lighter[:, ::-1]),
            (lighter[:, ::-1], lower_darker[:, :, ::-1]),
            (darker[:, ::-1, ::-1], lower_darker[:, ::-1, ::-1]),
        ]
    return [(_packed(rows), _packed(columns)) for rows, columns in found]


def _packed(bits_NDD: Bits) -> Values:
    import numpy as np

    return np.packbits(bits_NDD, axis=2).reshape(-1, 8).copy().view(">u8").reshape(-1).astype(np.uint64)
