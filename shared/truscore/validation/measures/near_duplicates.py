"""Which perceptual hashes differ in few bits, without comparing each with each."""

from collections.abc import Iterable, Sequence

from truscore.datasets import near_duplicates
from truscore.datasets.images.perceptual_hash import pairs_in_orientations, values_of
from truscore.validation.measures.thumbnails import HASH_DIGITS


def near_links(hashes: Sequence[str], *, bits: int) -> list[tuple[int, int]]:
    """Each position that looks like an earlier one, with the first that it looks like, directly or by way of others."""
    leaders = _leaders(len(hashes), near_duplicates(hashes, bits=bits))
    return [(leader, place) for place, leader in enumerate(leaders) if leader != place]


def turned_links(hashes_by_image: Sequence[str], *, bits: int) -> list[tuple[int, int]]:
    """Each position that looks like an earlier one mirrored or turned, and not like it as it is, with that one.

    An image has eight hashes, the first of the picture as it is and the others of its other positions.
    """
    count = len(hashes_by_image)
    upright = [text[:HASH_DIGITS] for text in hashes_by_image]
    alike = _leaders(count, near_duplicates(upright, bits=bits))
    hashes = [text[at : at + HASH_DIGITS] for at in range(0, 8 * HASH_DIGITS, HASH_DIGITS) for text in hashes_by_image]
    ones_P, others_P, _ = pairs_in_orientations(values_of(hashes).reshape(8, count), bits=bits)
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
