"""What a detector says of one picture, as arrays.

N detections, H height and W width of the picture.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Detections:
    """Boxes are x1, y1, x2, y2 in pixels; masks are probabilities, None without; ordered by falling score.

    ``corners_N42`` are of borders whose sides were placed with ``confidence_N4``, from 0 to 1; None without.
    """

    boxes_N4: NDArray[np.float32]
    labels_N: NDArray[np.int64]
    scores_N: NDArray[np.float32]
    masks_NHW: NDArray[np.float32] | None = None
    corners_N42: NDArray[np.float32] | None = None
    confidence_N4: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.boxes_N4)


def detections_from(outputs: Mapping[str, NDArray[np.generic]]) -> Detections:
    """From a detector's outputs by name."""
    masks_N1HW = outputs.get("masks")
    return Detections(
        boxes_N4=outputs["boxes"].astype(np.float32, copy=False),
        labels_N=outputs["labels"].astype(np.int64, copy=False),
        scores_N=outputs["scores"].astype(np.float32, copy=False),
        masks_NHW=None if masks_N1HW is None else masks_N1HW[:, 0].astype(np.float32, copy=False),
        corners_N42=_floats(outputs.get("corners")),
        confidence_N4=_floats(outputs.get("line_confidence")),
    )


def _floats(values: NDArray[np.generic] | None) -> NDArray[np.float32] | None:
    return None if values is None else values.astype(np.float32, copy=False)


def overlap(boxes_N4: NDArray[np.float32], others_M4: NDArray[np.float32]) -> NDArray[np.float64]:
    """Intersection over union of every box with every other, [N, M]; 0 where both are empty."""
    a_N14 = boxes_N4.astype(np.float64)[:, None]
    b_1M4 = others_M4.astype(np.float64)[None]
    upper_left = np.maximum(a_N14[..., :2], b_1M4[..., :2])
    lower_right = np.minimum(a_N14[..., 2:], b_1M4[..., 2:])
    shared_NM = np.clip(lower_right - upper_left, 0, None).prod(axis=-1)
    union_NM = _area(a_N14) + _area(b_1M4) - shared_NM
    ratio_NM: NDArray[np.float64] = np.divide(shared_NM, union_NM, out=np.zeros_like(shared_NM), where=union_NM > 0)
    return ratio_NM


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    area: NDArray[np.float64] = np.clip(boxes[..., 2:] - boxes[..., :2], 0, None).prod(axis=-1)
    return area
