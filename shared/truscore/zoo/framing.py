"""Images of any shape as squares, for networks that take one size; written so that every exporter can carry it.

Legend: B images, C channels, H and W of the image, S side of the square.
"""

from abc import ABC, abstractmethod

import torch
import torchvision
from torch import Tensor, nn

from truscore.catalog.networks.configs import OF_IMAGENET, Normalisation
from truscore.zoo.resize import network_size, resize_antialiased, traced_size

# Below and to the right of the image, where it isn't square: what augmentation fills with, too.
GREY = 114 / 255
IGNORED = 255  # the label of pixels that are no part of the image

MEAN_RGB = OF_IMAGENET.mean_rgb
DEVIATION_RGB = OF_IMAGENET.deviation_rgb


class Framed(nn.Module, ABC):
    """What every network has that takes squares: ``forward`` gives raw outputs, ``answers`` what an engine reads.

    Subclasses have a ``backbone`` with a ``body``, whose children are its stages, first to last, under the names of the
    published weights: by these stages are frozen, compiled and recomputed, and weights are loaded.
    """

    mean_C11: Tensor
    deviation_C11: Tensor

    def __init__(self, image_size: int, normalisation: Normalisation = OF_IMAGENET) -> None:
        super().__init__()
        self.image_size = image_size
        # Constants, so not saved with the weights; exported files have them all the same.
        self.register_buffer("mean_C11", torch.tensor(normalisation.mean_rgb)[:, None, None], persistent=False)
        self.register_buffer(
            "deviation_C11", torch.tensor(normalisation.deviation_rgb)[:, None, None], persistent=False
        )

    def normalised(self, image_BCSS: Tensor) -> Tensor:
        """From 0 to 1, to mean 0 and deviation 1."""
        return (image_BCSS - self.mean_C11) / self.deviation_C11

    @abstractmethod
    def answers(self, raw: Tensor) -> dict[str, Tensor]:
        """Named outputs for a batch, such as ``probabilities``, from what ``forward`` gave."""


def frame(image_CHW: Tensor, image_size: int) -> Tensor:
    """[C, S, S]: the longer side scaled to ``image_size``, the rest grey. ``image_CHW`` is a float from 0 to 1."""
    # Under tracing sizes are tensors: Python's arithmetic would be frozen to those of the example.
    traced = torchvision._is_tracing()
    height, width = (
        traced_size(image_CHW, image_size) if traced else network_size(*image_CHW.shape[-2:], image_size=image_size)
    )
    scaled_ChW = resize_antialiased(image_CHW, height, width)
    # Padded, not written into a grey square: graphs make an index of every pixel of that.
    frame_CSS: Tensor = nn.functional.pad(scaled_ChW, (0, image_size - width, 0, image_size - height), value=GREY)
    return frame_CSS


def unframe(map_CSS: Tensor, height: int, width: int) -> Tensor:
    """[C, height, width]: what ``frame`` was given the room for, scaled back to the image's own size."""
    image_size = map_CSS.shape[-1]
    if torchvision._is_tracing():
        inner_h, inner_w = traced_size(torch.zeros(1, 1, 1).expand(1, height, width), image_size)
    else:
        inner_h, inner_w = network_size(height, width, image_size=image_size)
    return resize_antialiased(map_CSS[:, :inner_h, :inner_w], height, width)
