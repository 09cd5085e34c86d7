"""Losses over pixels. Legend: B images, K classes with "nothing" as class 0, S side of the square.

Each is the mean over the batch's images of the mean over an image's own known pixels, so that a batch in parts gives
the gradient of the whole. Classes are picked by products with zeros and ones: on a GPU, gathering adds up its gradient
in no fixed order.
"""

import torch
from torch import Tensor, nn

from truscore.configuration.recipe import LossConfig
from truscore.zoo.framing import IGNORED

_LEAST_DOUBT = 1e-6


def pixel_losses(logits_BKSS: Tensor, labels_BSS: Tensor, config: LossConfig) -> dict[str, Tensor]:
    """Unweighted parts by name. ``labels_BSS`` are classes, or 255 where nothing is known.

    ``dice_loss`` comes with cross-entropy, as nnU-Net trains (Isensee et al. 2021, Methods): by itself it says next to
    nothing of images without damage.
    """
    known_BSS, target_BKSS = _one_hot(labels_BSS, logits_BKSS.shape[1])
    # In whole precision, whatever the network computes in.
    log_p_BKSS = nn.functional.log_softmax(logits_BKSS.float(), dim=1)
    if config.primary_loss == "focal_loss":
        focal = config.focal_loss_params
        return {"mask_focal": focal_loss(log_p_BKSS, target_BKSS, known_BSS, alpha=focal.alpha, gamma=focal.gamma)}
    if config.primary_loss == "hierarchical_dice_loss":
        return hierarchical_losses(log_p_BKSS, target_BKSS, known_BSS)
    parts = {"mask_cross_entropy": cross_entropy(log_p_BKSS, target_BKSS, known_BSS)}
    if config.primary_loss == "dice_loss":
        parts["mask_dice"] = dice_loss(log_p_BKSS, target_BKSS, known_BSS)
    return parts


def cross_entropy(log_p_BKSS: Tensor, target_BKSS: Tensor, known_BSS: Tensor) -> Tensor:
    """Nats per pixel."""
    return _mean(-(target_BKSS * log_p_BKSS).sum(dim=1), known_BSS)


def focal_loss(log_p_BKSS: Tensor, target_BKSS: Tensor, known_BSS: Tensor, *, alpha: float, gamma: float) -> Tensor:
    """Lin et al. 2017, equation 5, over a softmax: ``-alpha_t (1 - p_t)^gamma log p_t``.

    ``alpha`` weighs every damage and ``1 - alpha`` "nothing".
    """
    log_p_BSS = (target_BKSS * log_p_BKSS).sum(dim=1)
    alpha_BSS = alpha + (1.0 - 2.0 * alpha) * target_BKSS[:, 0]
    # Held off 0, where a gamma below 1 has no gradient.
    doubt_BSS = (-torch.expm1(log_p_BSS)).clamp(min=_LEAST_DOUBT)
    return _mean(-alpha_BSS * doubt_BSS.pow(gamma) * log_p_BSS, known_BSS)


def dice_loss(log_p_BKSS: Tensor, target_BKSS: Tensor, known_BSS: Tensor) -> Tensor:
    """1 less the soft Dice coefficient (Milletari et al. 2016, section 3, with the sums of nnU-Net), a mean over the
    damages that are real on the image; 0 where none is, for there is nothing to overlap with."""
    # Damages only: "nothing" fills most of an image, and its overlap says little.
    p_BDSS = log_p_BKSS[:, 1:].exp() * known_BSS[:, None]
    target_BDSS = target_BKSS[:, 1:]
    both_BD = (p_BDSS * target_BDSS).sum(dim=(2, 3))
    area_BD = target_BDSS.sum(dim=(2, 3))
    # Sums are over pixels of one image, not of the batch: a batch in parts gives the same.
    there_BD = (area_BD > 0).float()
    missed_BD = 1.0 - 2.0 * both_BD / (p_BDSS.sum(dim=(2, 3)) + area_BD).clamp(min=1.0)
    return ((missed_BD * there_BD).sum(dim=1) / there_BD.sum(dim=1).clamp(min=1.0)).mean()


def hierarchical_losses(log_p_BKSS: Tensor, target_BKSS: Tensor, known_BSS: Tensor) -> dict[str, Tensor]:
    """Whether a pixel is damage apart from which one it is, by name: ``damage_cross_entropy`` and ``damage_dice`` of
    damage of whatever class, and ``damage_class``, nats per pixel of damage; 0 of images without any.

    log p(k) is log p(damage) + log p(k | damage): cross-entropy alone has both terms, but means them over all pixels,
    and the class of a few in a thousand is lost in it.
    """
    nothing_BSS, damage_BSS = log_p_BKSS[:, 0], log_p_BKSS[:, 1:].logsumexp(dim=1)
    log_q_B2SS = torch.stack((nothing_BSS, damage_BSS), dim=1)
    is_damage_BSS = target_BKSS[:, 1:].sum(dim=1)
    target_B2SS = torch.stack((target_BKSS[:, 0], is_damage_BSS), dim=1)
    # log p(k | damage), of the real class, where there is one.
    of_class_BSS = (target_BKSS[:, 1:] * (log_p_BKSS[:, 1:] - damage_BSS[:, None])).sum(dim=1)
    return {
        "damage_cross_entropy": cross_entropy(log_q_B2SS, target_B2SS, known_BSS),
        "damage_dice": dice_loss(log_q_B2SS, target_B2SS, known_BSS),
        "damage_class": _mean(-of_class_BSS, is_damage_BSS),
    }


def _one_hot(labels_BSS: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Where something is known, and zeros and ones by class; unknown pixels are of no class."""
    known_BSS = (labels_BSS != IGNORED).float()
    of_class_K11 = torch.arange(classes, device=labels_BSS.device)[:, None, None]
    return known_BSS, (labels_BSS[:, None] == of_class_K11).float()


def _mean(loss_BSS: Tensor, known_BSS: Tensor) -> Tensor:
    return ((loss_BSS * known_BSS).sum(dim=(1, 2)) / known_BSS.sum(dim=(1, 2)).clamp(min=1)).mean()
