"""How near outlines of predicted damage are to those of targets: what thin things are measured by. H, W sides.

Of a crack three pixels wide, a mask that lies one pixel beside it has an overlap of one half; its outline is right.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

# Of the longer side: 3 px of 756. Csurka et al. 2013 ("What is a good evaluation measure for semantic segmentation?",
# section 3.2) tie the tolerance to the image's size as well.
TOLERANCE_SHARE = 0.004


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundaryCounts:
    """Pixels of outlines, and how many of them have the other outline within the tolerance. They add up over images."""

    target: int
    target_matched: int
    prediction: int
    prediction_matched: int


def tolerance_px(height: int, width: int) -> int:
    """At least 1: labels themselves are no surer."""
    return max(1, round(TOLERANCE_SHARE * max(height, width)))


def count_boundaries(target_HW: NDArray[np.bool_], prediction_HW: NDArray[np.bool_]) -> BoundaryCounts:
    """Of damage of whatever class; an outline is the pixels of a mask that touch what is none of it, or the margin."""
    target_edge_HW, prediction_edge_HW = _outline(target_HW), _outline(prediction_HW)
    tolerance = tolerance_px(*target_HW.shape)
    return BoundaryCounts(
        target=int(target_edge_HW.sum()),
        target_matched=_matched(target_edge_HW, prediction_edge_HW, tolerance),
        prediction=int(prediction_edge_HW.sum()),
        prediction_matched=_matched(prediction_edge_HW, target_edge_HW, tolerance),
    )


def boundary_f1(counts: Iterable[BoundaryCounts]) -> float:
    """Harmonic mean of the shares of both outlines that the other one has near it (Csurka et al. 2013, BF), of sums
    over images; 1 where neither has any."""
    images = list(counts)
    target, prediction = sum(one.target for one in images), sum(one.prediction for one in images)
    if not target and not prediction:
        return 1.0
    recall = sum(one.target_matched for one in images) / max(1, target)
    precision = sum(one.prediction_matched for one in images) / max(1, prediction)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def nothing_found(counts: BoundaryCounts) -> BoundaryCounts:
    """The counts had nothing been found."""
    return replace(counts, target_matched=0, prediction=0, prediction_matched=0)


def _outline(mask_HW: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if not mask_HW.any():
        return np.zeros(mask_HW.shape, dtype=np.bool_)
    whole_HW = mask_HW.astype(np.uint8)
    cross_33 = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inner_HW = cv2.erode(whole_HW, cross_33, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    outline_HW: NDArray[np.bool_] = np.logical_and(whole_HW > 0, inner_HW == 0)
    return outline_HW


def _matched(edge_HW: NDArray[np.bool_], other_HW: NDArray[np.bool_], tolerance: int) -> int:
    """Pixels of the edge that lie within the tolerance, in pixels, of the other one."""
    if not edge_HW.any() or not other_HW.any():
        return 0
    distance_HW = cv2.distanceTransform((~other_HW).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return int((distance_HW[edge_HW] <= tolerance).sum())
