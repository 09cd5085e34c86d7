"""Albedo, roughness and F0 of pixels from a set of views, of whatever number and order.

The normals are those of a `SetNetwork` that is part of this one. A second network on the lights of each pixel then sees
what a Lambertian surface with that normal leaves unexplained, pools it over the lights, and over the pixels that it
takes for one material (after the global features of Deschaintre 2018 and 2019): a roughness that single pixels hardly
show is shown by all of them together. Under a roughness, albedo and F0 follow in closed form.

Legend: B objects, L lights, P pixels of the object, C channels, K materials, 3 the axes x right, y UP, z to the camera.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from truscore.zoo.photometric.ggx import Angles, angles_of, mirrored
from truscore.zoo.photometric.set_network import Seen, SetBackbone, SetNetwork, pooled

FEATURES = 15
LEAST_ROUGHNESS, MOST_ROUGHNESS = 0.08, 0.95
_FIRST_ROUGHNESS = (0.15, 0.3, 0.6)  # whose highlights the network is shown beside the samples
_TINY = 1e-6
_MOST_DOUBT = 4.0  # by whose exponential a sample's weight differs from the robust solver's
_LEAST_WEIGHT = 0.1  # of a lit sample that the robust solver leaves out, as it does highlights: they show roughness
_ROUNDING = 3e-3  # of a pixel's typical sample, below which an F0 bends smoothly towards 0
_FIRST_TRUST = (-3.0, -3.0)  # logarithms of what albedo and F0 are held to a first guess by
_FIRST_SPREAD = math.log(0.3)


class Maps(NamedTuple):
    """Of each pixel: albedo and F0 [B, P] in the unit of the samples (1: what faces a light sends all of it), the alpha
    of GGX, unit normals [B, P, 3], and the mean error that the logarithm of the roughness is likely to have."""

    albedo_BP: Tensor
    roughness_BP: Tensor
    f0_BP: Tensor
    normals_BP3: Tensor
    spread_BP: Tensor


class Materials(nn.Module):
    """What pixels of one material have in common: each is divided among K, by what it looks like."""

    def __init__(self, channels: int, materials: int) -> None:
        super().__init__()
        self.share = nn.Linear(channels, materials)

    def forward(self, feature_BPC: Tensor, inside_BP: Tensor) -> Tensor:
        """Means over the pixel's materials [B, P, C]."""
        share_BPK = self.share(feature_BPC).softmax(dim=-1)
        inside_BPK = share_BPK * inside_BP[..., None]
        total_BK1 = inside_BPK.sum(dim=1)[..., None] + _TINY
        mean_BKC = torch.einsum("bpk,bpc->bkc", inside_BPK, feature_BPC) / total_BK1
        return torch.einsum("bpk,bkc->bpc", share_BPK, mean_BKC)


