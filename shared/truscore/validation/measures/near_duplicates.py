"""Which perceptual hashes differ in few bits, without comparing each with each."""

from collections.abc import Iterable

from truscore.datasets.images.perceptual_hash import near_pairs_of, pairs_in_orientations, values_of
from truscore.validation.measures.thumbnails import HASH_DIGITS


def near_links(hashes: Iterable[str], *, bits: int) -> list[tuple[int, int]]:
    """Each position that looks like an earlier one, with the first that it looks like, directly or by way of others."""
    hashes_N = values_of(hashes)
    leaders = _leaders(len(hashes_N), near_pairs_of(hashes_N, bits=bits))
    return [(leader, place) for place, leader in enumerate(leaders) if leader != place]


def turned_links(hashes_by_image: Iterable[str], *, bits: int) -> list[tuple[int, int]]:
    """Each position that looks like an earlier one mirrored or turned, and not like it as it is, with that one.

    An image has eight hashes, the first of the picture as it is and the others of its other positions.
    """
    # Each image's eight one after the other: of a million images there is no list of texts.
    hashes_N8 = values_of(
        text[at : at + HASH_DIGITS] for text in hashes_by_image for at in range(0, 8 * HASH_DIGITS, HASH_DIGITS)
    ).reshape(-1, 8)
    ones_P, others_P, _ = pairs_in_orientations(hashes_N8.T, bits=bits)
    if not len(ones_P):
        return []
    alike = _leaders(len(hashes_N8), near_pairs_of(hashes_N8[:, 0], bits=bits))
    found: dict[int, int] = {}
    for one, other in zip(ones_P.tolist(), others_P.tolist(), strict=True):
        low, high = sorted((one, other))
        if alike[low] != alike[high]:
            found[high] = min(low, found.get(high, low))
    return [(first, other) for other, first in sorted(found.items())]


def _leaders(count: int, links: Iterable[tuple[int, int]]) -> list[int]:
    """The smallest position that each is connected with."""
    above = list(range(count))

    def lead(place: int) -> int:
        while above[place] != place:
            above[place] = above[above[place]]
            place = above[place]
        return place

    for first, second in links:
        low, high = sorted((lead(first), lead(second)))
        above[high] = low
    return [lead(place) for place in range(count)]
