"""Depth of one view out of several calibrated ones: planes swept through the scene, the variance of what the views show
on them, and the depth that a small network expects of it (MVSNet, Yao et al. 2018), in two stages of which the second
looks closer (Gu et al. 2020). Written from the papers.

The views are normalised photometrically first: each is solved for albedo and normals under its own lights, which are
the same from every side where a brightness is not.

Legend: V views, L lights, P pixels, C channels, D depths, H, W rows and columns, 3 the axes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from truscore.zoo.photometric.plane_sweep import Cameras, correlation, expected_depth, variance, warped
from truscore.zoo.photometric.weighted_solve import lit_samples, unit, weighted_solve

INTERVALS = 47  # that a depth range is divided into: between 48 planes
_STEPS = 2  # intervals between the planes of the first stage
_REACH, _FINE = 2.0, 0.5  # of the second stage: intervals to either side, and between its depths
_MAPS = 4
_WINDOW, _SHARPNESS = 5, 20.0  # pixels that are correlated; how much more probable the best correlated depth is
_STEEP = 4.0  # by which normals count beside albedo: slopes of a card are small


@dataclass(frozen=True, kw_only=True, slots=True)
class Depths:
    """Along z of the reference camera [H, W], in the unit of the cameras."""

    coarse_HW: Tensor
    fine_HW: Tensor


def photometric_maps(samples_VLP: Tensor, lights_VL3: Tensor, level_VL: Tensor, present_VL: Tensor) -> Tensor:
    """Albedo and normal of each pixel [V, 4, P], the normals in the axes of the lights: Lambert's law by least squares
    over the samples that are not in shadow."""
    weights_VLP = lit_samples(samples_VLP, level_VL) * present_VL[..., None]
    values_VLP = samples_VLP - level_VL[..., None]
    scaled_VP3 = weighted_solve(values_VLP, weights_VLP, lights_VL3)
    albedo_VP = (scaled_VP3 * scaled_VP3).sum(dim=-1).clamp(min=1e-16).sqrt()
    return torch.cat([albedo_VP[:, None], unit(scaled_VP3).transpose(1, 2)], dim=1)


class FeatureBackbone(nn.Module):
    """What is compared between views. ``body`` lists its stages under the name that all families share."""

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = ((_MAPS, width), (width, width), (width, width))
        self.body = nn.ModuleList(
            nn.Sequential(nn.Conv2d(taken, given, 3, padding=1), nn.LeakyReLU(0.1)) for taken, given in sizes
        )

    def forward(self, maps_VCHW: Tensor) -> Tensor:
        for stage in self.body:
            maps_VCHW = stage(maps_VCHW)
        return maps_VCHW


class Regulariser(nn.Module):
    """Scores [D, H, W] of depths out of the variance [C, D, H, W] there and around, and of how windows of the maps
    correlate [4, D, H, W] (Guo et al. 2019 put both in one volume). Untrained, the best correlated depth."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(_SHARPNESS))
        self.first = nn.Conv3d(channels + _MAPS, width, 1)
        self.second = nn.Conv3d(width, width, 3, padding=1)
        self.last = nn.Conv3d(width, 1, 3, padding=1)
        nn.init.zeros_(self.last.weight)

    def forward(self, variance_CDHW: Tensor, alike_4DHW: Tensor) -> Tensor:
        # Variances span decades; what matters of them is which is least.
        taken_1CDHW = torch.cat([torch.log(variance_CDHW + 1e-3), alike_4DHW])[None]
        kept_1CDHW = nn.functional.leaky_relu(self.first(taken_1CDHW), 0.1)
        kept_1CDHW = kept_1CDHW + nn.functional.leaky_relu(self.second(kept_1CDHW), 0.1)
        score_DHW: Tensor = self.last(kept_1CDHW)[0, 0]
        return score_DHW + self.sharpness * alike_4DHW.mean(dim=0)


