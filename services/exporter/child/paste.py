"""Masks from the head's small squares to the size of the picture, all at once.

torchvision pastes them one after the other and copies what it has each time: fifty detections on a scan of four
megapixels take six gigabytes that way. Two matrix products give the same values.

N detections, M side of a mask, P the same with its padding, L length of one side of the picture.
"""

import torch
from torch import Tensor


def paste(masks_N1MM: Tensor, boxes_N4: Tensor, height: int, width: int) -> Tensor:
    """Masks_N1HW in pixels of the picture; equal to torchvision's `paste_masks_in_image`."""
    padded_NPP = torch.nn.functional.pad(masks_N1MM, (1, 1, 1, 1))[:, 0]
    side = padded_NPP.shape[-1]
    boxes_N4 = _widened(boxes_N4, side / (side - 2)).to(torch.int64).to(torch.float32)
    rows_NLP = _weights(boxes_N4[:, 1], boxes_N4[:, 3], height, side)
    columns_NLP = _weights(boxes_N4[:, 0], boxes_N4[:, 2], width, side)
    return (rows_NLP @ padded_NPP @ columns_NLP.transpose(1, 2))[:, None]


def _widened(boxes_N4: Tensor, scale: float) -> Tensor:
    centre_N2 = (boxes_N4[:, 2:] + boxes_N4[:, :2]) * 0.5
    half_N2 = (boxes_N4[:, 2:] - boxes_N4[:, :2]) * 0.5 * scale
    return torch.cat((centre_N2 - half_N2, centre_N2 + half_N2), dim=1)


def _weights(first_N: Tensor, last_N: Tensor, length: int, side: int) -> Tensor:
    """How much of each of the mask's lines is in each line of the picture: bilinear, none outside the box."""
    pixel_1L = torch.arange(length, dtype=torch.float32)[None]
    first_N1, last_N1 = first_N[:, None], last_N[:, None]
    place_NL = (pixel_1L - first_N1 + 0.5) * (side / (last_N1 - first_N1 + 1)) - 0.5
    line_P = torch.arange(side, dtype=torch.float32)
    weight_NLP = (1 - (place_NL.clamp(0, side - 1)[..., None] - line_P).abs()).clamp(min=0)
    inside_NL = (pixel_1L >= first_N1) & (pixel_1L <= last_N1)
    return weight_NLP * inside_NL[..., None]
