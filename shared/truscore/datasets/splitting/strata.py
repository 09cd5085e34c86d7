"""What the parts of a divided dataset are to have alike: classes, grades, ranges of scores."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence

from truscore.datasets.index.records import ImageRecord

# Fifths of a score's range of ranks; fewer where a fifth would be fewer images than this.
SCORE_BINS = 5
LEAST_IN_BIN = 4

Stratum = tuple[str, int]
NOTHING: Stratum = ("nothing", 0)


def strata_of(images: Sequence[ImageRecord]) -> list[frozenset[Stratum]]:
    """The strata of each image: its classes (a grade is one), and the quantile of each of its scores."""
    edges = _edges_by_score(images)
    return [_strata(image, edges) for image in images]


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
