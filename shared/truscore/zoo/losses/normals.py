"""Losses over surface normals. Legend: B objects, P pixels, 3 the axes."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor


def _chord(prediction_BP3: Tensor, target_BP3: Tensor) -> Tensor:
    """The distance of both ends: the angle in radians, for small ones, with a gradient that does not fade with it."""
    # The small addend keeps the root's slope finite where both are the same.
    return ((prediction_BP3 - target_BP3).square().sum(dim=-1) + 1e-8).sqrt()


def _cosine(prediction_BP3: Tensor, target_BP3: Tensor) -> Tensor:
    """1 - cos (PS-FCN, Chen 2018, equation 2): half the square of a small angle."""
    return 1 - (prediction_BP3 * target_BP3).sum(dim=-1)


LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {"log_angular": _chord, "angular": _chord, "cosine": _cosine}
)
_SMALL_RAD = 0.005  # 0.3 degrees: below it an object's mean counts as it is, above it by its logarithm


def normal_loss(prediction_BP3: Tensor, target_BP3: Tensor, inside_BP: Tensor, primary_loss: str) -> Tensor:
    """Mean over the objects of the mean over an object's pixels, those with ``inside_BP`` 1.

    "log_angular" takes the logarithm of each object's mean first: a tenth less counts the same for an object whose
    lights are off by degrees, of which hardly anything can be taken, and for one that is nearly right.
    """
    each_BP = LOSSES[primary_loss](prediction_BP3, target_BP3) * inside_BP
    each_B = each_BP.sum(dim=1) / inside_BP.sum(dim=1).clamp(min=1)
    return (torch.log1p(each_B / _SMALL_RAD) if primary_loss == "log_angular" else each_B).mean()
