"""The four sides of a border, each moved to the edge that the image has there.

42: four corners of x and y in pixels, clockwise on the screen from the upper left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truscore.border_lines.line_fit import EdgeLine, fit_edge
from truscore.border_lines.strips import Points, cut_strip, frame_along
from truscore.metrics.quadrilaterals import SIDES, line_intersection

REACH = 0.06  # of the border's shorter side, to both sides of each of its sides: 96 px of a scan of 1,600
SPREAD = 0.006  # of the same: how far labels are off, as one standard deviation
MOST_TILT = 0.03  # of a side's length, from one end to the other: upright boxes lie around tilted cards
INSET = 0.06  # of a side, that is left out at either end
STEP_PX = 2.0
PASSES = 2  # the second along the first's line, whose ends are then no longer off by the tilt


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """``moved_px``: how far outward the middle of the side was moved. ``line`` is None where the side was kept, for
    the reason in ``kept``."""

    name: str
    moved_px: float
    line: EdgeLine | None
    kept: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RefinedBorder:
    """``corners_42`` where the sides meet, in order SIDES from the corner before the top side."""

    corners_42: Points
    sides: tuple[Side, ...]

    @property
    def doubt(self) -> float:
        """From 0: sure, to 1: look at it. The share of pieces off the worst side's line; 1 where a side was kept."""
        return max(1.0 if side.line is None else 1.0 - side.line.share for side in self.sides)


def refine_border(image_HWC: NDArray[np.uint8], corners_42: Points) -> RefinedBorder:
    """Each side of a quadrilateral moved to the straight edge near it, sides without one left where they are."""
    corners_42 = np.asarray(corners_42, dtype=np.float64)
    found: list[EdgeLine | None] = [None] * 4
    now_42 = corners_42
    for number in range(PASSES):
        shorter = min(float(np.hypot(*(now_42[(at + 1) % 4] - now_42[at]))) for at in range(4))
        # The second pass may settle, not wander: it keeps to what the first one found.
        narrow = 1.0 if number == 0 else 0.25
        found = [
            _line_of(image_HWC, now_42[at], now_42[(at + 1) % 4], shorter=shorter, narrow=narrow) for at in range(4)
        ]
        ends = [
            (now_42[at], now_42[(at + 1) % 4]) if line is None else (line.start_2, line.end_2)
            for at, line in enumerate(found)
        ]
        lines = [(start_2, end_2 - start_2) for start_2, end_2 in ends]
        met = [line_intersection(lines[at - 1], lines[at]) for at in range(4)]
        now_42 = np.stack([now_42[at] if corner_2 is None else corner_2 for at, corner_2 in enumerate(met)])
    return RefinedBorder(
        corners_42=now_42,
        sides=tuple(
            Side(
                name=SIDES[at],
                moved_px=_moved(corners_42, now_42, at),
                line=found[at],
                kept="" if found[at] is not None else "no straight edge near it stands out",
            )
            for at in range(4)
        ),
    )


def _line_of(
    image_HWC: NDArray[np.uint8], start_2: Points, end_2: Points, *, shorter: float, narrow: float
) -> EdgeLine | None:
    length = float(np.hypot(*(end_2 - start_2)))
    reach = max(REACH * shorter * narrow, 8.0)
    if length < 8 * STEP_PX:
        return None
    frame = frame_along(start_2, end_2, reach_px=reach, inset=INSET, step_px=STEP_PX)
    most_tilt = min(MOST_TILT * length * narrow, reach)
    return fit_edge(cut_strip(image_HWC, frame), spread_px=max(SPREAD * shorter * narrow, 2.0), most_tilt_px=most_tilt)


def _moved(before_42: Points, after_42: Points, at: int) -> float:
    start_2, end_2 = before_42[at], before_42[(at + 1) % 4]
    along_2 = (end_2 - start_2) / max(float(np.hypot(*(end_2 - start_2))), 1e-9)
    outward_2 = np.array([along_2[1], -along_2[0]])
    middle_2 = (after_42[at] + after_42[(at + 1) % 4]) / 2
    return float((middle_2 - start_2) @ outward_2)
