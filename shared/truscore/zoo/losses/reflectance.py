"""Losses over albedo, roughness and F0. Legend: B objects, L lights, P pixels."""

from dataclasses import dataclass

import torch
from torch import Tensor

from truscore.zoo.photometric.ggx import relit
from truscore.zoo.photometric.reflectance_network import Maps

LOSSES = ("log_l1_rendering", "log_l1")
_DARKEST, _LEAST_F0, _LEAST_SENT = 0.01, 0.01, 0.02  # below which a logarithm counts no less
_GLOSSY = 1e-3  # an F0 below it mirrors nothing: no roughness is seen there
_SHAPE, _SPREAD, _RELIT = 0.2, 0.1, 0.3  # weights beside the maps'
# An angle (0.3 degrees) and a share: below them an object's mean counts as it is, above them by its logarithm.
_SMALL_RAD, _SMALL_SHARE = 0.005, 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What is known of the pixels, and their samples less the black level [B, L, P] under lights of which those with
    ``held_BL`` 1 were not shown to the network."""

    normals_BP3: Tensor
    albedo_BP: Tensor
    roughness_BP: Tensor
    f0_BP: Tensor
    inside_BP: Tensor
    level_BLP: Tensor
    lights_BL3: Tensor
    held_BL: Tensor


def reflectance_loss(prediction: Maps, target: Target, primary_loss: str) -> Tensor:
    """L1 of the logarithms of the maps (Deschaintre 2018, section 4.1), and with "log_l1_rendering" of the surface as
    it looks under lights that the network was not shown.

    A camera's gain is in the samples, so that albedo and F0 are known up to one factor for each object: the one is
    taken that brings the albedo closest. Roughness counts where the truth mirrors anything. The normals' chord and the
    likelihood of the stated spread, whose errors it takes as they are, are added. Of the normals and of what is
    rendered each object's mean counts by its logarithm: a tenth less is the same for dull and for glossy ones.
    """
    inside_BP = target.inside_BP
    log_albedo_BP = torch.log(prediction.albedo_BP + _DARKEST)
    apart_BP = torch.log(target.albedo_BP + _DARKEST) - log_albedo_BP
    gain_B1 = mean_inside(apart_BP, inside_BP)[:, None]
    f0_BP = torch.log(prediction.f0_BP * torch.exp(gain_B1) + _LEAST_F0) - torch.log(target.f0_BP + _LEAST_F0)
    rough_BP = (torch.log(prediction.roughness_BP) - torch.log(target.roughness_BP)).abs()
    glossy_BP = inside_BP * (target.f0_BP > _GLOSSY)
    likely_BP = rough_BP.detach() / prediction.spread_BP + torch.log(prediction.spread_BP)
    chord_BP = ((prediction.normals_BP3 - target.normals_BP3).square().sum(dim=-1) + 1e-8).sqrt()
    each_B = (
        mean_inside((apart_BP - gain_B1).abs(), inside_BP)
        + 0.5 * mean_inside(f0_BP.abs(), inside_BP)
        + 0.5 * mean_inside(rough_BP, glossy_BP)
        + _SPREAD * mean_inside(likely_BP, glossy_BP)
        + _SHAPE * torch.log1p(mean_inside(chord_BP, inside_BP) / _SMALL_RAD)
    )
    if primary_loss == "log_l1_rendering":
        each_B = each_B + _RELIT * torch.log1p(rendering_loss(prediction, target) / _SMALL_SHARE)
    return each_B.mean()


def rendering_loss(prediction: Maps, target: Target) -> Tensor:
    """L1 of the logarithms under the held-out lights [B], of samples that are lit; 0 without any."""
    sent_BLP = relit(
        prediction.normals_BP3, prediction.albedo_BP, prediction.roughness_BP, prediction.f0_BP, target.lights_BL3
    )
    lit_BLP = (target.level_BLP > 0) * target.held_BL[..., None] * target.inside_BP[:, None]
    apart_BLP = torch.log(sent_BLP + _LEAST_SENT) - torch.log(target.level_BLP.clamp(min=0) + _LEAST_SENT)
    return (apart_BLP.abs() * lit_BLP).flatten(1).sum(dim=1) / lit_BLP.flatten(1).sum(dim=1).clamp(min=1)


def mean_inside(values_BP: Tensor, inside_BP: Tensor) -> Tensor:
    """[B]; 0 where nothing is inside."""
    return (values_BP * inside_BP).sum(dim=1) / inside_BP.sum(dim=1).clamp(min=1)
