"""Boxes (x, y, width, height) and polygons (x0, y0, x1, y1, …) as plain numbers, in pixels."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Box = tuple[float, float, float, float]


def area(box: Box) -> float:
    """Area in square pixels; 0 for a degenerate box."""
    return max(box[2], 0.0) * max(box[3], 0.0)


def overlap(one: Box, other: Box) -> float:
    """Area that both boxes cover."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def iou(one: Box, other: Box) -> float:
    """Intersection over union, 0 where both are empty."""
    shared = overlap(one, other)
    union = area(one) + area(other) - shared
    return shared / union if union > 0 else 0.0


def inside_share(box: Box, frame: Box) -> float:
    """Share of the box that lies in the frame."""
    size = area(box)
    return overlap(box, frame) / size if size > 0 else 0.0


def overhang(box: Box, width: float, height: float) -> float:
    """How far the box reaches out of an image of this size, in pixels; 0 where it lies within."""
    return max(-box[0], -box[1], box[0] + box[2] - width, box[1] + box[3] - height, 0.0)


def bounds(polygons: Iterable[Sequence[float]]) -> Box | None:
    """The smallest box around all points; None where there are none."""
    xs = [x for polygon in polygons for x in polygon[0::2]]
    ys = [y for polygon in polygons for y in polygon[1::2]]
    if not xs or not ys:
        return None
    return (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def polygon_area(polygon: Sequence[float]) -> float:
    """Area by the shoelace formula, in square pixels."""
    xs, ys = polygon[0::2], polygon[1::2]
    pairs = zip(xs, ys, [*xs[1:], xs[0]], [*ys[1:], ys[0]], strict=True) if xs else ()
    return abs(sum(x * next_y - next_x * y for x, y, next_x, next_y in pairs)) / 2


def distinct_points(polygon: Sequence[float]) -> int:
    """How many different corners the polygon has."""
    return len(set(zip(polygon[0::2], polygon[1::2], strict=False)))


def crosses_itself(polygon: Sequence[float]) -> bool:
    """Whether two edges that are not neighbours cross properly (touching does not count)."""
    import numpy as np

    points_N2 = np.asarray(polygon, dtype=np.float64).reshape(-1, 2)
    keep_N = np.any(points_N2 != np.roll(points_N2, 1, axis=0), axis=1)
    start_N2 = points_N2[keep_N]
    end_N2 = np.roll(start_N2, -1, axis=0)
    count = len(start_N2)
    if count < 4:
        return False
    # Row by row, so that a polygon of ten thousand corners needs no matrix of a hundred million.
    return any(_crossed(start_N2[i], end_N2[i], start_N2[i + 2 :], end_N2[i + 2 :]) for i in range(count - 2))


def _crossed(start_2: "Floats", end_2: "Floats", starts_M2: "Floats", ends_M2: "Floats") -> bool:
    side_start_M = _turn(start_2, end_2, starts_M2)
    side_end_M = _turn(start_2, end_2, ends_M2)
    splits_M = side_start_M * side_end_M < 0
    if not splits_M.any():
        return False
    starts_M2, ends_M2 = starts_M2[splits_M], ends_M2[splits_M]
    direction_M2 = ends_M2 - starts_M2
    side_a_M = _cross(direction_M2, start_2 - starts_M2)
    side_b_M = _cross(direction_M2, end_2 - starts_M2)
    return bool((side_a_M * side_b_M < 0).any())


def _turn(start_2: "Floats", end_2: "Floats", points_M2: "Floats") -> "Floats":
    return _cross(end_2 - start_2, points_M2 - start_2)


def _cross(one: "Floats", other: "Floats") -> "Floats":
    crossed: Floats = one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]
    return crossed
