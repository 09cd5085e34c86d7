"""Two documents of one image compared: marks matched by their overlap, labels side by side. Runs in the child.

Overlap is the intersection over union of what two marks cover, as COCO rasterises outlines. M, N: marks of the one and
of the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from truscore.datasets.shapes.masks import annotation_mask

from services.studio.drafts.document import Document, Shape
from services.studio.drafts.marks import annotation_of

LEAST_OVERLAP: Final = 0.5  # from which on two marks are taken for the same thing
POINT_SHARE: Final = 0.01  # a point is compared as a disc of this radius, of the image's longer side
CORNERS: Final = 16  # of such a disc
MOST_NAMED: Final = 1000


def compare(one: Document, other: Document, *, width: int, height: int) -> dict[str, Any]:
    """`matched` marks with their mean and least overlap (None without any), how often which two classes met, and the
    ids of marks that the other has nothing for."""
    mine, theirs = list(one.shapes.values()), list(other.shapes.values())
    pairs = matched(mine, theirs, width=width, height=height)
    overlaps = [overlap for _, _, overlap in pairs]
    classes = Counter((mine[m].label, theirs[n].label) for m, n, _ in pairs)
    met = [{m for m, _, _ in pairs}, {n for _, n, _ in pairs}]
    alone = [
        [shape.id for place, shape in enumerate(shapes) if place not in met[side]][:MOST_NAMED]
        for side, shapes in enumerate((mine, theirs))
    ]
    return {
        "marks": [len(mine), len(theirs)],
        "matched": len(pairs),
        "mean_overlap": sum(overlaps) / len(overlaps) if overlaps else None,
        "least_overlap": min(overlaps, default=None),
        "classes": [[first, second, count] for (first, second), count in sorted(classes.items())],
        "alone": alone,
        "labels": [None if each.labels is None else list(each.labels) for each in (one, other)],
        "scores": _scores(one.scores, other.scores),
    }


def matched(one: Sequence[Shape], other: Sequence[Shape], *, width: int, height: int) -> list[tuple[int, int, float]]:
    """Places of the pairs and their overlap. Marks of one class choose each other before those of two: a card's outer
    border and its graphical one overlap by more than half. Among these the largest overlap chooses first."""
    if not one or not other:
        return []
    overlap_MN = overlaps_of(one, other, width=width, height=height)
    close = [(int(m), int(n)) for m, n in np.argwhere(overlap_MN >= LEAST_OVERLAP)]
    close.sort(key=lambda pair: (one[pair[0]].label != other[pair[1]].label, -overlap_MN[pair], pair))
    pairs: dict[int, tuple[int, float]] = {}
    taken: set[int] = set()
    for m, n in close:
        if m not in pairs and n not in taken:
            pairs[m] = (n, float(overlap_MN[m, n]))
            taken.add(n)
    return [(m, n, overlap) for m, (n, overlap) in sorted(pairs.items())]


def overlaps_of(one: Sequence[Shape], other: Sequence[Shape], *, width: int, height: int) -> NDArray[np.float64]:
    """Intersection over union of each with each, [M, N]."""
    covered = [[_covered(shape, width, height) for shape in shapes] for shapes in (one, other)]
    found: NDArray[np.float64] = np.asarray(coco_mask.iou(covered[0], covered[1], [0] * len(other)), dtype=np.float64)
    return found


def _covered(shape: Shape, width: int, height: int) -> dict[str, Any]:
    if shape.kind == "fixed":
        return _rle(np.asfortranarray(annotation_mask(annotation_of(shape), height, width), dtype=np.uint8))
    return _outline(_corners(shape, POINT_SHARE * max(width, height)), height, width)


def _corners(shape: Shape, radius: float) -> list[float]:
    p = shape.points
    if shape.kind == "box":
        return [p[0], p[1], p[2], p[1], p[2], p[3], p[0], p[3]]
    if shape.kind == "point":
        turn_N = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
        return list((np.array(p) + radius * np.column_stack([np.cos(turn_N), np.sin(turn_N)])).ravel())
    return list(p)


def _outline(corners: list[float], height: int, width: int) -> dict[str, Any]:
    found: dict[str, Any] = coco_mask.merge(coco_mask.frPyObjects([corners], height, width))
    return found


def _rle(mask_HW: NDArray[np.uint8]) -> dict[str, Any]:
    found: dict[str, Any] = coco_mask.encode(mask_HW)
    return found


def _scores(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, list[float | None]]:
    return {name: [one.get(name), other.get(name)] for name in sorted({*one, *other})}
