"""How near two sets of detections are, and how near is near enough.

Both sides compute the same network in float32, in another order of additions: a few units in the last place, grown by
its depth. The tolerances are some hundred times what is seen on real pictures and far below what a grade depends on.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.exporter.child.detections import Detections, overlap
from services.exporter.release import Parity

TOLERANCE = {
    # Pixels of the input picture.
    "boxes": 0.25,
    # From 0 to 1.
    "scores": 0.001,
    # Probability, averaged over where either mask is: pasting rounds boxes to whole pixels, so a box at a rounding
    # point may move a mask by one pixel, which single pixels on its outline show and its area does not.
    "masks": 0.02,
    # Pixels of the input picture, of a border's corners whose lines were found.
    "corners": 0.25,
}
MATCHED_AT_LEAST = 0.99
# In INT8 doubtful finds come and go, and boxes move by pixels: what is sure has to be found again, in its place.
INT8_MATCHED_AT_LEAST = 0.95
SURE = 0.5
SAME_THING_OVERLAP = 0.9
LEAST_OVERLAP = {"float": SAME_THING_OVERLAP, "int8": 0.75}
INT8_SCORES = 0.1
_MASK_FLOOR = 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Of one picture: pairs that belong together, detections that count, and the largest differences of a pair."""

    matched: int
    expected: int
    differences: dict[str, float]


def compare(reference: Detections, candidate: Detections, *, precision: str = "float") -> Comparison:
    pairs = match(reference, candidate, least_overlap=LEAST_OVERLAP[precision])
    if precision == "int8":
        matched = sum(bool(reference.scores_N[n] >= SURE or candidate.scores_N[m] >= SURE) for n, m in pairs)
        lone = _unexcused(reference, candidate, pairs, sure=SURE + INT8_SCORES)
    else:
        matched, lone = len(pairs), _unexcused(reference, candidate, pairs)
    return Comparison(
        matched=matched,
        expected=matched + lone,
        differences=_differences(reference, candidate, pairs),
    )


def check_parity(comparisons: Iterable[Comparison], *, precision: str = "float") -> Parity:
    """The verdict over all pictures; nothing found on either side is agreement."""
    compared = tuple(comparisons)
    expected = sum(each.expected for each in compared)
    matched = sum(each.matched for each in compared) / expected if expected else 1.0
    names = [name for name in TOLERANCE if any(name in each.differences for each in compared)]
    worst = {name: max(each.differences[name] for each in compared) for name in names}
    near = precision == "int8" or all(worst[name] <= TOLERANCE[name] for name in names)
    least = MATCHED_AT_LEAST if precision == "float" else INT8_MATCHED_AT_LEAST
    return Parity(
        passed=bool(compared) and near and matched >= least,
        images=len(compared),
        detections=expected,
        matched=matched,
        max_abs_difference=worst,
        tolerance={name: TOLERANCE[name] for name in names} if precision == "float" else {},
    )


def match(
    reference: Detections, candidate: Detections, *, least_overlap: float = SAME_THING_OVERLAP
) -> tuple[tuple[int, int], ...]:
    """Pairs (reference, candidate) of one label, one to one, the best overlapping first."""
    if not len(reference) or not len(candidate):
        return ()
    overlap_NM = overlap(reference.boxes_N4, candidate.boxes_N4)
    # Boxes clipped at the picture's edge may have no area, and so no overlap, and coincide.
    apart_NM = np.abs(reference.boxes_N4[:, None] - candidate.boxes_N4[None]).max(axis=2)
    overlap_NM[apart_NM <= TOLERANCE["boxes"]] = 1
    overlap_NM[reference.labels_N[:, None] != candidate.labels_N[None]] = 0
    # Boxes that coincide are distinguished by score.
    score_gap_NM = np.abs(reference.scores_N[:, None] - candidate.scores_N[None])
    free_N, free_M = np.ones(len(reference), bool), np.ones(len(candidate), bool)
    pairs = []
    for flat in np.lexsort((score_gap_NM.ravel(), -overlap_NM.round(4).ravel())):
        n, m = divmod(int(flat), len(candidate))
        if overlap_NM[n, m] < least_overlap:
            break
        if free_N[n] and free_M[m]:
            free_N[n] = free_M[m] = False
            pairs.append((n, m))
    return tuple(pairs)


def _unexcused(
    reference: Detections, candidate: Detections, pairs: tuple[tuple[int, int], ...], *, sure: float | None = None
) -> int:
    """Detections without a partner, save those at the cut: a score at the threshold may fall to either side of it.
    With `sure`, those of at least that score."""
    lone = np.concatenate(
        (
            np.delete(reference.scores_N, [n for n, _ in pairs]),
            np.delete(candidate.scores_N, [m for _, m in pairs]),
        )
    )
    if not lone.size:
        return 0
    if sure is not None:
        return int((lone >= sure).sum())
    cut = min(float(side.scores_N.min()) for side in (reference, candidate) if len(side))
    return int((lone > cut + TOLERANCE["scores"]).sum()) or int(not pairs)


def _differences(reference: Detections, candidate: Detections, pairs: tuple[tuple[int, int], ...]) -> dict[str, float]:
    worst = {"boxes": 0.0, "scores": 0.0}
    for n, m in pairs:
        worst["boxes"] = max(worst["boxes"], float(np.abs(reference.boxes_N4[n] - candidate.boxes_N4[m]).max()))
        worst["scores"] = max(worst["scores"], float(abs(reference.scores_N[n] - candidate.scores_N[m])))
    if reference.corners_N42 is not None and candidate.corners_N42 is not None:
        worst["corners"] = max((_corner_difference(reference, candidate, n, m) for n, m in pairs), default=0.0)
    if reference.masks_NHW is None or candidate.masks_NHW is None:
        return worst
    masks = (_mask_difference(reference.masks_NHW[n], candidate.masks_NHW[m]) for n, m in pairs)
    return {**worst, "masks": max(masks, default=0.0)}


def _corner_difference(reference: Detections, candidate: Detections, n: int, m: int) -> float:
    """0 where one side has found a line that the other has not: at the limit of confidence it may fall to either, which
    scores and boxes don't show."""
    sides = (reference, n), (candidate, m)
    corners = [side.corners_N42[at] for side, at in sides if side.corners_N42 is not None]
    found = [side.confidence_N4[at] > 0 for side, at in sides if side.confidence_N4 is not None]
    if len(corners) < 2 or len(found) < 2 or (found[0] != found[1]).any() or not found[0].any():
        return 0.0
    return float(np.abs(corners[0] - corners[1]).max())


def _mask_difference(a_HW: NDArray[np.float32], b_HW: NDArray[np.float32]) -> float:
    where_HW = (a_HW > _MASK_FLOOR) | (b_HW > _MASK_FLOOR)
    return float(np.abs(a_HW[where_HW] - b_HW[where_HW]).mean()) if where_HW.any() else 0.0
