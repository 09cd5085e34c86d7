"""Lights as they would have to be for a surface to be one: directions refitted within a network.

Normals that are solved under lights that are a little off belong to no surface. Those of the surface that fits them
best are nearer to the truth, and so are the lights that follow from these: in turn, as uncalibrated photometric stereo
does by integrability (Yuille & Snow 1997), but held to the lights as they were measured.

Legend: B objects, L lights, P = H * W pixels, H height, W width, 3 the axes x right, y UP, z to the camera.
"""

import torch
from torch import Tensor, nn

from truscore.zoo.photometric.integration import integrable
from truscore.zoo.photometric.weighted_solve import lit_samples, robust_solve, shading_of, unit, weighted_solve

_ROUNDS = 2
_HELD = 0.03  # of all pixels' weights, what a light's measured direction counts; from renders whose lights were moved
_LEAST_FACING = 0.3  # of z: normals near the rim say more of the rim than of the light
_FEATURES = 4
_TINY = 1e-6


class LightRefit(nn.Module):
    """How far the refitted directions are to be trusted, by what they explain; half at first."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.trust = nn.Sequential(nn.Linear(_FEATURES, width), nn.ReLU(), nn.Linear(width, 1))
        for weights in self.trust[2].parameters():
            nn.init.zeros_(weights)

    def forward(
        self, samples_BLP: Tensor, lights_BL3: Tensor, level_BL: Tensor, present_BL: Tensor, inside_BHW: Tensor
    ) -> Tensor:
        """Unit directions [B, L, 3]."""
        inside_B1P = inside_BHW.flatten(1)[:, None]
        lit_BLP = lit_samples(samples_BLP, level_BL) * present_BL[..., None] * inside_B1P
        values_BLP = (samples_BLP - level_BL[..., None]).clamp(min=0) * lit_BLP
        count_B1P = lit_BLP.sum(dim=1, keepdim=True).clamp(min=1)
        relative_BLP = values_BLP / ((values_BLP**2).sum(dim=1, keepdim=True) / count_B1P).clamp(min=1e-10).sqrt()
        moved_BL3 = lights_BL3
        for _ in range(_ROUNDS):
            scaled_BP3, weights_BLP, _ = robust_solve(relative_BLP, lit_BLP, moved_BL3)
            surface_BP3 = integrable(unit(scaled_BP3).reshape(*inside_BHW.shape, 3), inside_BHW).flatten(1, 2)
            seen_BLP = weights_BLP * (surface_BP3[..., 2] > _LEAST_FACING).to(weights_BLP.dtype)[:, None]
            moved_BL3 = _refitted(relative_BLP, seen_BLP, surface_BP3, lights_BL3)
        before_B = _unexplained(relative_BLP, seen_BLP, surface_BP3, lights_BL3)
        after_B = _unexplained(relative_BLP, seen_BLP, surface_BP3, moved_BL3)
        there_BL = present_BL / present_BL.sum(dim=1, keepdim=True)
        way_B = ((moved_BL3 - lights_BL3).norm(dim=-1) * there_BL).sum(dim=1)
        lit_share_B = lit_BLP.sum(dim=(1, 2)) / (inside_B1P.sum(dim=2)[:, 0] * present_BL.sum(dim=1)).clamp(min=1)
        told_BF = torch.stack(
            [torch.log(before_B + 1e-3), torch.log(after_B + 1e-3), torch.log(way_B + 1e-3), lit_share_B], dim=1
        )
        trust_B1 = torch.sigmoid(self.trust(told_BF))
        return unit(lights_BL3 + trust_B1[..., None] * (moved_BL3 - lights_BL3))


def _refitted(relative_BLP: Tensor, seen_BLP: Tensor, surface_BP3: Tensor, lights_BL3: Tensor) -> Tensor:
    """Each light by least squares over the pixels that it lights, the way a normal follows from lights."""
    albedo_B1P = _albedo(relative_BLP, seen_BLP, surface_BP3, lights_BL3)
    held_BL = torch.full_like(lights_BL3[..., 0], _HELD)
    found_BL3 = weighted_solve(
        (relative_BLP / albedo_B1P).transpose(1, 2),
        seen_BLP.transpose(1, 2),
        surface_BP3,
        start_BP3=lights_BL3,
        trust_BP=held_BL,
    )
    return unit(found_BL3)


def _albedo(relative_BLP: Tensor, seen_BLP: Tensor, surface_BP3: Tensor, lights_BL3: Tensor) -> Tensor:
    """Of each pixel [B, 1, P], by least squares over its lights."""
    shade_BLP = shading_of(surface_BP3, lights_BL3).clamp(min=0)
    explained_B1P = (seen_BLP * relative_BLP * shade_BLP).sum(dim=1, keepdim=True)
    albedo_B1P = explained_B1P / ((seen_BLP * shade_BLP**2).sum(dim=1, keepdim=True) + _TINY)
    return albedo_B1P.clamp(min=0.05)


def _unexplained(relative_BLP: Tensor, seen_BLP: Tensor, surface_BP3: Tensor, lights_BL3: Tensor) -> Tensor:
    """The mean share of a sample that the surface under these lights leaves [B]."""
    shade_BLP = _albedo(relative_BLP, seen_BLP, surface_BP3, lights_BL3) * shading_of(surface_BP3, lights_BL3)
    left_B = ((relative_BLP - shade_BLP).abs() * seen_BLP).sum(dim=(1, 2))
    return left_B / (seen_BLP.sum(dim=(1, 2)) + _TINY)
