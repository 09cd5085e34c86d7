"""A class for each pixel, drawn from what is marked on an image.

Legend: H, W sides of the image, h, w of the map, S side of the square.
"""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from truscore.datasets import Annotation, ImageRecord, annotation_mask
from truscore.zoo.framing import IGNORED
from truscore.zoo.resize import network_size

# Of the area that a mark covers at its best pixel: from half of it on, a pixel is the mark's. Large marks keep their
# area, and a scratch thinner than a pixel stays a line instead of going missing.
_LEAST_SHARE = 0.5


def label_map(record: ImageRecord, height: int, width: int) -> NDArray[np.uint8]:
    """[h, w] of the whole image: 0 nothing, labels as they are, 255 for crowds. Of two marks the later one wins."""
    labels_hw = np.zeros((height, width), dtype=np.uint8)
    for annotation in record.annotations:
        label = IGNORED if annotation.crowd else annotation.label
        labels_hw[_covered(annotation, record, height, width)] = label
    return labels_hw


def framed_labels(record: ImageRecord, image_size: int) -> Tensor:
    """[S, S], uint8, as ``frame`` lays the image out; 255 beside it."""
    height, width = network_size(record.height, record.width, image_size=image_size)
    labels_SS = np.full((image_size, image_size), IGNORED, dtype=np.uint8)
    labels_SS[:height, :width] = label_map(record, height, width)
    return torch.from_numpy(labels_SS)


def _covered(annotation: Annotation, record: ImageRecord, height: int, width: int) -> NDArray[np.bool_]:
    mask_HW = annotation_mask(annotation, record.height, record.width)
    if mask_HW.shape == (height, width) or not mask_HW.any():
        return mask_HW if mask_HW.shape == (height, width) else np.zeros((height, width), dtype=np.bool_)
    shrinks = height * width < mask_HW.size
    share_hw = cv2.resize(
        mask_HW.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    covered_hw: NDArray[np.bool_] = share_hw >= _LEAST_SHARE * share_hw.max()
    return covered_hw
