"""What the second stage learns from: strips whose lines are known.

Legend: S strips, K kinds of border, T tilts, A offsets.
"""

import torch
from torch import Tensor


def line_loss(
    log_SKTA: Tensor, log_none_SK: Tensor, offset_SK: Tensor, deviation_SK: Tensor, there_SK: Tensor
) -> Tensor:
    """Mean cross-entropy to a Gaussian around a line's known offset from the middle row, over all tilts: labels that
    are upright boxes say where a side is, not how it is turned. Where a strip has no line of a kind (``there_SK`` 0)
    it wants "none"; what is not known (below 0) counts nowhere.

    ``offset_SK`` and ``deviation_SK``, how far the label may be off, are in offsets of the strip.
    """
    log_SKA = log_SKTA.logsumexp(dim=2)
    offsets = log_SKA.shape[-1]
    at_A = torch.arange(offsets, device=log_SKA.device).to(log_SKA) - (offsets - 1) / 2
    wanted_SKA = torch.exp(-0.5 * ((at_A - offset_SK[..., None]) / deviation_SK[..., None].clamp(min=0.7)) ** 2)
    wanted_SKA = wanted_SKA / wanted_SKA.sum(dim=2, keepdim=True).clamp(min=1e-9)
    placed_SK = -(wanted_SKA * log_SKA).sum(dim=2)
    of_SK = torch.where(there_SK > 0, placed_SK, -log_none_SK)
    known_SK = (there_SK >= 0).to(of_SK)
    return (of_SK * known_SK).sum() / known_SK.sum().clamp(min=1)
