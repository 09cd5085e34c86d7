"""Directions and intensities of lights out of the views themselves, of whatever number and order.

After the light calibration network of SDPS-Net (Chen et al. 2019, sec. 4.1): each view is seen by convolutions of its
own, what all views have in common is pooled and handed to each, and a direction is an answer among fixed ones. Those
here are spread over the half sphere, and the answer is their mean by probability, so that none is rounded to a bin and
no azimuth has a seam; intensities are regressed, for only their ratios mean anything.

Legend: B objects, L lights, H, W sides of a rectangle, P = H * W pixels, S the side of the grid, C channels, K
directions to choose among, 3 the axes x right, y UP, z to the camera.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from truscore.zoo.photometric.weighted_solve import lit_samples, unit, weighted_solve

GRID_SIDE = 32
DIRECTIONS = 128
LEAST_Z = 0.1  # of a direction to choose among: lamps that graze tell nothing
_FEATURES = 6
_ROUNDS = 2
_BRIGHT = 1.5  # times a pixel's typical sample: brighter ones are highlights, or nearly
_HELD = 0.03  # of all pixels' weights, what a light that was seen counts
_MOST_INTENSITY = 1.5  # logarithm, to either side of the typical light
_TINY = 1e-6
_AIM = 2 / 40  # the trace of the covariance of the bell that probabilities are to be (of `light_loss`)


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenLights:
    """Unit vectors, intensities whose logarithms' mean is 0, and a score of each fixed direction; ``first_BL3`` are
    directions times intensities as they were seen in single views, which is what learns."""

    directions_BL3: Tensor
    intensities_BL: Tensor
    first_BL3: Tensor
    scores_BLK: Tensor


class LightNetwork(nn.Module):
    """Looks at ``GRID_SIDE`` x ``GRID_SIDE`` pixels of each view, spread over the object's own square, whatever its
    size: neighbours are not mixed, as that would break the law that is solved, and what lies around the object changes
    nothing."""

    choices_K3: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()

        def convolution(inputs: int, outputs: int, stride: int) -> nn.Module:
            layer = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            return nn.Sequential(layer, nn.ReLU())

        self.own = nn.Sequential(
            convolution(_FEATURES, width, 1), convolution(width, width, 2), convolution(width, 2 * width, 2)
        )
        self.common = nn.Conv2d(4 * width, 2 * width, 1)
        self.both = nn.Sequential(convolution(2 * width, 2 * width, 1), convolution(2 * width, 4 * width, 2))
        # All places of what is left of the grid: where an object is bright says where the light stands.
        self.token = nn.Linear(4 * width * (GRID_SIDE // 8) ** 2, 4 * width)
        nn.init.kaiming_normal_(self.token.weight, nonlinearity="relu")
        self.pooled = nn.Linear(8 * width, 4 * width, bias=False)
        self.direction = nn.Linear(4 * width, DIRECTIONS)
        self.intensity = nn.Linear(4 * width, 1)
        nn.init.zeros_(self.intensity.weight)
        nn.init.zeros_(self.intensity.bias)
        self.register_buffer("choices_K3", spread_directions(DIRECTIONS), persistent=False)

    def forward(self, samples_BLP: Tensor, present_BL: Tensor, inside_BHW: Tensor) -> SeenLights:
        grid = _on_grid(samples_BLP, present_BL, inside_BHW)
        objects, lights = grid.features_BLFSS.shape[:2]
        present_BL1 = present_BL[..., None]
        own = self.own(grid.features_BLFSS.flatten(0, 1))
        laid = own.reshape(objects, lights, *own.shape[1:])
        mean_max = torch.cat(over_lights(laid, present_BL1[..., None, None]), dim=1)
        both = self.both(torch.relu((laid + self.common(mean_max)[:, None]).flatten(0, 1)))
        seen_BLC = both.reshape(objects, lights, -1)
        own_BLC = torch.relu(self.token(seen_BLC))
        common_BC = torch.cat(over_lights(own_BLC, present_BL1), dim=1)
        feature_BLC = torch.relu(own_BLC + self.pooled(common_BC)[:, None])
        scores_BLK = self.direction(feature_BLC)
        directions_BL3 = unit(torch.softmax(scores_BLK, dim=-1) @ self.choices_K3)
        logarithm_BL = _MOST_INTENSITY * torch.tanh(self.intensity(feature_BLC)[..., 0])
        # Begins with the views' own brightness: a lamp from the front is taken for a bright one until that is learnt.
        intensities_BL = evened(logarithm_BL + grid.brightness_BL, present_BL)
        first_BL3 = directions_BL3 * intensities_BL[..., None]
        # What follows has no gradient: where lights are nearly in one plane, it would be anything.
        covariance_BL33 = covariance_of(scores_BLK.detach(), self.choices_K3)
        directions_BL3, intensities_BL = agreeing(first_BL3.detach(), covariance_BL33, grid, present_BL)
        return SeenLights(
            directions_BL3=directions_BL3, intensities_BL=intensities_BL, first_BL3=first_BL3, scores_BLK=scores_BLK
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Features of each view on the grid [B, L, F, S, S]; samples over each pixel's typical one and which of them are
    lit [B, L, S²]; logarithms of the views' brightness."""

    features_BLFSS: Tensor
    relative_BLP: Tensor
    lit_BLP: Tensor
    brightness_BL: Tensor


