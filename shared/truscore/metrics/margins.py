"""The usual margin of cards: how far inside the edge their printed borders are labelled.

4 sides in order top, right, bottom, left; 42 four corners of x and y.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from truscore.datasets import ImageRecord
from truscore.metrics.borders import GRAPHICAL, OUTER, known_borders
from truscore.metrics.quadrilaterals import Points

LEAST_CARDS = 5
_OF_A_NORMAL = 1.4826  # standard deviation by median absolute deviation


def usual_margins(records: Sequence[ImageRecord]) -> NDArray[np.float64] | None:
    """[2, 4]: the median margin of each side and its standard deviation, as shares of the card's shorter side; None of
    fewer than LEAST_CARDS images with one card."""
    return margins_of_cards([card for record in records if (card := one_card(record)) is not None])


def margins_of_cards(cards: Sequence[tuple[Points, Points]]) -> NDArray[np.float64] | None:
    """The same of the corners of each card's edge and printed border."""
    if len(cards) < LEAST_CARDS:
        return None
    margins = np.array([_margins(outer_42, graphical_42) for outer_42, graphical_42 in cards])
    median_4 = np.median(margins, axis=0)
    return np.stack([median_4, _OF_A_NORMAL * np.median(np.abs(margins - median_4), axis=0)])


def one_card(record: ImageRecord) -> tuple[Points, Points] | None:
    """Corners of the edge and of the printed border; None of an image that shows another number of either."""
    known = known_borders(record)
    if sorted(label for label, _, _ in known) != [OUTER, GRAPHICAL]:
        return None
    corners = {label: corners_42 for label, corners_42, _ in known}
    return corners[OUTER], corners[GRAPHICAL]


def _margins(outer_42: Points, graphical_42: Points) -> NDArray[np.float64]:
    side_42 = np.roll(outer_42, -1, axis=0) - outer_42
    length_4 = np.hypot(*side_42.T)
    outward_42 = np.stack([side_42[:, 1], -side_42[:, 0]], axis=1) / np.maximum(length_4, 1e-9)[:, None]
    middle_42 = (graphical_42 + np.roll(graphical_42, -1, axis=0)) / 2
    inward_4 = -np.einsum("ij,ij->i", middle_42 - outer_42, outward_42)
    return np.asarray(inward_4 / max(float(length_4.min()), 1e-9))
