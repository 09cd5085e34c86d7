"""The light that microfacets mirror to the camera, in operators that every exporter can carry. As
`truscore.photometric_stereo.ggx` has it in numpy; a test holds the two to each other.

Legend: B objects, L lights, P pixels, 3 the axes x right, y UP, z to the camera.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from truscore.zoo.photometric.weighted_solve import shading_of, unit

_GRAZING = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class Angles:
    """Cosines of a normal with each light, with the direction half-way to the camera, and with the camera [B, 1, P]."""

    facing_BLP: Tensor
    on_half_BLP: Tensor
    seen_B1P: Tensor


def angles_of(normals_BP3: Tensor, lights_BL3: Tensor) -> Angles:
    half_BL3 = unit(lights_BL3 + lights_BL3.new_tensor([0.0, 0.0, 1.0]))
    return Angles(
        facing_BLP=shading_of(normals_BP3, lights_BL3),
        on_half_BLP=shading_of(normals_BP3, half_BL3).clamp(0, 1),
        seen_B1P=normals_BP3[..., 2][:, None].clamp(_GRAZING, 1),
    )


def mirrored(angles: Angles, roughness_BP: Tensor) -> Tensor:
    """What a mirror that reflects all (F0 = 1) sends under each light [B, L, P]; 0 where it is below the horizon."""
    square_B1P = roughness_BP[:, None] ** 2
    lit_BLP, seen_B1P = angles.facing_BLP.clamp(_GRAZING, 1), angles.seen_B1P
    # cos^2 (a^2 - 1) + 1, without the difference of nearly equal numbers at the middle of a highlight.
    width_BLP = (1 - angles.on_half_BLP**2) + angles.on_half_BLP**2 * square_B1P
    spread_BLP = square_B1P / (width_BLP**2).clamp(min=1e-12)
    masked_BLP = 0.5 / (
        lit_BLP * torch.sqrt(seen_B1P**2 * (1 - square_B1P) + square_B1P)
        + seen_B1P * torch.sqrt(lit_BLP**2 * (1 - square_B1P) + square_B1P)
    )
    return spread_BLP * masked_BLP * lit_BLP * (angles.facing_BLP > 0)


def relit(normals_BP3: Tensor, albedo_BP: Tensor, roughness_BP: Tensor, f0_BP: Tensor, lights_BL3: Tensor) -> Tensor:
    """The surface under these lights [B, L, P]; other parts of it cast no shadow on a pixel."""
    angles = angles_of(normals_BP3, lights_BL3)
    scattered_BLP = albedo_BP[:, None] * angles.facing_BLP.clamp(min=0)
    return scattered_BLP + f0_BP[:, None] * mirrored(angles, roughness_BP)
