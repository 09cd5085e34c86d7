"""Losses over depths along a camera's z. Legend: H, W rows and columns."""

import torch
from torch import Tensor

LOSSES = ("smooth_l1", "mean_squared_error")


def interval_loss(depth_HW: Tensor, target_HW: Tensor, known_HW: Tensor, interval: Tensor, primary_loss: str) -> Tensor:
    """Mean over the known pixels of what depths are off in intervals: squared ("mean_squared_error"), or squared below
    one and absolute above ("smooth_l1")."""
    apart_HW = ((depth_HW - target_HW) / interval).abs()
    squared_HW = apart_HW**2
    apart_HW = squared_HW if primary_loss == "mean_squared_error" else _smooth(apart_HW, squared_HW)
    loss: Tensor = (apart_HW * known_HW).sum() / known_HW.sum().clamp(min=1)
    return loss


def _smooth(apart_HW: Tensor, squared_HW: Tensor) -> Tensor:
    return torch.where(apart_HW < 1, 0.5 * squared_HW, apart_HW - 0.5)
