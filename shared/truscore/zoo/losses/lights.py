"""Losses of lights that are found beside a surface. B objects, L lights, K directions to choose among."""

import torch
from torch import Tensor

from truscore.zoo.photometric.light_network import SeenLights

_SHARPNESS = 40.0  # of the aim around a true direction: nine degrees, as far as fixed directions lie apart
_INTENSITIES = 1.0  # what a unit of a logarithm counts beside a radian


def light_loss(seen: SeenLights, lights_BL3: Tensor, choices_K3: Tensor, present_BL: Tensor) -> Tensor:
    """Mean over the lights that are there: the cross entropy between the fixed directions' probabilities and a bell
    around the true one (what SDPS-Net's classification is, Chen et al. 2019, eq. 4, without its bins' steps), the angle
    in radians, and how far logarithms of intensities are off, whose means do not count. All of lights as single views
    tell them.

    ``lights_BL3`` are directions times intensities.
    """
    length_BL = lights_BL3.norm(dim=-1).clamp(min=1e-6)
    true_BL3 = lights_BL3 / length_BL[..., None]
    aim_BLK = torch.softmax(_SHARPNESS * (true_BL3 @ choices_K3.T), dim=-1)
    entropy_BL = -(aim_BLK * torch.log_softmax(seen.scores_BLK, dim=-1)).sum(dim=-1)
    seen_BL = seen.first_BL3.norm(dim=-1).clamp(min=1e-6)
    apart_BL = (seen.first_BL3 / seen_BL[..., None] - true_BL3).norm(dim=-1)
    off_BL = torch.log(seen_BL) - torch.log(length_BL)
    count_B1 = present_BL.sum(dim=1, keepdim=True).clamp(min=1)
    off_BL = off_BL - (off_BL * present_BL).sum(dim=1, keepdim=True) / count_B1
    each_BL = entropy_BL + apart_BL + _INTENSITIES * off_BL.abs()
    mean: Tensor = ((each_BL * present_BL).sum(dim=1, keepdim=True) / count_B1).mean()
    return mean
