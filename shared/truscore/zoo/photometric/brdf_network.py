"""A GGX fit of each pixel, unrolled from a learned start (as Adler & Öktem 2017 unroll a solver: gradient and curvature
are the model's, how far to go and how much to trust is learnt).

Each step solves for albedo, roughness and F0 together by Gauss and Newton, on the residuals of a `ReflectanceNetwork`'s
maps, which hold the fit as a prior does. What the pixel's samples say of its roughness adds to the confidence that the
start had: where a highlight falls between the lights, both stay what they were.

Legend: B objects, L lights, P pixels of the object, C channels, 3 the axes, or albedo, roughness, F0.
"""

import math

import torch
from torch import Tensor, nn

from truscore.zoo.photometric.ggx import Angles, mirrored
from truscore.zoo.photometric.reflectance_network import (
    LEAST_ROUGHNESS,
    MOST_ROUGHNESS,
    First,
    Maps,
    ReflectanceNetwork,
)

_DIFFERENCE = 0.05  # of the logarithm of a roughness, over which the slope of a highlight is taken
_MOST_MOVED = 0.3  # of any logarithm in one step
_LEAST = 1e-4  # of a pixel's typical sample
_NOISE, _SHARE = math.log(0.02), math.log(0.1)  # of a pixel's typical sample, and of a sample's own size
_FIRST_PRECISION = 3.0  # logarithm of the start's, of albedo and F0
_FIRST_RATE = -1.0  # by whose sigmoid a step is shortened


class BrdfNetwork(ReflectanceNetwork):
    """As `ReflectanceNetwork`, whose maps ``steps`` of a fit begin with."""

    def __init__(self, width: int, blocks: int, materials: int, steps: int, dropout: float = 0.0) -> None:
        super().__init__(width, blocks, materials, dropout)
        self.noise = nn.Parameter(torch.tensor([_NOISE, _SHARE]))
        self.rate = nn.Parameter(torch.full((steps,), _FIRST_RATE))
        self.seen_share = nn.Parameter(torch.tensor([-2.0]))  # of what samples say, that counts for the confidence
        self.precision = nn.Linear(width, 2)
        nn.init.zeros_(self.precision.weight)
        nn.init.constant_(self.precision.bias, _FIRST_PRECISION)

    def forward(
        self, samples_BLP: Tensor, lights_BL3: Tensor, level_BL: Tensor, present_BL: Tensor, inside_BP: Tensor
    ) -> Maps:
        """As `ReflectanceNetwork`, with the spread that is left after the fit."""
        return self.fitted(self.first(samples_BLP, lights_BL3, level_BL, present_BL, inside_BP))

    def fitted(self, first: First) -> Maps:
        """The maps after all steps."""
        maps, scale_BP = first.maps, first.seen.scale_B1P[:, 0]
        start_BP3 = _logarithms(maps, scale_BP)
        albedo_BP, f0_BP = torch.exp(self.precision(first.hidden_BPC).clamp(-4, 9)).unbind(dim=-1)
        held_BP3 = torch.stack([albedo_BP, maps.spread_BP**-2, f0_BP], dim=-1)
        weights_BLP = self._weights(first)
        found_BP3 = start_BP3
        for rate in torch.sigmoid(self.rate):
            system, pull = _normal_equations(found_BP3, first, weights_BLP)
            pull_BP3 = pull - held_BP3 * (found_BP3 - start_BP3)
            move_BP3 = rate * solved_by_cofactors(system, held_BP3, pull_BP3)
            found_BP3 = _within(found_BP3 + _MOST_MOVED * torch.tanh(move_BP3 / _MOST_MOVED))
        system, _ = _normal_equations(found_BP3, first, weights_BLP)
        told_BP = told_of_roughness(system, held_BP3)
        spread_BP = (maps.spread_BP**-2 + torch.exp(self.seen_share) * told_BP) ** -0.5
        albedo_BP, roughness_BP, f0_BP = torch.exp(found_BP3).unbind(dim=-1)
        return maps._replace(
            albedo_BP=albedo_BP * scale_BP, roughness_BP=roughness_BP, f0_BP=f0_BP * scale_BP, spread_BP=spread_BP
        )

    def _weights(self, first: First) -> Tensor:
        """Of each sample, one over the square of what it is likely to be off by."""
        floor, share = torch.exp(2 * self.noise)
        variance_BLP: Tensor = floor + share * first.seen.relative_BLP**2
        return first.weights_BLP.clamp(max=3.0) / variance_BLP


