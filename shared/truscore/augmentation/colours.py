"""Brightness, contrast, saturation and hue as one linear map of colours: one pass over the pixels for all four.

Hue turns the plane of the two colour differences of YIQ (NTSC), as NVIDIA DALI's ``Hsv`` does, not HSV's circle: the
luminance of a pixel stays, and there is no jump at grey. Nothing is clamped between the four, only at the end.

Legend: C the channels R, G, B; H, W sides.
"""

import math

import torch
from torch import Tensor

from truscore.augmentation.changes import Change

LUMINANCE = (0.2989, 0.587, 0.114)  # of R, G, B: ITU-R BT.601, as torchvision rounds it
_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]], dtype=torch.float64)
_RGB_OF_YIQ = torch.linalg.inv(_YIQ)


def recoloured(change: Change, image_CHW: Tensor) -> Tensor:
    """[C, H, W] float32, in levels of 255 but not clamped to them. ``image_CHW`` is float32 in levels; grey images of
    one channel have no saturation and no hue."""
    channels, pixels_CN = len(image_CHW), image_CHW.flatten(1)
    grey_C = torch.tensor(LUMINANCE if channels == 3 else (1.0,))
    map_CC = torch.eye(channels) * (change.brightness * change.contrast)
    mean_grey = change.brightness * float(grey_C @ pixels_CN.mean(dim=1)) if change.contrast != 1 else 0.0
    if channels == 3 and change.saturation != 1:
        map_CC = (change.saturation * torch.eye(3) + (1 - change.saturation) * grey_C.expand(3, 3)) @ map_CC
    if channels == 3 and change.hue:
        map_CC = _hue_turned(change.hue) @ map_CC
    offset_C1 = torch.full((channels, 1), (1 - change.contrast) * mean_grey)
    return torch.addmm(offset_C1, map_CC, pixels_CN).view_as(image_CHW)


def recolours(change: Change) -> bool:
    return (change.brightness, change.contrast, change.saturation, change.hue) != (1.0, 1.0, 1.0, 0.0)


def _hue_turned(share: float) -> Tensor:
    """[3, 3]. Turned the way HSV counts, from red over yellow to green."""
    cos, sin = math.cos(2 * math.pi * share), math.sin(2 * math.pi * share)
    turn_33 = torch.tensor([[1, 0, 0], [0, cos, sin], [0, -sin, cos]], dtype=torch.float64)
    turned_33: Tensor = _RGB_OF_YIQ @ turn_33 @ _YIQ
    return turned_33.float()
