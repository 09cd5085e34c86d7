"""Strips of an image along a line: rows are offsets from the line, columns are places along it.

Points are x, y in pixels of the upright image; a pixel's own corners are whole numbers, its middle is at a half.
Legend: H, W sides of the image, C channels, A offsets across the line, L places along it, 2 x and y.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Values = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """Where a strip lies: from ``start_2`` along the unit vector ``along_2``; offsets grow along ``outward_2``.

    ``offsets_A`` and ``places_L`` are in pixels: point (a, l) is start + places[l] · along + offsets[a] · outward.
    """

    start_2: Points
    along_2: Points
    offsets_A: Points
    places_L: Points

    @property
    def outward_2(self) -> Points:
        """To the left of the way along: out of an outline whose corners run clockwise on the screen."""
        return np.array([self.along_2[1], -self.along_2[0]])

    def point(self, offset: float, place: float) -> Points:
        """In the image."""
        point_2: Points = self.start_2 + place * self.along_2 + offset * self.outward_2
        return point_2


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """``values_ALC`` from 0 to 255; ``inside_AL`` is false where the image has no pixel."""

    frame: Frame
    values_ALC: Values
    inside_AL: NDArray[np.bool_]


def frame_along(start_2: Points, end_2: Points, *, reach_px: float, inset: float, step_px: float) -> Frame:
    """The strip of a side from corner to corner, ``reach_px`` to both sides of it, one sample a pixel across and one
    every ``step_px`` along. ``inset`` is the share that is left out at either end: corners of cards are round.

    Raises ValueError for a side that is too short to have a direction.
    """
    side_2 = np.asarray(end_2, dtype=np.float64) - start_2
    length = float(np.hypot(*side_2))
    if length < 4 * step_px:
        raise ValueError(f"a side of {length:.1f} px is too short for a strip; accepted: {4 * step_px:g} px and more")
    reach = int(np.ceil(reach_px))
    count = int(length * (1 - 2 * inset) / step_px)
    return Frame(
        start_2=np.asarray(start_2, dtype=np.float64),
        along_2=side_2 / length,
        offsets_A=np.arange(-reach, reach + 1, dtype=np.float64),
        places_L=np.linspace(inset * length, (1 - inset) * length, max(count, 4)),
    )


def cut_strip(image_HWC: NDArray[np.uint8], frame: Frame) -> Strip:
    """Bilinear samples of the image. Beyond its edge they repeat its last pixel and are marked as not inside."""
    height, width = image_HWC.shape[:2]
    grid_AL2 = (
        frame.start_2 + frame.places_L[None, :, None] * frame.along_2 + frame.offsets_A[:, None, None] * frame.outward_2
    )
    x_AL, y_AL = (grid_AL2[..., axis].astype(np.float32) - 0.5 for axis in (0, 1))  # OpenCV counts middles
    # remap takes pictures of up to 32,767 pixels a side: only what the strip covers is handed to it.
    x0, y0 = (max(int(np.floor(axis_AL.min())) - 1, 0) for axis_AL in (x_AL, y_AL))
    x1, y1 = int(np.ceil(x_AL.max())) + 2, int(np.ceil(y_AL.max())) + 2
    patch_HWC = image_HWC[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    inside_AL = (x_AL >= -0.5) & (x_AL <= width - 0.5) & (y_AL >= -0.5) & (y_AL <= height - 0.5)
    if not patch_HWC.size:
        values = np.zeros((*x_AL.shape, image_HWC.shape[2]), dtype=np.float32)
        return Strip(frame=frame, values_ALC=values, inside_AL=inside_AL)
    sampled = cv2.remap(
        patch_HWC.astype(np.float32), x_AL - x0, y_AL - y0, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    values_ALC = sampled.reshape(*x_AL.shape, -1).astype(np.float32)
    return Strip(frame=frame, values_ALC=values_ALC, inside_AL=inside_AL)