def spread_directions(count: int) -> Tensor:
    """Unit vectors [K, 3] spread evenly over the half sphere before the camera, along a spiral (Vogel 1979)."""
    place_K = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    z_K = 1 - (1 - LEAST_Z) * place_K
    turn_K = torch.arange(count, dtype=torch.float64) * math.pi * (3 - math.sqrt(5))
    side_K = (1 - z_K**2).sqrt()
    return torch.stack([side_K * turn_K.cos(), side_K * turn_K.sin(), z_K], dim=1).float()


def over_lights(values: Tensor, present: Tensor) -> list[Tensor]:
    """Mean and maximum over the lights that are there, of values that are not negative."""
    there = values * present
    return [there.sum(dim=1) / present.sum(dim=1), there.amax(dim=1)]


def evened(logarithm_BL: Tensor, present_BL: Tensor) -> Tensor:
    """Intensities whose logarithms' mean over the lights that are there is 0; 1 of those that are not."""
    mean_B1 = (logarithm_BL * present_BL).sum(dim=1, keepdim=True) / present_BL.sum(dim=1, keepdim=True)
    return torch.exp((logarithm_BL - mean_B1) * present_BL)


def covariance_of(scores_BLK: Tensor, choices_K3: Tensor) -> Tensor:
    """Of directions by their probabilities [B, L, 3, 3], less what the aim that they learn has of its own: where a
    direction is as sure as it can be, nothing is left."""
    share_BLK = torch.softmax(scores_BLK, dim=-1)
    mean_BL3 = share_BLK @ choices_K3
    squares_K9 = (choices_K3[:, :, None] * choices_K3[:, None, :]).flatten(1)
    spread_BL33 = (share_BLK @ squares_K9).reshape(*mean_BL3.shape, 3) - mean_BL3[..., :, None] * mean_BL3[..., None, :]
    trace_BL = trace_of(spread_BL33)
    left_BL33: Tensor = spread_BL33 * (1 - _AIM / trace_BL.clamp(min=_AIM))[..., None, None]
    return left_BL33


def trace_of(covariance_BL33: Tensor) -> Tensor:
    return covariance_BL33.diagonal(dim1=-2, dim2=-1).sum(dim=-1)


def mean_lights(directions_BL3: Tensor, covariance_BL33: Tensor) -> Tensor:
    """Means of unit vectors that spread as far as that: shorter than 1, by E(d' d) = m' m + trace(C) = 1."""
    return directions_BL3 * (1 - trace_of(covariance_BL33)).clamp(min=_TINY).sqrt()[..., None]


def agreeing(first_BL3: Tensor, covariance_BL33: Tensor, grid: Grid, present_BL: Tensor) -> tuple[Tensor, Tensor]:
    """Directions and intensities of the lights that explain the views best among those near the ones that were seen.

    In turn the normals under these lights, and the lights of these normals, by weighted least squares: that brings
    errors of single lights down to those that all have in common, which no view tells (Hayakawa 1994).
    """
    # Smooth, unlike weights by residuals: under lights that are far off these would be anything.
    weights_BLP = grid.lit_BLP / (1 + (grid.relative_BLP / _BRIGHT) ** 4)
    weights_BPL = weights_BLP.transpose(1, 2)
    # Where directions spread far, normals are drawn to the flat, and lights that followed from them would be anything.
    held_BL = _HELD + trace_of(covariance_BL33)
    moved_BL3 = first_BL3
    for _ in range(_ROUNDS):
        squared_BL11 = (moved_BL3**2).sum(dim=-1)[..., None, None]
        normals_BP3 = weighted_solve(
            grid.relative_BLP,
            weights_BLP,
            mean_lights(moved_BL3, covariance_BL33),
            covariance_BL33=squared_BL11 * covariance_BL33,
        )
        moved_BL3 = weighted_solve(
            grid.relative_BLP.transpose(1, 2), weights_BPL, normals_BP3, start_BP3=first_BL3, trust_BP=held_BL
        )
    length_BL = (moved_BL3**2).sum(dim=-1).clamp(min=_TINY).sqrt()
    return unit(moved_BL3), evened(torch.log(length_BL), present_BL)


