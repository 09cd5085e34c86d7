"""Boxes from what a network says of its anchors, on a canvas.

Legend: P anchors or places, R boxes, K classes, A anchors of one place, M side of a level's map; boxes are xyxy.
"""

import torch
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder

from services.exporter.child.static.canvas import Canvas

NOTHING = -1.0e9  # below any score, and a number in every runtime


def level_anchors(canvas: Canvas, cell_A4: Tensor, side: int) -> Tensor:
    """[M M A, 4] of a level's places, row by row. Strides are what torchvision takes: whole pixels of the picture's
    padded size to one place."""
    region = canvas.region(side)
    height, width = canvas.padded()
    down, across = torch.floor(height / region.rows), torch.floor(width / region.columns)
    place_M = torch.arange(side, dtype=torch.float32)
    y_MM = (place_M * down.to(torch.float32))[:, None].expand(side, side)
    x_MM = (place_M * across.to(torch.float32))[None].expand(side, side)
    shift_P4 = torch.stack([x_MM, y_MM, x_MM, y_MM], dim=-1).reshape(-1, 1, 4)
    return (shift_P4 + cell_A4[None]).reshape(-1, 4)


def clipped(boxes_R4: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """To a picture of this size."""
    most_4 = torch.stack([width, height, width, height]).to(boxes_R4)
    return torch.minimum(boxes_R4.clamp(min=0), most_4)


def large_enough(boxes_R4: Tensor, least: float) -> Tensor:
    """[R] bool, both sides in pixels."""
    return (boxes_R4[..., 2:] - boxes_R4[..., :2] >= least).all(dim=-1)


def decoded(coder: BoxCoder, deltas_R4K: Tensor, anchors_R4: Tensor) -> Tensor:
    """[R, 4 K] as torchvision's coder does."""
    boxes: Tensor = coder.decode_single(deltas_R4K, anchors_R4)
    return boxes


def best(scores_P: Tensor, valid_P: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """Scores and places of the highest valid scores, falling, and which of them are valid."""
    masked_P = torch.where(valid_P, scores_P, torch.full_like(scores_P, NOTHING))
    top_K, at_K = masked_P.topk(min(most, scores_P.shape[0]))
    return top_K, at_K, top_K > NOTHING / 2
