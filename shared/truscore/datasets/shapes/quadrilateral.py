"""Four-sided outlines: their corners, how straight their sides are, and points in their own frame.

N: points; 2: x and y. Corners run around the outline from the one nearest the upper left.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Points = NDArray[np.float64]

_MOST_POINTS = 2000
_MOST_SHARPENING = 0.08  # of the shorter side, that a round corner is from its point
_SAMPLES = 60  # of each side
_MIDDLE = (0.15, 0.85)  # corners of cards are round, and count neither as bent nor as straight


def corners_of(outline: Sequence[float]) -> "Points | None":
    """The four corners of an outline x0, y0, x1, y1, …, [4, 2]; None where it has no area or fewer than four.

    Where corners are round, they are those that the sides would meet in.
    """

    hull_N2 = _hull(_points(outline))
    rough_42 = _four_of(hull_N2) if len(hull_N2) >= 4 else hull_N2
    if len(rough_42) < 4 or _area(rough_42) <= 0:
        return None
    ordered_42 = _turned(rough_42, int(rough_42.sum(axis=1).argmin()))
    # Straight sides meet in their own corners.
    return ordered_42 if len(hull_N2) == 4 else _sharpened(ordered_42, _dense(hull_N2))


def filled_share(outline: Sequence[float]) -> float:
    """How much of its hull an outline fills, or its four best corners span, whichever is less; 0 for fewer corners."""
    points_N2 = _points(outline)
    hull_N2 = _hull(points_N2)
    whole = _area(hull_N2) if len(hull_N2) >= 4 else 0.0
    return min(_area(points_N2), _area(_four_of(hull_N2))) / whole if whole > 0 else 0.0


def _points(outline: Sequence[float]) -> "Points":
    import numpy as np

    points_N2 = np.asarray(outline, dtype=np.float64).reshape(-1, 2)
    return points_N2[:: max(len(points_N2) // _MOST_POINTS, 1)]


def _four_of(hull_N2: "Points") -> "Points":
    """The corners without which the outline would lose most (Visvalingam and Whyatt 1993, the least goes first)."""
    import numpy as np

    while len(hull_N2) > 4:
        hull_N2 = np.delete(hull_N2, int(_ears(hull_N2).argmin()), axis=0)
    return hull_N2


def _sharpened(rough_42: "Points", points_N2: "Points") -> "Points":
    """The corners in which lines through the middle of each side meet; a corner that would move far stays."""
    import numpy as np

    lines = [_line(points_N2, rough_42[at], rough_42[(at + 1) % 4]) for at in range(4)]
    reach = _MOST_SHARPENING * min(sides_of(rough_42))
    sharp_42 = rough_42.copy()
    for at in range(4):
        (start_2, along_2), (other_2, across_2) = lines[at - 1], lines[at]
        turn = along_2[0] * across_2[1] - along_2[1] * across_2[0]
        if abs(turn) > 0.1:
            gap_2 = other_2 - start_2
            met_2 = start_2 + along_2 * (gap_2[0] * across_2[1] - gap_2[1] * across_2[0]) / turn
            if float(np.hypot(*(met_2 - rough_42[at]))) <= reach:
                sharp_42[at] = met_2
    return sharp_42


def _line(points_N2: "Points", start_2: "Points", end_2: "Points") -> "tuple[Points, Points]":
    """A point of the line along the middle of a side, and its direction of length 1."""
    import numpy as np

    along_N, off_N = _along_and_off(points_N2, start_2, end_2)
    near_N = (along_N > _MIDDLE[0]) & (along_N < _MIDDLE[1])
    near_N &= np.abs(off_N) < _MOST_SHARPENING * float(np.hypot(*(end_2 - start_2)))
    own_N2 = points_N2[near_N] if near_N.sum() > 2 else np.stack([start_2, end_2])
    middle_2 = own_N2.mean(axis=0)
    direction_2: Points = np.linalg.svd(own_N2 - middle_2, full_matrices=False)[2][0]
    return middle_2, direction_2


def bend_of(outline: Sequence[float], corners_42: "Points") -> float:
    """How far the outline leaves the straight lines between the corners, over the shorter side."""
    import numpy as np

    points_N2 = _dense(np.asarray(outline, dtype=np.float64).reshape(-1, 2))
    sides = [(corners_42[at], corners_42[(at + 1) % 4]) for at in range(4)]
    along_4N, off_4N = zip(*(_along_and_off(points_N2, start, end) for start, end in sides), strict=True)
    nearest_N = np.abs(np.stack(off_4N)).argmin(axis=0)
    worst = 0.0
    for side in range(4):
        own_N = (nearest_N == side) & (along_4N[side] > _MIDDLE[0]) & (along_4N[side] < _MIDDLE[1])
        if own_N.sum() > 2:
            worst = max(worst, float(np.ptp(off_4N[side][own_N])))
    return worst / min(sides_of(corners_42))


def sides_of(corners_42: "Points") -> tuple[float, float]:
    """Mean lengths of the upper and lower, and of the right and left side."""
    import numpy as np

    length_4 = np.hypot(*(_turned(corners_42, 1) - corners_42).T)
    return float(length_4[0] + length_4[2]) / 2, float(length_4[1] + length_4[3]) / 2


def in_frame(points_N2: "Points", corners_42: "Points") -> "Points":
    """The points where the quadrilateral is the unit square, [N, 2].

    The projective map through four points (Hartley and Zisserman 2004, "Multiple View Geometry", eq. 4.1).
    """
    import numpy as np

    unit_42 = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=np.float64)
    rows = []
    for (x, y), (u, v) in zip(corners_42, unit_42, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    flat_9 = np.append(np.linalg.solve(np.array(rows), unit_42.ravel()), 1.0)
    mapped_N3 = np.column_stack([points_N2, np.ones(len(points_N2))]) @ flat_9.reshape(3, 3).T
    mapped_N2: Points = mapped_N3[:, :2] / mapped_N3[:, 2:]
    return mapped_N2


def _hull(points_N2: "Points") -> "Points":
    """Convex hull, clockwise on the screen (Andrew 1979, monotone chain)."""
    import numpy as np

    ordered = sorted({(float(x), float(y)) for x, y in points_N2})
    if len(ordered) < 3:
        return np.array(ordered, dtype=np.float64).reshape(-1, 2)
    chains = [_chain(ordered), _chain(ordered[::-1])]
    return np.array([*chains[0][:-1], *chains[1][:-1]], dtype=np.float64)


def _chain(ordered: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    chain: list[tuple[float, float]] = []
    for point in ordered:
        while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain


def _turn(one: tuple[float, float], two: tuple[float, float], three: tuple[float, float]) -> float:
    return (two[0] - one[0]) * (three[1] - one[1]) - (two[1] - one[1]) * (three[0] - one[0])


def _ears(points_N2: "Points") -> "Points":
    import numpy as np

    before, after = np.roll(points_N2, 1, axis=0) - points_N2, np.roll(points_N2, -1, axis=0) - points_N2
    ears: Points = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0])
    return ears


def _area(points_N2: "Points") -> float:
    import numpy as np

    x, y = points_N2.T
    return abs(float(np.dot(x, _turned(y, 1)) - np.dot(y, _turned(x, 1)))) / 2


def _turned(points_N: "Points", first: int) -> "Points":
    """From this one around: numpy's roll takes ten times as long for four."""
    import numpy as np

    return np.concatenate((points_N[first:], points_N[:first]))


def _dense(points_N2: "Points") -> "Points":
    """Points along the outline, at most a fraction of a side apart."""
    import numpy as np

    ends_N2 = np.roll(points_N2, -1, axis=0)
    lengths_N = np.hypot(*(ends_N2 - points_N2).T)
    around_N = np.concatenate([[0.0], np.cumsum(lengths_N)])
    at = np.linspace(0, around_N[-1], 4 * _SAMPLES, endpoint=False)
    closed_N2 = np.vstack([points_N2, points_N2[:1]])
    return np.column_stack([np.interp(at, around_N, closed_N2[:, axis]) for axis in range(2)])


def _along_and_off(points_N2: "Points", start_2: "Points", end_2: "Points") -> "tuple[Points, Points]":
    """Place along the side, 0 to 1, and signed distance from it."""
    import numpy as np

    side_2 = end_2 - start_2
    length = max(float(np.hypot(*side_2)), 1e-9)
    from_start_N2 = points_N2 - start_2
    along_N = from_start_N2 @ side_2 / length**2
    off_N = (side_2[0] * from_start_N2[:, 1] - side_2[1] * from_start_N2[:, 0]) / length
    return along_N, off_N
