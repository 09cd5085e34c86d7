"""Losses over labels, several or none of which hold at once. Legend: B images, K classes."""

from torch import Tensor, nn
from torchvision.ops import sigmoid_focal_loss

from truscore.configuration.recipe import LossConfig


def multilabel_loss(logits_BK: Tensor, target_BK: Tensor, config: LossConfig) -> Tensor:
    """Mean over images and classes, in nats; ``target_BK`` is 0 or 1.

    A binary cross-entropy for each class, or with ``focal_loss`` the same with easy answers weighed down (Lin et al.
    2017, "Focal loss for dense object detection", equation 5; ``alpha`` weighs the ones, ``1 - alpha`` the zeros).
    """
    if config.primary_loss == "focal_loss":
        focal = config.focal_loss_params
        loss: Tensor = sigmoid_focal_loss(logits_BK, target_BK, alpha=focal.alpha, gamma=focal.gamma, reduction="mean")
        return loss
    # A mean over the classes, too: with more of them the loss stays of one size.
    return nn.functional.binary_cross_entropy_with_logits(logits_BK, target_BK)
