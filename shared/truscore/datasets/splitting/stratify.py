"""Stratified assignment of groups of images to parts, so that each part gets its share of every stratum.

Strata are what the parts are to have alike: classes, grades, ranges of scores.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from truscore.datasets.index.records import ImageRecord

# Fifths of a score's range of ranks; fewer where a fifth would be fewer images than this.
SCORE_BINS = 5
LEAST_IN_BIN = 4
# Of the groups that could be given in exchange, so many are tried.
EXCHANGES = 200

Stratum = tuple[str, int]
NOTHING: Stratum = ("nothing", 0)


def strata_of(images: Sequence[ImageRecord]) -> list[frozenset[Stratum]]:
    """The strata of each image: its classes (a grade is one), and the quantile of each of its scores."""
    edges = _edges_by_score(images)
    kinds: dict[frozenset[Stratum], frozenset[Stratum]] = {}  # each once, however many images have it
    return [kinds.setdefault(strata, strata) for strata in (_strata(image, edges) for image in images)]


def _strata(image: ImageRecord, edges: Mapping[str, Sequence[float]]) -> frozenset[Stratum]:
    classes = {("class", label) for label in image.classes}
    bins = {(f"score {name}", bisect_right(edges[name], value)) for name, value in image.scores}
    return frozenset(classes | bins) or frozenset({NOTHING})


def _edges_by_score(images: Sequence[ImageRecord]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = defaultdict(list)
    for image in images:
        for name, value in image.scores:
            values[name].append(value)
    return {name: _edges(sorted(found)) for name, found in values.items()}


def _edges(ordered: Sequence[float]) -> list[float]:
    """Where quantiles begin, the first left out; equal values fall into one."""
    bins = max(1, min(SCORE_BINS, len(ordered) // LEAST_IN_BIN))
    starts = {ordered[number * len(ordered) // bins] for number in range(1, bins)}
    return sorted(starts - {ordered[0]}) if ordered else []


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Images that stay together: how many, and how many of them each stratum has."""

    size: int
    strata: Mapping[Stratum, int]


def group_of(members: Sequence[frozenset[Stratum]]) -> Group:
    return Group(size=len(members), strata=Counter(stratum for strata in members for stratum in strata))


def assign(groups: Sequence[Group], shares: Sequence[float]) -> list[list[int]]:
    """Positions of groups by part; the parts have ``shares`` of the images, and of each stratum's.

    Groups with the rarest stratum go first, each to the part that lacks that stratum most (after Sechidis, Tsoumakas
    and Vlahavas 2011, "On the stratification of multi-label data", algorithm 1).
    """
    totals: Counter[Stratum] = Counter()
    for group in groups:
        totals.update(group.strata)
    rarest = [min(group.strata, key=lambda stratum: (totals[stratum], stratum)) for group in groups]
    wanted = [{stratum: total * share for stratum, total in totals.items()} for share in shares]
    remaining = [sum(group.size for group in groups) * share for share in shares]
    assigned: list[list[int]] = [[] for _ in shares]
    for at in sorted(range(len(groups)), key=lambda at: (totals[rarest[at]], rarest[at])):
        lacks = {part: (wanted[part][rarest[at]], remaining[part]) for part, share in enumerate(shares) if share > 0}
        part = max(lacks, key=lambda part: (lacks[part], -part))
        assigned[part].append(at)
        remaining[part] -= groups[at].size
        for stratum, count in groups[at].strata.items():
            wanted[part][stratum] -= count
    return assigned


def fill_empty_parts(
    assigned: list[list[int]], groups: Sequence[Group], *, parts: Sequence[int], donors: Sequence[int] = ()
) -> None:
    """Where ``parts`` were left empty, a small group moves there: from the first of ``donors`` that has one, else from
    the part that has most."""
    for short in parts:
        if not assigned[short] and len(groups) > 1:
            donor = next((assigned[part] for part in donors if assigned[part]), None) or max(assigned, key=len)
            smallest = min(donor, key=lambda at: groups[at].size)
            donor.remove(smallest)
            assigned[short].append(smallest)


def spread_strata(
    assigned: list[list[int]], groups: Sequence[Group], least: Mapping[int, int], *, may_empty: Sequence[int] = ()
) -> None:
    """Give each part of ``least`` a group of every stratum that has at least so many groups, as far as that can be.

    Greedy: a group is moved or exchanged where that leaves fewer strata missing than before; the last group of a part
    is moved only where the part may be empty.
    """
    assignment = _Assignment(assigned, groups, least, may_empty)
    while (best := min(assignment.moves(), default=None)) is not None:
        assignment.apply(best)


@dataclass(frozen=True, order=True, slots=True)
class _Move:
    """``moved`` goes from a part to another, and ``returned``, where it is a group, back; the best sorts first."""

    missing: int  # strata missing more than before: below 0
    unevenness: int
    source: int
    target: int
    moved: int
    returned: int


class _Assignment:
    def __init__(
        self, assigned: list[list[int]], groups: Sequence[Group], least: Mapping[int, int], may_empty: Sequence[int]
    ) -> None:
        self._assigned, self._groups, self._least, self._may_empty = assigned, groups, least, may_empty
        self._holders = Counter(stratum for group in groups for stratum in group.strata)
        self._held = [Counter(stratum for at in part for stratum in groups[at].strata) for part in assigned]

    def moves(self) -> Iterator[_Move]:
        """For the first stratum that is missing and can be had."""
        for target in self._least:
            for stratum in sorted(self._holders):
                if self._is_due(stratum, target) and not self._held[target][stratum]:
                    found = [move for move in self._moves_for(stratum, target) if move.missing < 0]
                    if found:
                        yield from found
                        return

    def apply(self, move: _Move) -> None:
        self._transfer(move.moved, move.source, move.target)
        if move.returned >= 0:
            self._transfer(move.returned, move.target, move.source)

    def _is_due(self, stratum: Stratum, part: int) -> bool:
        return part in self._least and self._holders[stratum] >= self._least[part]

    def _moves_for(self, stratum: Stratum, target: int) -> Iterator[_Move]:
        for source, part in enumerate(self._assigned):
            if source == target:
                continue
            alone = (-1,) if len(part) > 1 or source in self._may_empty else ()
            for moved in part:
                if stratum in self._groups[moved].strata:
                    for returned in (*alone, *self._assigned[target][:EXCHANGES]):
                        yield self._scored(source, target, moved, returned)

    def _scored(self, source: int, target: int, moved: int, returned: int) -> _Move:
        returned_group = self._groups[returned] if returned >= 0 else Group(size=0, strata={})
        moved_group = self._groups[moved]
        touched = {*moved_group.strata, *returned_group.strata}
        missing = 0
        for stratum in touched:
            step = (stratum in moved_group.strata) - (stratum in returned_group.strata)
            for part, change in ((target, step), (source, -step)):
                if self._is_due(stratum, part):
                    held = self._held[part][stratum]
                    missing += (held + change == 0) - (held == 0)
        return _Move(missing, abs(moved_group.size - returned_group.size), source, target, moved, returned)

    def _transfer(self, at: int, source: int, target: int) -> None:
        self._assigned[source].remove(at)
        self._assigned[target].append(at)
        self._held[source].subtract(dict.fromkeys(self._groups[at].strata, 1))
        self._held[target].update(dict.fromkeys(self._groups[at].strata, 1))