class MultiViewNetwork(nn.Module):
    """``width`` channels are compared between views; ``volume`` are those of the scores."""

    def __init__(self, *, width: int, volume: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.backbone = FeatureBackbone(width)
        self.dropout = nn.Dropout2d(dropout)
        self.compared = nn.Conv2d(width, width, 1)
        self.coarse = Regulariser(width + _MAPS, volume)
        self.fine = Regulariser(width + _MAPS, volume)

    def forward(
        self,
        maps_V4HW: Tensor,
        inside_VHW: Tensor,
        cameras: Cameras,
        range_2: Tensor,
        window: tuple[slice, slice] | None = None,
    ) -> Depths:
        """Of the first view, or of a ``window`` of its rows and columns. ``maps_V4HW`` are those of `photometric_maps`,
        ``range_2`` the nearest and the farthest depth that its surface may have."""
        seen_VCHW = normalised(maps_V4HW, inside_VHW, cameras)
        learnt_VCHW = self.compared(self.dropout(self.backbone(seen_VCHW)))
        feature_VCHW = torch.cat([seen_VCHW, learnt_VCHW], dim=1)
        reference_CHW = feature_VCHW[0]
        # The mask goes along as a channel: what is outside of it in a source is not shown there.
        source_SCHW = torch.cat([feature_VCHW, inside_VHW[:, None]], dim=1)[1:]
        if window is not None:
            reference_CHW, cameras = reference_CHW[:, window[0], window[1]], cameras.looking_at(window)
        interval = (range_2[1] - range_2[0]) / INTERVALS
        planes_D11 = torch.arange(0, INTERVALS + 1, _STEPS).to(range_2)[:, None, None]
        coarse_DHW = range_2[0] + interval * (planes_D11 + torch.zeros_like(reference_CHW[:1]))
        coarse_HW = _expected(self.coarse, reference_CHW, source_SCHW, cameras, coarse_DHW)
        closer_D11 = torch.arange(-_REACH, _REACH + _FINE, _FINE).to(range_2)[:, None, None]
        # What is looked at is no result of the first stage: each stage learns from its own error.
        fine_DHW = coarse_HW.detach()[None] + interval * closer_D11
        fine_HW = _expected(self.fine, reference_CHW, source_SCHW, cameras, fine_DHW)
        return Depths(coarse_HW=coarse_HW, fine_HW=fine_HW)


def _expected(
    regulariser: Regulariser, reference_CHW: Tensor, source_SCHW: Tensor, cameras: Cameras, depth_DHW: Tensor
) -> Tensor:
    found_SCDHW, shown_S1DHW = warped(source_SCHW, cameras, depth_DHW)
    shown_S1DHW = shown_S1DHW * found_SCDHW[:, -1:]
    apart_CDHW = variance(reference_CHW, found_SCDHW[:, :-1], shown_S1DHW)
    alike_4DHW = correlation(reference_CHW[:_MAPS], found_SCDHW[:, :_MAPS], shown_S1DHW, _WINDOW)
    return expected_depth(regulariser(apart_CDHW, alike_4DHW), depth_DHW)


def normalised(maps_V4HW: Tensor, inside_VHW: Tensor, cameras: Cameras) -> Tensor:
    """Albedo around 0 in units of its spread, so that a view's exposure is no matter, and normals in the world's axes,
    around their mean of all views [V, 4, H, W]; zeros outside the masks."""
    inside_V1HW = inside_VHW[:, None]
    count_V = inside_VHW.sum(dim=(1, 2)).clamp(min=1)[:, None, None, None]
    albedo_V1HW = maps_V4HW[:, :1] * inside_V1HW
    level_V = (albedo_V1HW.sum(dim=(1, 2, 3), keepdim=True) / count_V).clamp(min=1e-6)
    relative_V1HW = (albedo_V1HW / level_V - 1) * inside_V1HW
    spread_V = ((relative_V1HW**2).sum(dim=(1, 2, 3), keepdim=True) / count_V + 1e-4).sqrt()
    # From the lights' axes (y UP, z to the camera) to the camera's, and from these to the world's.
    flip_3 = torch.tensor([1.0, -1.0, -1.0]).to(maps_V4HW)
    normal_V3HW = torch.einsum("vji,vjhw->vihw", cameras.rotation_V33, maps_V4HW[:, 1:] * flip_3[:, None, None])
    normal_V3HW = normal_V3HW * inside_V1HW
    mean_3 = normal_V3HW.sum(dim=(0, 2, 3)) / inside_VHW.sum().clamp(min=1)
    leaning_V3HW = _STEEP * (normal_V3HW - mean_3[:, None, None]) * inside_V1HW
    return torch.cat([relative_V1HW / spread_V, leaning_V3HW], dim=1)
