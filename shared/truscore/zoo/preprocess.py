"""What a detector takes in: the same few lines for the trainer, the exporter and whoever runs the model."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def preprocess(image_HWC: "NDArray[np.uint8]") -> Tensor:
    """Upright RGB bytes to float32 CHW, 0 to 1. Not resized: the model resizes inside, so that its boxes are in pixels
    of this image."""
    return torch.from_numpy(image_HWC.copy()).permute(2, 0, 1).contiguous().to(torch.float32) / 255
