"""One picture in its eight positions: as it is, mirrored, on its head, turned by 180 degrees, and each of them with
rows and columns exchanged; told from difference hashes, without the picture.

N: images; P: pairs; D: 8 rows and 8 columns of bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from truscore.datasets.images.perceptual_hash import HASH_DIGITS, is_telling, near_pairs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bits = NDArray[np.bool_]
    Places = NDArray[np.intp]
    Values = NDArray[np.uint64]

POSITIONS = 8
PRINT_DIGITS = 4 * HASH_DIGITS


def picture_print(wide_HW: NDArray[np.uint8], tall_HW: NDArray[np.uint8]) -> str:
    """Four difference hashes, hexadecimal, of a picture's thumbnails of 9 x 8 and 8 x 9 (width x height) pixels.

    Where the next cell of the row is lighter (imagehash's dhash), where darker, and both along the columns. Mirroring
    exchanges lighter and darker, and even ground has neither: one alone would not tell the other positions.
    """
    import numpy as np

    pairs = [(cells_HW[:, 1:], cells_HW[:, :-1]) for cells_HW in (wide_HW, tall_HW.T)]
    return np.packbits([(after > before, after < before) for after, before in pairs]).tobytes().hex()


def turned_pairs(prints: Sequence[str], *, bits: int) -> list[tuple[int, int]]:
    """Pairs of places where the one picture is the other mirrored or turned: along rows and along columns at most
    `bits` of 64 bits differ. An empty print is no picture's."""
    import numpy as np

    places_N = np.flatnonzero([bool(text) for text in prints])
    plain = bytes.fromhex("".join(prints))
    hashes_N4DD = np.unpackbits(np.frombuffer(plain, dtype=np.uint8)).reshape(-1, 4, 8, 8).astype(np.bool_)
    rows, columns = zip(*_positions(hashes_N4DD), strict=True)
    first_P, second_P, position_P = pairs_in_positions(np.stack(rows), bits=bits)
    apart_P = np.bitwise_count(columns[0][first_P] ^ np.stack(columns)[position_P, second_P])
    near_P = apart_P <= bits
    return sorted(zip(places_N[first_P[near_P]].tolist(), places_N[second_P[near_P]].tolist(), strict=True))


def pairs_in_positions(hashes_8N: Values, *, bits: int) -> tuple[Places, Places, Places]:
    """Pairs of a picture as it is and another one in one of seven other positions, and that position."""
    import numpy as np

    count = hashes_8N.shape[1]
    flat_N = hashes_8N.reshape(-1)
    telling_N = np.flatnonzero(is_telling(flat_N))
    left_P, right_P = near_pairs(flat_N[telling_N], bits=bits)
    first_P, (position_P, second_P) = telling_N[left_P], np.divmod(telling_N[right_P], max(count, 1))
    wanted_P = (first_P < count) & (position_P > 0) & (first_P != second_P)
    return first_P[wanted_P], second_P[wanted_P], position_P[wanted_P]


def _positions(hashes_N4DD: Bits) -> list[tuple[Values, Values]]:
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
