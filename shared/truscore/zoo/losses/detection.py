"""Classification losses of detectors. Legend: R regions, K classes with the background as class 0."""

import torch
from torch import Tensor, nn

from truscore.configuration.recipe import LossConfig


def classification_loss(logits_RK: Tensor, labels_R: Tensor, config: LossConfig) -> Tensor:
    """Mean over the regions, in nats."""
    if config.primary_loss == "focal_loss":
        focal = config.focal_loss_params
        return softmax_focal_loss(logits_RK, labels_R, alpha=focal.alpha, gamma=focal.gamma)
    return nn.functional.cross_entropy(logits_RK, labels_R)


def softmax_focal_loss(logits_RK: Tensor, labels_R: Tensor, *, alpha: float, gamma: float) -> Tensor:
    """Lin et al. 2017, equation 5, over a softmax: ``-alpha_t (1 - p_t)^gamma log p_t``.

    ``alpha`` weighs every class and ``1 - alpha`` the background.
    """
    # [R]: of the class that is right.
    log_p_R = nn.functional.log_softmax(logits_RK, dim=1).gather(1, labels_R[:, None])[:, 0]
    alpha_R = torch.where(labels_R > 0, alpha, 1.0 - alpha)
    return (-alpha_R * (1.0 - log_p_R.exp()).pow(gamma) * log_p_R).mean()


def binary_loss(logits: Tensor, wanted: Tensor, config: LossConfig) -> Tensor:
    """Of each output by itself, unsummed, in nats; ``wanted`` is 0 to 1.

    The focal loss is Lin et al. 2017, equation 5; of values between 0 and 1 it takes the distance to what is wanted
    for ``1 - p_t`` (Li et al. 2020, "Generalized Focal Loss", equation 5).
    """
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    if config.primary_loss != "focal_loss":
        return entropy
    alpha, gamma = config.focal_loss_params.alpha, config.focal_loss_params.gamma
    # alpha_t: alpha at 1, 1 - alpha at 0, and in between for soft targets.
    weight = alpha * wanted + (1.0 - alpha) * (1.0 - wanted)
    # Kept off 0, where a power below 1 has no slope.
    distance = (wanted - logits.sigmoid()).abs().clamp(min=1e-6)
    return weight * distance.pow(gamma) * entropy
