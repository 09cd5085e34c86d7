"""A height, an albedo and specular lobes, and what they look like. N pixels, L lights, K lobes, 3 the axes x, y, z."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from truscore.zoo.inverse_rendering.coordinates import CoordinateNetwork, Encoded, encoded

_OCTAVES, _WIDTH, _LAYERS = 6, 64, 3
_SHEEN_OCTAVES, _SHEEN_WIDTH, _SHEEN_LAYERS = 3, 32, 2  # what glosses changes slowly over an object
_SHARPNESS = (4.0, 300.0)  # of the widest and the narrowest lobe at first
_NO_SHEEN = -4.0  # whose softplus is 0.02 of a typical sample
_LEAST_ALBEDO = 1e-3


class Scene(nn.Module):
    """One object under its lights; lengths in half of its longer side, intensities in that of a typical sample.

    Light that falls on a pixel is scattered by its albedo, and mirrored by a few spherical Gaussians of the half vector
    that all pixels share, each pixel with weights of its own above 0 (Li & Li 2022, CVPR, eq. 6 and 7; ECCV, eq. 5).
    """

    def __init__(
        self, mask_HW: NDArray[np.bool_], lights_L3: Tensor, albedo_N: Tensor, *, lobes: int, distance_L: Tensor | None
    ) -> None:
        super().__init__()
        self.places_N2, self.half_px = _places(mask_HW)
        self.lights_L3 = lights_L3
        self.distance_L = None if distance_L is None else distance_L / self.half_px
        self.where = encoded(self.places_N2, _OCTAVES)
        self.where_sheen_NC = encoded(self.places_N2, _SHEEN_OCTAVES).values_NC
        self.height = CoordinateNetwork(self.where.values_NC.shape[1], _WIDTH, _LAYERS, 1)
        self.log_albedo_N = nn.Parameter(albedo_N.clamp(min=_LEAST_ALBEDO).log())
        self.lobes = lobes
        self.sheen = CoordinateNetwork(self.where_sheen_NC.shape[1], _SHEEN_WIDTH, _SHEEN_LAYERS, max(lobes, 1))
        self.log_sharpness_K = nn.Parameter(
            torch.linspace(math.log(_SHARPNESS[0]), math.log(_SHARPNESS[1]), steps=lobes)
        )

    def surface(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The height [N] and unit normals [N, 3] of the pixels with these numbers, by the network's own derivative."""
        here: Encoded = self.where.at(pixels)
        height_N1, slope_2N1 = self.height.with_slopes(here)
        right_N, up_N = slope_2N1[..., 0]
        upward_N3 = torch.stack([-right_N, -up_N, torch.ones_like(up_N)], dim=1)
        return height_N1[:, 0], nn.functional.normalize(upward_N3, dim=1)

    def rendered(self, pixels: Tensor, height_N: Tensor, normals_N3: Tensor) -> Tensor:
        """Samples [N, L]; a pixel that faces away from a light has none of it."""
        lights_NL3, strength_NL = self._falling(pixels, height_N)
        facing_NL = (normals_N3[:, None] * lights_NL3).sum(dim=2).clamp(min=0)
        sent_NL = self.log_albedo_N[pixels].exp()[:, None]
        if self.lobes:
            half_NL3 = nn.functional.normalize(lights_NL3 + lights_NL3.new_tensor([0.0, 0.0, 1.0]), dim=2)
            off_NL1 = ((normals_N3[:, None] * half_NL3).sum(dim=2) - 1)[..., None]
            weight_NK = nn.functional.softplus(self.sheen(self.where_sheen_NC[pixels]) + _NO_SHEEN)
            sent_NL = sent_NL + (weight_NK[:, None] * torch.exp(self.log_sharpness_K.exp() * off_NL1)).sum(dim=2)
        return sent_NL * facing_NL * strength_NL

    def _falling(self, pixels: Tensor, height_N: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors to the lights [N or 1, L, 3], and how strong they are: 1 at the middle of the object."""
        if self.distance_L is None:
            return self.lights_L3[None], torch.ones_like(self.lights_L3[None, :, 0])
        from_N3 = torch.cat([self.places_N2[pixels], height_N[:, None]], dim=1)
        way_NL3 = (self.lights_L3 * self.distance_L[:, None])[None] - from_N3[:, None]
        length_NL = way_NL3.norm(dim=2).clamp(min=1e-3)
        return way_NL3 / length_NL[..., None], (self.distance_L / length_NL) ** 2


def _places(mask_HW: NDArray[np.bool_]) -> tuple[Tensor, float]:
    """Of the mask's pixels [N, 2], the middle of their box at 0, and how many pixels long a unit is."""
    rows_N, columns_N = np.nonzero(mask_HW)
    half_px = max(float(np.ptp(rows_N)), float(np.ptp(columns_N)), 1.0) / 2
    right_N = columns_N - (columns_N.min() + columns_N.max()) / 2
    up_N = (rows_N.min() + rows_N.max()) / 2 - rows_N
    return torch.from_numpy(np.stack([right_N, up_N], axis=1) / half_px).float(), half_px
