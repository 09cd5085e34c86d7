"""Strips of a picture along the sides of quadrilaterals, as a graph can cut them.

The same geometry as ``truscore.augmentation.border_strips``, which cuts them for training: rows are offsets from a
side, outward last, columns are places along it. Points are x, y in pixels; a pixel's own corners are whole numbers.

Legend: Q quadrilaterals, S sides (4 Q), C channels, H, W sides of the picture, A offsets, L places, 2 x and y.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

INSET = 0.08  # of a side, that is left out at either end: corners of cards are round


@dataclass(frozen=True, kw_only=True, slots=True)
class Sides:
    """Sides of quadrilaterals: where they start, the unit vectors along and out of them, their lengths in pixels."""

    start_S2: Tensor
    along_S2: Tensor
    outward_S2: Tensor
    length_S: Tensor

    def points(self, offset_S: Tensor, share: float) -> Tensor:
        """[S, 2]: at a share of each side's length, this far out of it."""
        place_S1 = self.length_S[:, None] * share
        return self.start_S2 + place_S1 * self.along_S2 + offset_S[:, None] * self.outward_S2


def sides_of(corners_Q42: Tensor) -> Sides:
    """In order top, right, bottom, left; corners are clockwise from the upper left."""
    start_S2 = corners_Q42.reshape(-1, 2)
    side_S2 = corners_Q42[:, [1, 2, 3, 0]].reshape(-1, 2) - start_S2
    # A corner that coincides with the next has no direction: its side is a point, not a number out of range.
    length_S = side_S2.square().sum(dim=1).sqrt().clamp(min=1e-3)
    along_S2 = side_S2 / length_S[:, None]
    outward_S2 = torch.stack([along_S2[:, 1], -along_S2[:, 0]], dim=1)
    return Sides(start_S2=start_S2, along_S2=along_S2, outward_S2=outward_S2, length_S=length_S)


def cut_strips(image_CHW: Tensor, sides: Sides, offsets_SA: Tensor, places: int) -> tuple[Tensor, Tensor]:
    """[S, C, A, L] bilinear samples, beyond the picture's edge its last pixel; [S, 1, A, L] 1 where the picture is."""
    share_L = torch.linspace(INSET, 1 - INSET, places, device=image_CHW.device)
    place_SL = sides.length_S[:, None] * share_L
    middle_SL2 = sides.start_S2[:, None] + place_SL[..., None] * sides.along_S2[:, None]
    point_SAL2 = middle_SL2[:, None] + (offsets_SA[..., None] * sides.outward_S2[:, None])[:, :, None]
    grid_SAL2 = point_SAL2 / picture_size(image_CHW).to(point_SAL2) * 2 - 1
    strips, rows = grid_SAL2.shape[0], offsets_SA.shape[1]
    # One picture, one grid: strips below one another, as the picture would else be copied for each.
    sampled_CRL = nn.functional.grid_sample(
        image_CHW[None], grid_SAL2.reshape(1, -1, places, 2), padding_mode="border", align_corners=False
    )[0]
    values_SCAL = sampled_CRL.reshape(-1, strips, rows, places).transpose(0, 1)
    inside_SAL = (grid_SAL2.abs() <= 1).all(dim=-1)
    return values_SCAL, inside_SAL[:, None].to(values_SCAL)


def picture_size(image_CHW: Tensor) -> Tensor:
    """[2] width and height in pixels, computed within the graph, which then takes pictures of any size."""
    if torch.compiler.is_exporting():
        return torch.stack(
            [torch.full((), side, dtype=torch.float32) for side in (image_CHW.shape[2], image_CHW.shape[1])]
        )
    return torch._shape_as_tensor(image_CHW)[-2:].flip(0)


def corners_from(starts_S2: Tensor, ends_S2: Tensor) -> Tensor:
    """[Q, 4, 2]: where each side's line meets that of the side before; nearly parallel ones meet at the side's start.

    Lines are given by a point near either end.
    """
    starts_Q42, ends_Q42 = starts_S2.reshape(-1, 4, 2), ends_S2.reshape(-1, 4, 2)
    before_start_Q42, before_end_Q42 = starts_Q42[:, [3, 0, 1, 2]], ends_Q42[:, [3, 0, 1, 2]]
    along_Q42, across_Q42 = ends_Q42 - starts_Q42, before_end_Q42 - before_start_Q42
    gap_Q42 = before_start_Q42 - starts_Q42
    turn_Q4 = _cross(along_Q42, across_Q42)
    scale_Q4 = along_Q42.square().sum(-1).sqrt() * across_Q42.square().sum(-1).sqrt()
    apart_Q4 = turn_Q4.abs() > 0.1 * scale_Q4
    share_Q4 = _cross(gap_Q42, across_Q42) / torch.where(apart_Q4, turn_Q4, torch.ones_like(turn_Q4))
    met_Q42 = starts_Q42 + share_Q4[..., None] * along_Q42
    return torch.where(apart_Q4[..., None], met_Q42, starts_Q42)


def _cross(one: Tensor, other: Tensor) -> Tensor:
    return one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]
