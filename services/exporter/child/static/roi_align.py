"""RoIAlign (He et al. 2017, "Mask R-CNN", section 3) over a pyramid, by bilinear sampling: equal to torchvision's
`roi_align`, with a fixed number of samples or with as many as a region has pixels.

Legend: R regions, L levels, C channels, M side of a level's map, P places a side of a pooled region, N samples of a
place along one side.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from services.exporter.child.static.canvas import Canvas


@dataclass(frozen=True, kw_only=True, slots=True)
class Pooling:
    """``level_of`` says from which level each region is taken, ``scales`` are map's places to a pixel.

    ``samples`` of a place along one side; 0 for as many as it has pixels, rounded up. ``aligned``: half a pixel aside,
    and regions may be smaller than a pixel (torchvision's ``aligned``). ``longest_sides`` are what regions of a level
    have at most, in pixels, as the square root of their area: ``math.inf`` where the map alone bounds them.
    """

    scales: Sequence[float]
    level_of: Callable[[Tensor], Tensor]
    places: int
    samples: int
    aligned: bool = False
    longest_sides: Sequence[float] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Atlas:
    """All levels below one another, so that each region is sampled once, and what each region's level is."""

    maps_1CHW: Tensor
    rows_R: Tensor
    columns_R: Tensor
    top_R: Tensor


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
    widest = maps[0].shape[-1]
    levels = torch.cat([nn.functional.pad(level, (0, widest - level.shape[-1])) for level in maps], dim=2)
    atlas = _Atlas(maps_1CHW=levels, rows_R=rows_R, columns_R=columns_R, top_R=top_R)
    aside = 0.5 if pooling.aligned else 0.0
    scaled_R4 = boxes_R4 * scale_R[:, None] - aside
    if pooling.samples:
        return _fixed(pooling, atlas, scaled_R4)
    return _adaptive(pooling, atlas, scaled_R4, most=most_samples(pooling, canvas.side))


def most_samples(pooling: Pooling, side: int) -> int:
    """Of one place, along both sides together, that any region on a canvas of this side can have.

    A region of a level is no larger than the map, and its area no larger than what belongs to that level.
    """
    most = 1
    for scale, longest in zip(pooling.scales, pooling.longest_sides, strict=True):
        map_side = side * scale
        area = min((longest * scale) ** 2, map_side**2) * (1 + 1e-4)  # the level is chosen with a tolerance
        for down in range(1, math.ceil(map_side / pooling.places) + 1):
            # Of so many samples it is higher than one sample fewer would do for.
            across = map_side if down == 1 else min(map_side, area / ((down - 1) * pooling.places))
            most = max(most, down * math.ceil(across / pooling.places))
    return most


def _fixed(pooling: Pooling, atlas: _Atlas, scaled_R4: Tensor) -> Tensor:
    count = pooling.places * pooling.samples
    at_S = (torch.arange(count, dtype=torch.float32) + 0.5) / count
    x_RS = scaled_R4[:, :1] + _length(scaled_R4, 0, pooling)[:, None] * at_S
    y_RS = scaled_R4[:, 1:2] + _length(scaled_R4, 1, pooling)[:, None] * at_S
    sampled_CRSS = _sampled(atlas, y_RS, x_RS)
    split = sampled_CRSS.reshape(
        sampled_CRSS.shape[0], -1, pooling.places, pooling.samples, pooling.places, pooling.samples
    )
    return split.mean(dim=(3, 5)).transpose(0, 1)


def _adaptive(pooling: Pooling, atlas: _Atlas, scaled_R4: Tensor, *, most: int) -> Tensor:
    """The samples of each place one after another, row by row; regions that have fewer than ``most`` add nothing."""
    place_P = torch.arange(pooling.places, dtype=torch.float32)
    step_R, step_down_R = (_length(scaled_R4, axis, pooling) / pooling.places for axis in (0, 1))
    # None of a region without a side, which is 0.
    count_R = torch.ceil(step_R) * torch.ceil(step_down_R)
    across_R, down_R = (torch.ceil(step).clamp(min=1.0) for step in (step_R, step_down_R))
    total_CRPP = None
    for number in range(most):
        row_R = torch.floor(number / across_R)
        column_R = number - row_R * across_R
        x_RP = scaled_R4[:, :1] + step_R[:, None] * (place_P + ((column_R + 0.5) / across_R)[:, None])
        y_RP = scaled_R4[:, 1:2] + step_down_R[:, None] * (place_P + ((row_R + 0.5) / down_R)[:, None])
        share_R = (count_R > number).to(torch.float32) / count_R.clamp(min=1.0)
        added_CRPP = _sampled(atlas, y_RP, x_RP) * share_R[:, None, None]
        total_CRPP = added_CRPP if total_CRPP is None else total_CRPP + added_CRPP
    if total_CRPP is None:
        raise ValueError(f"{most} samples of a place; accepted is 1 or more")
    return total_CRPP.transpose(0, 1)


def _length(scaled_R4: Tensor, axis: int, pooling: Pooling) -> Tensor:
    length_R = scaled_R4[:, axis + 2] - scaled_R4[:, axis]
    return length_R if pooling.aligned else length_R.clamp(min=1.0)


def _sampled(atlas: _Atlas, y_RS: Tensor, x_RS: Tensor) -> Tensor:
    """[C, R, S, S] at all pairs of these places; 0 beyond the map. Samples stop at a level's own last places."""
    channels, height, width = atlas.maps_1CHW.shape[1:]
    x_RS, x_there_RS = _on_map(x_RS, atlas.columns_R)
    y_RS, y_there_RS = _on_map(y_RS, atlas.rows_R)
    across_RS = (x_RS * 2 + 1) / width - 1
    down_RS = ((y_RS + atlas.top_R[:, None]) * 2 + 1) / height - 1
    count = x_RS.shape[1]
    grid_RSS2 = torch.stack(
        [across_RS[:, None, :].expand(-1, count, -1), down_RS[:, :, None].expand(-1, -1, count)], dim=-1
    )
    sampled_CRS = nn.functional.grid_sample(
        atlas.maps_1CHW, grid_RSS2.reshape(1, -1, count, 2), padding_mode="border", align_corners=False
    )[0]
    return sampled_CRS.reshape(channels, -1, count, count) * (y_there_RS[:, :, None] * x_there_RS[:, None, :])


def _on_map(place_RS: Tensor, length_R: Tensor) -> tuple[Tensor, Tensor]:
    """Places within a map of so many, and 1 where a place lies on the map."""
    there_RS = ((place_RS >= -1.0) & (place_RS <= length_R[:, None])).to(torch.float32)
    return torch.minimum(place_RS.clamp(min=0.0), length_R[:, None] - 1), there_RS
