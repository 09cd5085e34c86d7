"""Borders of cards: their corners, which two belong to one card, and its centring.

Array legend: H, W height and width; 42 four corners of x and y, clockwise from the upper left.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from truscore.inference.predictions import Centring, Detection, Side, as_graders_write
from truscore.metrics.centring import centring_shares
from truscore.metrics.quadrilaterals import Points, box_corners, mask_corners

OUTER, GRAPHICAL = 1, 2
LINES, MASK, BOX = "lines", "mask", "box"
NO_EDGE = "no straight edge stands out near it: the place follows from the rest of the card, the box or the mask"
LEAST_SIDES = 2  # of four, that have to be found for a border to be taken from its lines


# Of the box's longer side, how far beyond the box a corner may lie: sides of a frayed mask meet anywhere.
_BEYOND = 0.1


def corners_of_mask(mask_HW: NDArray[np.bool_], box: tuple[float, float, float, float]) -> Points | None:
    """None where the mask has no four sides that meet about its box, x1, y1, x2, y2."""
    with np.errstate(invalid="ignore", divide="ignore"):
        try:
            corners_42 = mask_corners(mask_HW)
        except np.linalg.LinAlgError:
            return None
    if corners_42 is None or not np.isfinite(corners_42).all():
        return None
    first_2, last_2 = np.array(box[:2]), np.array(box[2:])
    reach = _BEYOND * float((last_2 - first_2).max())
    near = (corners_42 >= first_2 - reach) & (corners_42 <= last_2 + reach)
    return corners_42 if near.all() else None


def corners_of_box(box: tuple[float, float, float, float]) -> Points:
    """`box` is x1, y1, x2, y2."""
    x1, y1, x2, y2 = box
    return box_corners((x1, y1, x2 - x1, y2 - y1))


def centring_of(detections: Sequence[Detection]) -> tuple[Centring, ...]:
    """Of each card whose edge (label 1) and printed border (label 2) were found, the surest card first.

    The printed border of a card is the one, not yet another card's, that has its middle in the card, nearest to the
    card's own. Both borders are taken from lines, or, where either has none, both from masks, or else both from boxes.
    """
    free = [at for at, one in enumerate(detections) if one.label == GRAPHICAL]
    measured = []
    for at, one in sorted(enumerate(detections), key=lambda pair: -pair[1].score):
        inside = [other for other in free if one.label == OUTER and _holds(one, detections[other])]
        if not inside:
            continue
        inner = min(inside, key=lambda other: _apart(one, detections[other]))
        free.remove(inner)
        if (centring := _centring(detections, at, inner)) is not None:
            measured.append(centring)
    return tuple(measured)


def _centring(detections: Sequence[Detection], outer: int, inner: int) -> Centring | None:
    pair = detections[outer], detections[inner]
    source = next(
        (source for source in (LINES, MASK) if all(one.corners_from == source for one in pair)),
        BOX,
    )
    outer_42, inner_42 = (corners_of_box(one.box) if source == BOX else np.array(one.corners) for one in pair)
    shares = centring_shares(outer_42, inner_42)
    if shares is None:
        return None
    left, top = shares
    deviations = _deviations(pair, outer_42, shares) if source == LINES else None
    return Centring(
        left_right=as_graders_write(left),
        top_bottom=as_graders_write(top),
        left_percent=left,
        top_percent=top,
        measured_from={LINES: "lines", MASK: "masks", BOX: "boxes"}[source],
        outer=outer,
        inner=inner,
        left_deviation=None if deviations is None else deviations[0],
        top_deviation=None if deviations is None else deviations[1],
        reason="; ".join(f"{one.name}, {side.name}: {side.reason}" for one in pair for side in _lost(one)),
    )


def _lost(one: Detection) -> list[Side]:
    return [side for side in one.lines or () if side.reason]


def _deviations(
    pair: tuple[Detection, Detection], outer_42: Points, shares: tuple[float, float]
) -> tuple[float, float] | None:
    """Standard deviations of the left and the upper share, in points: of a share l / (l + r) whose margins are off by
    themselves, 1 / (l + r) · hypot(r / (l + r) · off l, l / (l + r) · off r)."""
    outer, inner = pair
    if outer.lines is None or inner.lines is None:
        return None
    off = [
        math.hypot(one.deviation_px, other.deviation_px) for one, other in zip(outer.lines, inner.lines, strict=True)
    ]
    inner_42 = np.array(inner.corners)
    deviations = []
    for (near, far), share in zip(((3, 1), (0, 2)), shares, strict=True):
        margins = sum(_gap(outer_42, inner_42, side) for side in (near, far))
        rest = (100 - share) / 100
        deviations.append(100 / max(margins, 1e-6) * math.hypot(rest * off[near], share / 100 * off[far]))
    return deviations[0], deviations[1]


def _gap(outer_42: Points, inner_42: Points, side: int) -> float:
    """Between the middles of two borders' sides, in pixels."""
    middles = [(corners_42[side] + corners_42[(side + 1) % 4]) / 2 for corners_42 in (outer_42, inner_42)]
    return float(np.hypot(*(middles[0] - middles[1])))


def _middle(one: Detection) -> tuple[float, float]:
    x1, y1, x2, y2 = one.box
    return (x1 + x2) / 2, (y1 + y2) / 2


def _holds(card: Detection, other: Detection) -> bool:
    x, y = _middle(other)
    x1, y1, x2, y2 = card.box
    return x1 <= x <= x2 and y1 <= y <= y2


def _apart(one: Detection, other: Detection) -> float:
    (x, y), (other_x, other_y) = _middle(one), _middle(other)
    return float(np.hypot(x - other_x, y - other_y))
