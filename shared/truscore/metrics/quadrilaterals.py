"""The four sides of a card's border, from a mask, an outline or a box. Points are x, y in pixels; a pixel's own corners
are whole numbers, so that an edge between two pixels has a place. H, W sides; N points; 42: four corners of x and y,
clockwise from the upper left.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from truscore.datasets.shapes.quadrilateral import corners_of, sides_of

Points = NDArray[np.float64]
Mask = NDArray[np.bool_]

SIDES = ("top", "right", "bottom", "left")
# Of the shorter side, how far from a line its points may lie: first from a rough one, then from a good one.
_REACHES = (0.08, 0.03)
_MIDDLE = (0.1, 0.9)  # corners of cards are round (an eighth of 2.5 inches), and those of masks are rounder


def box_corners(box_xywh: tuple[float, float, float, float]) -> Points:
    x, y, width, height = box_xywh
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], dtype=np.float64)


def mask_corners(mask_HW: Mask) -> Points | None:
    """The corners in which the sides of the mask's largest piece would meet; None where it has no four sides.

    The rim is where each row and column of the piece begins and ends, which strays by half a pixel to either side of a
    straight edge. Each side is a line through the middle of its part of the rim, by Huber's M-estimator (1964), so that
    a bump or a bite moves it little. Of two beginnings, the corners of the hull (exact on clean masks) and the
    rectangle of the same second moments (steady on frayed ones), the one counts that ends in the larger overlap.
    """
    piece_HW = _largest_piece(mask_HW)
    if piece_HW is None:
        return None
    left_R2, right_R2, top_C2, bottom_C2 = _rims(piece_HW)
    outline_N2 = np.concatenate([left_R2[::-1], right_R2])
    rims = {"upright": np.concatenate([left_R2, right_R2]), "level": np.concatenate([top_C2, bottom_C2])}
    rough = (corners_of(outline_N2.ravel().tolist()), corners_of(_moment_rectangle(piece_HW).ravel().tolist()))
    fitted = [_fitted(rims, corners_42) for corners_42 in rough if corners_42 is not None]
    if not fitted:
        return None
    piece = coco_mask.encode(np.asfortranarray(piece_HW, dtype=np.uint8))
    return max(fitted, key=lambda corners_42: _overlap(corners_42, piece))


def aligned(corners_42: Points, to_42: Points) -> Points:
    """The same corners, beginning with the one that belongs to the first of the others."""
    turns = [np.roll(corners_42, -turn, axis=0) for turn in range(4)]
    best: Points = min(turns, key=lambda turned_42: float(np.hypot(*(turned_42 - to_42).T).sum()))
    return best


def _largest_piece(mask_HW: Mask) -> Mask | None:
    import cv2

    count, piece_HW, about, _ = cv2.connectedComponentsWithStats(mask_HW.astype(np.uint8), connectivity=4)
    if count < 2:
        return None
    largest: Mask = piece_HW == 1 + int(about[1:, cv2.CC_STAT_AREA].argmax())
    return largest


def _rims(piece_HW: Mask) -> tuple[Points, Points, Points, Points]:
    """Left and right ends of the rows, upper and lower ends of the columns."""
    sides = []
    for lines_AB in (piece_HW, piece_HW.T):
        held = np.flatnonzero(lines_AB.any(axis=1))
        first = lines_AB[held].argmax(axis=1)
        last = lines_AB.shape[1] - lines_AB[held, ::-1].argmax(axis=1)
        sides += [np.column_stack([end, held + 0.5]).astype(np.float64) for end in (first, last)]
    left_R2, right_R2, top_C2, bottom_C2 = sides
    return left_R2, right_R2, top_C2[:, ::-1], bottom_C2[:, ::-1]


def _moment_rectangle(piece_HW: Mask) -> Points:
    """A rectangle of sides a and b has variances a²/12 and b²/12 along them."""
    y_N, x_N = (axis_N.astype(np.float64) + 0.5 for axis_N in np.nonzero(piece_HW))
    variance_2, along_22 = np.linalg.eigh(np.cov(np.stack([x_N, y_N]), bias=True))
    half_22 = along_22 * np.sqrt(3 * np.maximum(variance_2, 0))
    corners = [one * half_22[:, 0] + other * half_22[:, 1] for one, other in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    middle_2 = np.array([x_N.mean(), y_N.mean()])
    rectangle_42: Points = np.stack([middle_2 + corner_2 for corner_2 in corners])
    return rectangle_42


def _fitted(rims: dict[str, Points], corners_42: Points) -> Points:
    for reach in _REACHES:
        reach_px = reach * min(sides_of(corners_42))
        lines = [_line(rims, corners_42[at], corners_42[(at + 1) % 4], reach_px) for at in range(4)]
        met = [line_intersection(lines[at - 1], lines[at]) for at in range(4)]
        corners_42 = np.array([corners_42[at] if corner is None else corner for at, corner in enumerate(met)])
    return corners_42


def _line(rims: dict[str, Points], start_2: Points, end_2: Points, reach_px: float) -> tuple[Points, Points]:
    """A point of the line along a side, and its direction."""
    import cv2

    side_2 = end_2 - start_2
    length = max(math.hypot(*side_2), 1e-9)
    # Rows tell where an upright side is, columns where a level one is; the other way round each is a guess.
    points_N2 = rims["upright" if abs(side_2[1]) > abs(side_2[0]) else "level"]
    from_start_N2 = points_N2 - start_2
    along_N = from_start_N2 @ side_2 / length**2
    off_N = (from_start_N2[:, 1] * side_2[0] - from_start_N2[:, 0] * side_2[1]) / length
    own_N2 = points_N2[(along_N > _MIDDLE[0]) & (along_N < _MIDDLE[1]) & (np.abs(off_N) <= max(reach_px, 1.0))]
    if len(own_N2) < 3:
        return start_2, side_2
    fit = cv2.fitLine(own_N2.astype(np.float32), cv2.DIST_HUBER, 0, 1e-4, 1e-4).ravel().astype(np.float64)
    return fit[2:], fit[:2]


def line_intersection(one: tuple[Points, Points], other: tuple[Points, Points]) -> Points | None:
    """Where two lines meet, each a point of it and its direction; None where they are nearly parallel."""
    (start_2, along_2), (other_2, across_2) = one, other
    turn = float(along_2[0] * across_2[1] - along_2[1] * across_2[0])
    if abs(turn) < 0.1 * math.hypot(*along_2) * math.hypot(*across_2):
        return None
    gap_2 = other_2 - start_2
    met_2: Points = start_2 + along_2 * float(gap_2[0] * across_2[1] - gap_2[1] * across_2[0]) / turn
    return met_2


def _overlap(corners_42: Points, piece: dict[str, Any]) -> float:
    height, width = piece["size"]
    drawn = coco_mask.merge(coco_mask.frPyObjects([corners_42.ravel().tolist()], height, width))
    return float(coco_mask.iou([drawn], [piece], [0])[0, 0])
