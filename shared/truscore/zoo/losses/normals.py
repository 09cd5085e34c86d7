"""Losses over surface normals. Legend: B objects, P pixels, 3 the axes."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor


def _chord(prediction_BP3: Tensor, target_BP3: Tensor) -> Tensor:
    """The distance of both ends: the angle in radians, for small ones, with a gradient that does not fade with it."""
    # The small addend keeps the root's slope finite where both are the same.
    return ((prediction_BP3 - target_BP3).square().sum(dim=-1) + 1e-8).sqrt()


def _cosine(prediction_BP3: Tensor, target_BP3: Tensor) -> Tensor:
    """1 - cos (PS-FCN, Chen 2018, equation 2): half the square of a small angle."""
    return 1 - (prediction_BP3 * target_BP3).sum(dim=-1)


LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType({"angular": _chord, "cosine": _cosine})


def normal_loss(prediction_BP3: Tensor, target_BP3: Tensor, inside_BP: Tensor, primary_loss: str) -> Tensor:
    """Mean over the objects of the mean over an object's pixels, those with ``inside_BP`` 1."""
    each_BP = LOSSES[primary_loss](prediction_BP3, target_BP3) * inside_BP
    return (each_BP.sum(dim=1) / inside_BP.sum(dim=1).clamp(min=1)).mean()
