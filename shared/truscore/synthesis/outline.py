"""Outlines as polygons, and how they move. Coordinates: x right, y down, (0, 0) the outer corner of the first pixel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from truscore.synthesis.design import CARD_HEIGHT_MM, CARD_WIDTH_MM, Frame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ARC_POINTS = 5  # points on each rounded corner


def card_outline(corner_radius_mm: float) -> NDArray[np.float64]:
    """The card's edge in millimetres, [N, 2], clockwise."""
    return _rounded(0.0, 0.0, CARD_WIDTH_MM, CARD_HEIGHT_MM, corner_radius_mm)


def frame_outline(frame: Frame) -> NDArray[np.float64]:
    """The graphical border in millimetres on the card, [N, 2], clockwise."""
    import numpy as np

    right, bottom = CARD_WIDTH_MM - frame.right_mm, CARD_HEIGHT_MM - frame.bottom_mm
    points_N2 = _rounded(frame.left_mm, frame.top_mm, right, bottom, frame.corner_radius_mm)
    middle_2 = np.array([(frame.left_mm + right) / 2, (frame.top_mm + bottom) / 2])
    angle = math.radians(frame.tilt_deg)
    turn_22 = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return np.asarray((points_N2 - middle_2) @ turn_22.T + middle_2)


def moved(points_N2: NDArray[np.float64], homography_33: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points under a projective map. Straight edges stay straight, so a polygon moves by its corners exactly."""
    import numpy as np

    ones_N1 = np.ones((len(points_N2), 1))
    projected_N3 = np.hstack([points_N2, ones_N1]) @ homography_33.T
    return np.asarray(projected_N3[:, :2] / projected_N3[:, 2:])


def coverage(points_N2: NDArray[np.float64], height: int, width: int) -> NDArray[np.float32]:
    """How much of each pixel a convex clockwise polygon covers, 0 to 1, [H, W].

    The signed distance of each pixel's centre to the nearest edge line, as a ramp one pixel wide.
    """
    import numpy as np

    x_W, y_H = np.arange(width) + 0.5, np.arange(height) + 0.5
    outside_HW = np.full((height, width), -np.inf, dtype=np.float32)
    for (x0, y0), (x1, y1) in zip(points_N2, np.roll(points_N2, -1, axis=0), strict=True):
        length = math.hypot(x1 - x0, y1 - y0)
        normal_x, normal_y = (y1 - y0) / length, (x0 - x1) / length
        across_W = ((x_W - x0) * normal_x).astype(np.float32)
        down_H = ((y_H - y0) * normal_y).astype(np.float32)
        np.maximum(outside_HW, across_W[None, :] + down_H[:, None], out=outside_HW)
    return np.asarray(np.clip(0.5 - outside_HW, 0, 1), dtype=np.float32)


def _rounded(left: float, top: float, right: float, bottom: float, radius: float) -> NDArray[np.float64]:
    import numpy as np

    if radius <= 0:
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float64)
    centres = (
        (right - radius, top + radius, -90.0),
        (right - radius, bottom - radius, 0.0),
        (left + radius, bottom - radius, 90.0),
        (left + radius, top + radius, 180.0),
    )
    points = [
        (x + radius * math.cos(angle), y + radius * math.sin(angle))
        for x, y, start in centres
        for angle in (math.radians(start + 90 * step / (ARC_POINTS - 1)) for step in range(ARC_POINTS))
    ]
    return np.array(points, dtype=np.float64)
