"""Pictures of several cameras brought onto planes before one of them, in operators that every exporter can carry.

Legend: V views, S source views, C channels, D depths, H, W rows and columns, 3 the axes.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

# Of a window's variance: below it, noise would correlate as well as print. Maps have a spread of about 1.
_FLAT = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class Cameras:
    """Pinhole cameras that see a point p at K (R p + t), the reference first. Any unit of length."""

    intrinsics_V33: Tensor
    rotation_V33: Tensor
    translation_V3: Tensor

    def looking_at(self, window: tuple[slice, slice]) -> "Cameras":
        """The same, whose reference shows only these rows and columns."""
        corner_3 = self.intrinsics_V33.new_tensor([window[1].start, window[0].start, 0])
        intrinsics_V33 = self.intrinsics_V33.clone()
        intrinsics_V33[0, :, 2] -= corner_3
        return replace(self, intrinsics_V33=intrinsics_V33)


def rays_of(intrinsics_33: Tensor, height: int, width: int) -> Tensor:
    """What one unit of depth is, in the camera's axes, at each pixel [H, W, 3]: K inverted, in closed form."""
    rows_H1 = torch.arange(height).to(intrinsics_33)[:, None]
    columns_1W = torch.arange(width).to(intrinsics_33)[None]
    down_HW = ((rows_H1 - intrinsics_33[1, 2]) / intrinsics_33[1, 1]) + torch.zeros_like(columns_1W)
    across_HW = (columns_1W - intrinsics_33[0, 2] - intrinsics_33[0, 1] * down_HW) / intrinsics_33[0, 0]
    return torch.stack([across_HW, down_HW, torch.ones_like(across_HW)], dim=-1)


def warped(values_SCHW: Tensor, cameras: Cameras, depth_DHW: Tensor) -> tuple[Tensor, Tensor]:
    """The sources' values where the reference's pixels would lie at these depths [S, C, D, H, W], and 1 where a source
    shows the place [S, 1, D, H, W]. Planes before the reference make homographies of it (Collins 1996); depths may
    differ from pixel to pixel."""
    count, channels, source_height, source_width = values_SCHW.shape
    depths, height, width = depth_DHW.shape
    rays_HW3 = rays_of(cameras.intrinsics_V33[0], height, width)
    # From the reference's axes to each source's: R_s R_0^T, and what is left of both translations.
    turn_S33 = cameras.rotation_V33[1:] @ cameras.rotation_V33[0].T
    way_S3 = cameras.translation_V3[1:] - turn_S33 @ cameras.translation_V3[0]
    seen_S33 = cameras.intrinsics_V33[1:] @ turn_S33
    start_S3 = (cameras.intrinsics_V33[1:] @ way_S3[..., None])[..., 0]
    along_SHW3 = torch.einsum("sij,hwj->shwi", seen_S33, rays_HW3)
    place_SDHW3 = along_SHW3[:, None] * depth_DHW[None, ..., None] + start_S3[:, None, None, None]
    behind_SDHW = place_SDHW3[..., 2].clamp(min=1e-6)
    across_SDHW = place_SDHW3[..., 0] / behind_SDHW * (2 / (source_width - 1)) - 1
    down_SDHW = place_SDHW3[..., 1] / behind_SDHW * (2 / (source_height - 1)) - 1
    at_SNW2 = torch.stack([across_SDHW, down_SDHW], dim=-1).reshape(count, depths * height, width, 2)
    found_SCNW = nn.functional.grid_sample(values_SCHW, at_SNW2, padding_mode="border", align_corners=True)
    shown_SDHW = (across_SDHW.abs() <= 1) & (down_SDHW.abs() <= 1) & (place_SDHW3[..., 2] > 0)
    return (
        found_SCNW.reshape(count, channels, depths, height, width),
        shown_SDHW.to(values_SCHW.dtype)[:, None],
    )


def variance(reference_CHW: Tensor, found_SCDHW: Tensor, shown_S1DHW: Tensor) -> Tensor:
    """How the views differ at each depth [C, D, H, W]: their variance (Yao et al. 2018, eq. 2), of those that show the
    place; any number of sources, in any order."""
    own_C1HW = reference_CHW[:, None]
    number_1DHW = 1 + shown_S1DHW.sum(dim=0)
    mean_CDHW = (own_C1HW + (found_SCDHW * shown_S1DHW).sum(dim=0)) / number_1DHW
    apart_CDHW = (own_C1HW - mean_CDHW) ** 2 + (((found_SCDHW - mean_CDHW) ** 2) * shown_S1DHW).sum(dim=0)
    return apart_CDHW / number_1DHW


def expected_depth(score_DHW: Tensor, depth_DHW: Tensor) -> Tensor:
    """The mean of the depths, each as probable as its score says (soft-argmin, Kendall et al. 2017, eq. 1)."""
    return (torch.softmax(score_DHW, dim=0) * depth_DHW).sum(dim=0)


def correlation(reference_CHW: Tensor, found_SCDHW: Tensor, shown_S1DHW: Tensor, window: int) -> Tensor:
    """How windows around a pixel correlate between the reference and the sources [C, D, H, W], from -1 to 1: the mean
    over the sources that show the place, without brightness and contrast; -1 where none does."""

    def around(values: Tensor) -> Tensor:
        flat = values.reshape(-1, 1, *values.shape[-2:])
        mean: Tensor = nn.functional.avg_pool2d(flat, window, 1, window // 2, count_include_pad=False)
        return mean.reshape(values.shape)

    own_C1HW = reference_CHW[:, None]
    mean_C1HW, mean_SCDHW = around(own_C1HW), around(found_SCDHW)
    own_spread = around(own_C1HW**2) - mean_C1HW**2
    spread = around(found_SCDHW**2) - mean_SCDHW**2
    shared = around(own_C1HW * found_SCDHW) - mean_C1HW * mean_SCDHW
    alike_SCDHW = shared / ((own_spread.clamp(min=0) + _FLAT) * (spread.clamp(min=0) + _FLAT)).sqrt()
    number_1DHW = shown_S1DHW.sum(dim=0)
    mean_CDHW = (alike_SCDHW * shown_S1DHW).sum(dim=0) / number_1DHW.clamp(min=1e-6)
    return torch.where(number_1DHW > 0, mean_CDHW, torch.full_like(mean_CDHW, -1.0))
