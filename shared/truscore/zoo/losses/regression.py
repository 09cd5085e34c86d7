"""Losses over scores, of which an image may lack some. Legend: B images, K scores."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

LOSSES: Mapping[str, Callable[..., Tensor]] = MappingProxyType(
    {"smooth_l1": nn.functional.smooth_l1_loss, "mean_squared_error": nn.functional.mse_loss}
)


def regression_loss(prediction_BK: Tensor, target_BK: Tensor, primary_loss: str) -> Tensor:
    """Mean over the images of the mean over an image's known scores; a target that is not known is NaN.

    Both are in the network's own unit, deviations of the training split. ``smooth_l1`` is quadratic up to one of them
    and linear beyond it (Huber 1964; Girshick 2015, "Fast R-CNN", equation 3).
    """
    known_BK = ~target_BK.isnan()
    # The prediction itself stands in for what is not known: its difference is 0, and no NaN reaches the gradient.
    target_BK = torch.where(known_BK, target_BK, prediction_BK.detach())
    each_BK = LOSSES[primary_loss](prediction_BK, target_BK, reduction="none")
    # By an image's own count: with one known score it weighs as much as with all.
    return (each_BK.sum(dim=1) / known_BK.sum(dim=1)).mean()
