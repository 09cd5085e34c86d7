"""Which perceptual hashes differ in few bits, without comparing each with each."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from truscore.datasets import near_duplicates
from truscore.validation.sketch import PRINT_DIGITS


def near_links(hashes: Sequence[str], *, bits: int) -> list[tuple[int, int]]:
    """Each position that looks like an earlier one, with the first that it looks like, directly or by way of others."""
    leaders = _leaders(len(hashes), near_duplicates(hashes, bits=bits))
    return [(leader, place) for place, leader in enumerate(leaders) if leader != place]


def turned_links(prints: Sequence[str], *, bits: int) -> list[tuple[int, int]]:
    """Each position that looks like an earlier one mirrored or turned, and not like it as it is, with that one.

    A print is eight hashes, the first of the picture as it is and the others of its other positions.
    """
    count = len(prints)
    upright = [text[:PRINT_DIGITS] for text in prints]
    alike = _leaders(count, near_duplicates(upright, bits=bits))
    found: dict[int, int] = {}
    for start in range(PRINT_DIGITS, max(map(len, prints), default=0), PRINT_DIGITS):
        both = [*upright, *(text[start : start + PRINT_DIGITS] for text in prints)]
        for first, others in _mixed(_leaders(2 * count, near_duplicates(both, bits=bits)), count):
            for other in others:
                if alike[first] != alike[other] and min(first, other) < found.get(max(first, other), count):
                    found[max(first, other)] = min(first, other)
    return [(first, other) for other, first in sorted(found.items())]


def _mixed(leaders: Sequence[int], count: int) -> Iterator[tuple[int, list[int]]]:
    """Of each group of upright and turned pictures: the first upright one, and those of which it holds a turned one."""
    members: dict[int, list[int]] = defaultdict(list)
    for place, leader in enumerate(leaders):
        members[leader].append(place)
    for group in members.values():
        if group[0] < count <= group[-1]:
            yield group[0], [place - count for place in group if place >= count]


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
