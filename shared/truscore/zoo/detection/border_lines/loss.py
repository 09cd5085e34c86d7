"""What the second stage learns from: strips whose line is known. Legend: S strips, T tilts, A offsets."""

import torch
from torch import Tensor

from truscore.zoo.detection.border_lines.network import OFFSETS


def line_loss(log_STA: Tensor, log_none_S: Tensor, offset_S: Tensor, deviation_S: Tensor, there_S: Tensor) -> Tensor:
    """Mean cross-entropy to a Gaussian around the line's known offset from the middle row, over all tilts: labels that
    are upright boxes say where a side is, not how it is turned. Strips without a line (``there_S`` 0) want "none".

    ``offset_S`` and ``deviation_S``, how far the label may be off, are in offsets of the strip.
    """
    log_SA = log_STA.logsumexp(dim=1)
    at_A = torch.arange(OFFSETS, device=log_STA.device).to(log_STA) - (OFFSETS - 1) / 2
    wanted_SA = torch.exp(-0.5 * ((at_A - offset_S[:, None]) / deviation_S[:, None].clamp(min=0.7)) ** 2)
    wanted_SA = wanted_SA / wanted_SA.sum(dim=1, keepdim=True).clamp(min=1e-9)
    placed_S = -(wanted_SA * log_SA).sum(dim=1)
    return torch.where(there_S > 0, placed_S, -log_none_S).mean()