class ReflectanceNetwork(nn.Module):
    """Normals by a `SetNetwork`, roughness by a network, albedo and F0 in closed form."""

    def __init__(self, width: int, blocks: int, materials: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = SetNetwork(width, blocks, dropout)
        self.backbone = SetBackbone(width, blocks, FEATURES)
        self.materials = Materials(2 * width, materials)
        self.dropout = nn.Dropout(dropout)
        self.weight = nn.Linear(width, 1)
        self.hidden = nn.Sequential(nn.Linear(4 * width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width), nn.ReLU())
        self.head = nn.Linear(width, 6)
        for layer in (self.weight, self.head):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.head.bias[2] = math.log(0.1)
            self.head.bias[3:5] = torch.tensor(_FIRST_TRUST)
            self.head.bias[5] = _FIRST_SPREAD

    def forward(
        self, samples_BLP: Tensor, lights_BL3: Tensor, level_BL: Tensor, present_BL: Tensor, inside_BP: Tensor
    ) -> Maps:
        """As `SetNetwork` takes them: lights with ``present_BL`` 0 and pixels with ``inside_BP`` 0 change nothing."""
        return self.first(samples_BLP, lights_BL3, level_BL, present_BL, inside_BP).maps

    def first(
        self, samples_BLP: Tensor, lights_BL3: Tensor, level_BL: Tensor, present_BL: Tensor, inside_BP: Tensor
    ) -> "First":
        """The maps, and what a fit that begins with them needs."""
        solved = self.shape.solved(samples_BLP, lights_BL3, level_BL, present_BL, inside_BP)
        normals_BP3, seen = solved.normals_BP3, solved.seen
        angles = angles_of(normals_BP3, lights_BL3)
        first_BP = first_albedo(seen, angles)
        present_BL11 = present_BL[..., None, None]
        feature_BLPF = _features(seen, angles, first_BP, inside_BP)
        feature_BLPC = self.dropout(self.backbone(feature_BLPF, present_BL11, inside_BP[..., None]))
        pixel_BPC = pooled(feature_BLPC, present_BL11)
        both_BPC = torch.cat([pixel_BPC, self.materials(pixel_BPC, inside_BP)], dim=-1)
        hidden_BPC = self.hidden(both_BPC)
        said_6BP = self.head(hidden_BPC).unbind(dim=-1)
        doubt_BLP = _MOST_DOUBT * torch.tanh(self.weight(feature_BLPC)[..., 0])
        weights_BLP = (seen.weights_BLP + _LEAST_WEIGHT * seen.lit_BLP) * torch.exp(doubt_BLP)
        roughness_BP = roughness_of(said_6BP[0])
        scale_BP, object_B1 = seen.scale_B1P[:, 0], object_scale(seen, inside_BP)
        # Relative to a pixel's typical sample, as all that is solved.
        guess = (first_BP * torch.exp(torch.tanh(said_6BP[1])), object_B1 / scale_BP * torch.exp(said_6BP[2]))
        trust = (torch.exp(said_6BP[3].clamp(-9, 3)), torch.exp(said_6BP[4].clamp(-9, 3)))
        albedo_BP, f0_BP = albedo_and_f0(
            seen.relative_BLP, weights_BLP, angles, mirrored(angles, roughness_BP), guess=guess, trust=trust
        )
        maps = Maps(
            albedo_BP=albedo_BP * scale_BP,
            roughness_BP=roughness_BP,
            f0_BP=f0_BP * scale_BP,
            normals_BP3=normals_BP3,
            spread_BP=torch.exp(said_6BP[5].clamp(-5, 1)),
        )
        return First(maps=maps, seen=seen, angles=angles, weights_BLP=weights_BLP, hidden_BPC=hidden_BPC)


@dataclass(frozen=True, kw_only=True, slots=True)
class First:
    """Maps, the samples and angles that they come of, how much each sample counts, and what is known of a pixel."""

    maps: Maps
    seen: Seen
    angles: Angles
    weights_BLP: Tensor
    hidden_BPC: Tensor


def confidence_of(spread_BP: Tensor) -> Tensor:
    """How likely a roughness is off by less than a factor of 1.25, of errors as Laplace distributes them."""
    return 1 - torch.exp(-math.log(1.25) / spread_BP)


def roughness_of(said_BP: Tensor) -> Tensor:
    """Any number as a roughness between the least and the most, evenly by its logarithm."""
    least, most = math.log(LEAST_ROUGHNESS), math.log(MOST_ROUGHNESS)
    return torch.exp(least + (most - least) * torch.sigmoid(said_BP))


def object_scale(seen: Seen, inside_BP: Tensor) -> Tensor:
    """The typical sample of the object's pixels [B, 1]."""
    total_B1 = (seen.scale_B1P[:, 0] * inside_BP).sum(dim=1, keepdim=True)
    return total_B1 / (inside_BP.sum(dim=1, keepdim=True) + _TINY)


def first_albedo(seen: Seen, angles: Angles) -> Tensor:
    """Lambert's, by the robust solver's weights, relative to a pixel's typical sample [B, P]."""
    facing_BLP = angles.facing_BLP.clamp(min=0)
    weighted_BLP = seen.weights_BLP * facing_BLP
    total_BP = (weighted_BLP * facing_BLP).sum(dim=1)
    return ((weighted_BLP * seen.relative_BLP).sum(dim=1) / (total_BP + 1e-4)).clamp(0.02, 5)


def albedo_and_f0(
    values_BLP: Tensor,
    weights_BLP: Tensor,
    angles: Angles,
    mirror_BLP: Tensor,
    *,
    guess: tuple[Tensor, Tensor],
    trust: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    """Both above 0 [B, P], of least weighted squares that the distance from a guess counts in, too; in doubles, as
    `weighted_solve` is."""
    kind = values_BLP.dtype
    weights_BLP, values_BLP = weights_BLP.double(), values_BLP.double()
    facing_BLP, mirror_BLP = angles.facing_BLP.clamp(min=0).double(), mirror_BLP.double()
    total_BP = weights_BLP.sum(dim=1) + _TINY
    (guess_a, guess_f), (hold_a, hold_f) = ((one.double() for one in pair) for pair in (guess, trust))
    hold_a, hold_f = hold_a * total_BP * 0.1 + _TINY, hold_f * total_BP * 0.1 + _TINY
    a = (weights_BLP * facing_BLP * facing_BLP).sum(dim=1) + hold_a
    b = (weights_BLP * facing_BLP * mirror_BLP).sum(dim=1)
    d = (weights_BLP * mirror_BLP * mirror_BLP).sum(dim=1) + hold_f
    u = (weights_BLP * facing_BLP * values_BLP).sum(dim=1) + hold_a * guess_a
    v = (weights_BLP * mirror_BLP * values_BLP).sum(dim=1) + hold_f * guess_f
    # Positive: a sum of squares and what holds them.
    free_BP = (a * v - b * u) / (a * d - b * b).clamp(min=1e-30)
    f0_BP = _above_zero(free_BP)
    albedo_BP = _above_zero((u - b * f0_BP) / a)
    return albedo_BP.to(kind), f0_BP.to(kind)


def _above_zero(values: Tensor) -> Tensor:
    return 0.5 * (values + torch.sqrt(values * values + _ROUNDING**2))


def _features(seen: Seen, angles: Angles, first_BP: Tensor, inside_BP: Tensor) -> Tensor:
    """[B, L, P, FEATURES], none of which changes when object and lights are turned about the camera's axis."""
    left_BLP = seen.relative_BLP - first_BP[:, None] * angles.facing_BLP.clamp(min=0)
    object_B11 = object_scale(seen, inside_BP)[..., None]
    like_BLP = torch.ones_like(left_BLP)
    bright_BLP = left_BLP * seen.scale_B1P / (object_B11 + _TINY)
    one_BP = torch.ones_like(first_BP)
    lobes = [mirrored(angles, value * one_BP) for value in _FIRST_ROUGHNESS]
    return torch.stack(
        [
            seen.relative_BLP,
            left_BLP.clamp(-3, 3),
            torch.tanh(10 * left_BLP),
            torch.log(bright_BLP.clamp(min=0) + 0.01) / 2,
            torch.log(first_BP * seen.scale_B1P[:, 0] / (object_B11[:, 0] + _TINY) + 0.01)[:, None] * like_BLP,
            seen.lit_BLP,
            seen.weights_BLP,
            angles.facing_BLP,
            torch.log(1 - angles.on_half_BLP**2 + 1e-3) / 3,
            angles.seen_B1P * like_BLP,
            *(torch.log(lobe_BLP + 0.01) / 2 for lobe_BLP in lobes),
            torch.log(seen.misfit_B1P + 2e-3) / 4 * like_BLP,
            seen.agreed_B1P * like_BLP,
        ],
        dim=-1,
    )