def _logarithms(maps: Maps, scale_BP: Tensor) -> Tensor:
    """Of albedo and F0 relative to a pixel's typical sample, and of the roughness between them [B, P, 3]."""
    relative = [(each_BP / scale_BP).clamp(min=_LEAST) for each_BP in (maps.albedo_BP, maps.f0_BP)]
    return torch.log(torch.stack([relative[0], maps.roughness_BP, relative[1]], dim=-1))


def _within(found_BP3: Tensor) -> Tensor:
    albedo_BP, roughness_BP, f0_BP = found_BP3.unbind(dim=-1)
    roughness_BP = roughness_BP.clamp(math.log(LEAST_ROUGHNESS), math.log(MOST_ROUGHNESS))
    return torch.stack([albedo_BP.clamp(-10, 4), roughness_BP, f0_BP.clamp(-10, 4)], dim=-1)


def _normal_equations(found_BP3: Tensor, first: First, weights_BLP: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
    """The upper triangle of the sum of slopes' products, six times [B, P], and what the residuals pull at [B, P, 3]."""
    albedo_BP, roughness_BP, f0_BP = torch.exp(found_BP3).unbind(dim=-1)
    scattered_BLP = albedo_BP[:, None] * first.angles.facing_BLP.clamp(min=0)
    sent_BLP = f0_BP[:, None] * mirrored(first.angles, roughness_BP)
    slope_BLP = f0_BP[:, None] * _slope_of_mirror(first.angles, roughness_BP)
    residual_BLP = first.seen.relative_BLP - scattered_BLP - sent_BLP
    slopes = (scattered_BLP, slope_BLP, sent_BLP)
    weighted = [weights_BLP * each_BLP for each_BLP in slopes]
    system = tuple((weighted[row] * slopes[column]).sum(dim=1) for row in range(3) for column in range(row, 3))
    pull_BP3 = torch.stack([(each_BLP * residual_BLP).sum(dim=1) for each_BLP in weighted], dim=-1)
    return system, pull_BP3


def _slope_of_mirror(angles: Angles, roughness_BP: Tensor) -> Tensor:
    """By the logarithm of the roughness [B, L, P]."""
    factor = math.exp(_DIFFERENCE)
    apart_BLP = mirrored(angles, roughness_BP * factor) - mirrored(angles, roughness_BP / factor)
    return apart_BLP / (2 * _DIFFERENCE)


def solved_by_cofactors(system: tuple[Tensor, ...], held_BP3: Tensor, pull_BP3: Tensor) -> Tensor:
    """Of one symmetric 3 x 3 system a pixel, whose diagonal ``held_BP3`` is added to [B, P, 3]; in doubles."""
    a, b, c, d, e, f = (each.double() for each in system)
    held_a, held_d, held_f = held_BP3.double().unbind(dim=-1)
    a, d, f = a + held_a, d + held_d, f + held_f
    u, v, w = pull_BP3.double().unbind(dim=-1)
    aa, bb, cc = d * f - e * e, c * e - b * f, b * e - c * d
    dd, ee, ff = a * f - c * c, b * c - a * e, a * d - b * b
    # Positive: a sum of squares, and what holds it.
    determinant_BP = (a * aa + b * bb + c * cc).clamp(min=1e-30)
    solved = (aa * u + bb * v + cc * w, bb * u + dd * v + ee * w, cc * u + ee * v + ff * w)
    return torch.stack([each_BP / determinant_BP for each_BP in solved], dim=-1).to(pull_BP3.dtype)


def told_of_roughness(system: tuple[Tensor, ...], held_BP3: Tensor) -> Tensor:
    """What samples say of the logarithm of the roughness when albedo and F0 may move with it (Schur complement of the
    system without the roughness' own prior) [B, P], at least 0: one over the variance that they leave."""
    a, b, c, d, e, f = (each.double() for each in system)
    held_a, _, held_f = held_BP3.double().unbind(dim=-1)
    a, f = a + held_a, f + held_f
    rest_BP = (b * b * f - 2 * b * c * e + e * e * a) / (a * f - c * c).clamp(min=1e-30)
    return (d - rest_BP).clamp(min=0).to(held_BP3.dtype)
