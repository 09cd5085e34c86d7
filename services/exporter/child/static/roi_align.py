"""RoIAlign (He et al. 2017, "Mask R-CNN", section 3) over a pyramid, in one bilinear sampling: equal to torchvision's
`roi_align` with a fixed number of samples.

Legend: R regions, L levels, C channels, M side of a level's map, P places a side of a pooled region, N samples of a
place along one side.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from services.exporter.child.static.canvas import Canvas


@dataclass(frozen=True, kw_only=True, slots=True)
class Pooling:
    """``level_of`` says from which level each region is taken, ``scales`` are map's places to a pixel."""

    scales: Sequence[float]
    level_of: Callable[[Tensor], Tensor]
    places: int
    samples: int


def roi_align(pooling: Pooling, maps_1CMM: Sequence[Tensor], canvas: Canvas, boxes_R4: Tensor) -> Tensor:
    """[R, C, P, P] from the finest maps, as many as there are scales; boxes are xyxy in pixels of the canvas."""
    maps = maps_1CMM[: len(pooling.scales)]
    regions = [canvas.region(level.shape[-1]) for level in maps]
    tops = [sum(level.shape[-1] for level in maps[:number]) for number in range(len(maps))]
    level_R = pooling.level_of(boxes_R4)
    scale_R, rows_R, columns_R, top_R = (
        torch.stack([torch.as_tensor(value, dtype=torch.float32) for value in values])[level_R]
        for values in (
            pooling.scales,
            [region.rows for region in regions],
            [region.columns for region in regions],
            [float(top) for top in tops],
        )
    )
    scaled_R4 = boxes_R4 * scale_R[:, None]
    x_RS, x_there_RS = _samples(scaled_R4[:, 0], scaled_R4[:, 2], columns_R, pooling)
    y_RS, y_there_RS = _samples(scaled_R4[:, 1], scaled_R4[:, 3], rows_R, pooling)
    # All levels below one another, so that each region is sampled once. Samples stop at a level's own last places.
    widest = maps[0].shape[-1]
    atlas_1CHW = torch.cat([nn.functional.pad(level, (0, widest - level.shape[-1])) for level in maps], dim=2)
    across_RS = (x_RS * 2 + 1) / widest - 1
    down_RS = ((y_RS + top_R[:, None]) * 2 + 1) / atlas_1CHW.shape[2] - 1
    count = pooling.places * pooling.samples
    grid_RSS2 = torch.stack(
        [across_RS[:, None, :].expand(-1, count, -1), down_RS[:, :, None].expand(-1, -1, count)], dim=-1
    )
    sampled_CRS = nn.functional.grid_sample(
        atlas_1CHW, grid_RSS2.reshape(1, -1, count, 2), padding_mode="border", align_corners=False
    )[0]
    channels = atlas_1CHW.shape[1]
    sampled_CRSS = sampled_CRS.reshape(channels, -1, count, count) * (y_there_RS[:, :, None] * x_there_RS[:, None, :])
    split = sampled_CRSS.reshape(channels, -1, pooling.places, pooling.samples, pooling.places, pooling.samples)
    return split.mean(dim=(3, 5)).transpose(0, 1)


def _samples(first_R: Tensor, last_R: Tensor, length_R: Tensor, pooling: Pooling) -> tuple[Tensor, Tensor]:
    """[R, P N] places along one side, within a map of so many, and 1 where a sample lies on the map."""
    count = pooling.places * pooling.samples
    at_S = (torch.arange(count, dtype=torch.float32) + 0.5) / count
    place_RS = first_R[:, None] + (last_R - first_R).clamp(min=1.0)[:, None] * at_S
    there_RS = ((place_RS >= -1.0) & (place_RS <= length_R[:, None])).to(torch.float32)
    return torch.minimum(place_RS.clamp(min=0.0), length_R[:, None] - 1), there_RS
