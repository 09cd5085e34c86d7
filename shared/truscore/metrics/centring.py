"""How a card's print lies in the card, from the corners of both borders.

Knows numpy and quadrilaterals only, so that an engine can use it without what training's metrics need. 42: four corners
of x and y, clockwise from the upper left.
"""

import numpy as np

from truscore.datasets.shapes.quadrilateral import in_frame
from truscore.metrics.quadrilaterals import Points, aligned

LEAST_MARGINS = 1e-3  # of the card's width or height: what is less is no frame to be off centre in


def centring_shares(outer_42: Points, graphical_42: Points) -> tuple[float, float] | None:
    """Percent of the left and of the upper margin; None where two margins leave no frame."""
    unit_42 = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=np.float64)
    try:
        inner_42 = aligned(in_frame(graphical_42, outer_42), unit_42)
    except np.linalg.LinAlgError:  # three of the outer corners lie in one line
        return None
    left, right = _margins(inner_42[[0, 3], 0], inner_42[[1, 2], 0])
    top, bottom = _margins(inner_42[[0, 1], 1], inner_42[[2, 3], 1])
    if min(left + right, top + bottom) < LEAST_MARGINS:
        return None
    return 100 * left / (left + right), 100 * top / (top + bottom)


def _margins(near_2: Points, far_2: Points) -> tuple[float, float]:
    return max(0.0, float(near_2.mean())), max(0.0, 1 - float(far_2.mean()))
