"""The usual margin of cards: how far inside the edge their printed borders are labelled.

4 sides in order top, right, bottom, left; 42 four corners of x and y.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from truscore.datasets import ImageRecord
from truscore.metrics.borders import GRAPHICAL, OUTER, known_borders

LEAST_CARDS = 5
_OF_A_NORMAL = 1.4826  # standard deviation by median absolute deviation


def usual_margins(records: Sequence[ImageRecord]) -> NDArray[np.float64] | None:
    """[2, 4]: the median margin of each side and its standard deviation, as shares of the card's shorter side; None of
    fewer than LEAST_CARDS images with one card."""
    margins = [one for record in records if (one := _margins(record)) is not None]
    if len(margins) < LEAST_CARDS:
        return None
    median_4 = np.median(margins, axis=0)
    return np.stack([median_4, _OF_A_NORMAL * np.median(np.abs(np.array(margins) - median_4), axis=0)])


def _margins(record: ImageRecord) -> NDArray[np.float64] | None:
    known = known_borders(record)
    if sorted(label for label, _, _ in known) != [OUTER, GRAPHICAL]:
        return None
    outer_42, graphical_42 = (next(corners for label, corners, _ in known if label == of) for of in (OUTER, GRAPHICAL))
    side_42 = np.roll(outer_42, -1, axis=0) - outer_42
    length_4 = np.hypot(*side_42.T)
    outward_42 = np.stack([side_42[:, 1], -side_42[:, 0]], axis=1) / np.maximum(length_4, 1e-9)[:, None]
    middle_42 = (graphical_42 + np.roll(graphical_42, -1, axis=0)) / 2
    inward_4 = -np.einsum("ij,ij->i", middle_42 - outer_42, outward_42)
    return np.asarray(inward_4 / max(float(length_4.min()), 1e-9))
