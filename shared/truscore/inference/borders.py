"""Borders of cards: their corners, which two belong to one card, and its centring.

Array legend: H, W height and width; 42 four corners of x and y, clockwise from the upper left.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from truscore.inference.predictions import Centring, Found, as_graders_write
from truscore.metrics.centring import centring_shares
from truscore.metrics.quadrilaterals import Points, box_corners, mask_corners

OUTER, GRAPHICAL = 1, 2
MASK, BOX = "mask", "box"


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


def centring_of(found: Sequence[Found]) -> tuple[Centring, ...]:
    """Of each card whose edge (label 1) and printed border (label 2) were found, the surest card first.

    The printed border of a card is the one, not yet another card's, that has its middle in the card, nearest to the
    card's own. Both borders are taken from masks, or, where either has no corners of a mask, both from boxes.
    """
    free = [at for at, one in enumerate(found) if one.label == GRAPHICAL]
    measured = []
    for at, one in sorted(enumerate(found), key=lambda pair: -pair[1].score):
        inside = [other for other in free if one.label == OUTER and _holds(one, found[other])]
        if not inside:
            continue
        inner = min(inside, key=lambda other: _apart(one, found[other]))
        free.remove(inner)
        if (centring := _centring(found, at, inner)) is not None:
            measured.append(centring)
    return tuple(measured)


def _centring(found: Sequence[Found], outer: int, inner: int) -> Centring | None:
    pair = found[outer], found[inner]
    by_mask = all(one.corners_from == MASK for one in pair)
    outer_42, inner_42 = (np.array(one.corners) if by_mask else corners_of_box(one.box) for one in pair)
    shares = centring_shares(outer_42, inner_42)
    if shares is None:
        return None
    left, top = shares
    return Centring(
        left_right=as_graders_write(left),
        top_bottom=as_graders_write(top),
        left_percent=left,
        top_percent=top,
        measured_from="masks" if by_mask else "boxes",
        outer=outer,
        inner=inner,
    )


def _middle(one: Found) -> tuple[float, float]:
    x1, y1, x2, y2 = one.box
    return (x1 + x2) / 2, (y1 + y2) / 2


def _holds(card: Found, other: Found) -> bool:
    x, y = _middle(other)
    x1, y1, x2, y2 = card.box
    return x1 <= x <= x2 and y1 <= y <= y2


def _apart(one: Found, other: Found) -> float:
    (x, y), (other_x, other_y) = _middle(one), _middle(other)
    return float(np.hypot(x - other_x, y - other_y))