def _on_grid(samples_BLP: Tensor, present_BL: Tensor, inside_BHW: Tensor) -> Grid:
    width = inside_BHW.shape[2]
    rows_BS, down_BS = _lines(inside_BHW.amax(dim=2), inside_BHW.amax(dim=1))
    columns_BS, across_BS = _lines(inside_BHW.amax(dim=1), inside_BHW.amax(dim=2))
    there_BSS = down_BS[:, :, None] * across_BS[:, None, :]
    place_BP = (rows_BS[:, :, None] * width + columns_BS[:, None, :]).flatten(1)
    inside_BP = torch.gather(inside_BHW.flatten(1), 1, place_BP) * there_BSS.flatten(1)
    taken_BLP = torch.gather(samples_BLP, 2, place_BP[:, None].expand(-1, samples_BLP.shape[1], -1))
    inside_B1P, there_BL1 = inside_BP[:, None], present_BL[..., None]
    lit_BLP = lit_samples(taken_BLP, torch.zeros_like(present_BL)) * there_BL1 * inside_B1P
    values_BLP = taken_BLP * lit_BLP
    count_B1P = lit_BLP.sum(dim=1, keepdim=True)
    scale_B1P = ((values_BLP**2).sum(dim=1, keepdim=True) / count_B1P.clamp(min=1)).clamp(min=1e-10).sqrt()
    relative_BLP = values_BLP / scale_B1P
    inside_count_B11 = inside_B1P.sum(dim=2, keepdim=True).clamp(min=1)
    light_BL = relative_BLP.sum(dim=2) / inside_count_B11[:, 0]
    object_B11 = (scale_B1P * inside_B1P).sum(dim=2, keepdim=True) / inside_count_B11
    steps_S = (torch.arange(GRID_SIDE, device=samples_BLP.device, dtype=samples_BLP.dtype) + 0.5) / GRID_SIDE * 2 - 1
    like_BLP = torch.ones_like(relative_BLP)
    even_BLP = relative_BLP / (light_BL[..., None] + 0.02)
    brightness_BL = torch.log(light_BL + 0.02)
    features = [
        relative_BLP,
        # Without the light's own intensity and the pixel's own brightness: what only this light shows.
        2 * (even_BLP - even_BLP.sum(dim=1, keepdim=True) / present_BL.sum(dim=1)[:, None, None]),
        torch.log(values_BLP / (object_B11 + _TINY) + 0.05) * inside_B1P / 3,
        lit_BLP,
        steps_S.repeat(GRID_SIDE) * inside_B1P * like_BLP,
        -steps_S.repeat_interleave(GRID_SIDE) * inside_B1P * like_BLP,
    ]
    laid = torch.stack(features, dim=2) * inside_B1P[:, :, None]
    return Grid(
        features_BLFSS=laid.reshape(*laid.shape[:3], GRID_SIDE, GRID_SIDE),
        relative_BLP=relative_BLP,
        lit_BLP=lit_BLP,
        brightness_BL=brightness_BL,
    )


def _lines(taken_BH: Tensor, across_BW: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers of the rows that the grid's lines lie on [B, S], and 1 for each that is one of the picture's: the grid
    is a square around all that is inside, as long as the longer of its sides."""
    first_B1, last_B1 = _ends(taken_BH)
    others_first_B1, others_last_B1 = _ends(across_BW)
    side_B1 = torch.maximum(last_B1 - first_B1, others_last_B1 - others_first_B1)
    step_S = (torch.arange(GRID_SIDE, device=taken_BH.device, dtype=taken_BH.dtype) + 0.5) / GRID_SIDE
    place_BS = torch.floor((first_B1 + last_B1 - side_B1) / 2 + step_S * side_B1)
    within_BS = ((place_BS >= first_B1) & (place_BS < last_B1)).to(taken_BH.dtype)
    return torch.minimum(torch.maximum(place_BS, first_B1), last_B1 - 1).long(), within_BS


def _ends(taken_BH: Tensor) -> tuple[Tensor, Tensor]:
    """The first line that is taken and the one behind the last [B, 1]; 0 and 1 where none is."""
    number_H = torch.arange(taken_BH.shape[1], device=taken_BH.device, dtype=taken_BH.dtype)
    behind_B1 = (taken_BH * (number_H + 1)).amax(dim=1, keepdim=True).clamp(min=1)
    before_B1 = torch.where(taken_BH > 0, number_H, behind_B1).amin(dim=1, keepdim=True)
    return torch.minimum(before_B1, behind_B1 - 1), behind_B1
