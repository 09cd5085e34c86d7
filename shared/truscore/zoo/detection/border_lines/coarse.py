"""Coarse quadrilaterals of what a detector found: the rectangles of its masks, where it has some.

Legend: N detections, M side of a mask before it is pasted, 2 x and y.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

_MOST_SINE = 0.45  # some 27 degrees: cards that are turned more are not what detectors of boxes are trained on


def coarse_corners(boxes_N4: Tensor, masks_N1MM: Tensor | None) -> Tensor:
    """[N, 4, 2], clockwise from the upper left: the rectangle that has the mask's moments; the box without masks.

    A rectangle's variance along an axis is a twelfth of its side squared. Its middle and sides are means over the whole
    mask, so they are nearer to the truth than a box is, which is one row of numbers that the head regressed.
    """
    half_N2 = (boxes_N4[:, 2:] - boxes_N4[:, :2]) / 2
    centre_N2 = boxes_N4[:, :2] + half_N2
    if masks_N1MM is None:
        cosine_N, sine_N = torch.ones_like(half_N2[:, 0]), torch.zeros_like(half_N2[:, 0])
        sides_N2 = half_N2
    else:
        moments = _moments(masks_N1MM[:, 0], 2 * half_N2)
        cosine_N, sine_N = _turn(moments)
        # A mask that is nearly empty says nothing: half the box's sides are better than none.
        sides_N2 = torch.maximum(_half_sides(moments, cosine_N, sine_N), half_N2 / 2)
        centre_N2 = boxes_N4[:, :2] + moments.middle_N2
    across_N2 = torch.stack([cosine_N, sine_N], dim=1) * sides_N2[:, :1]
    down_N2 = torch.stack([-sine_N, cosine_N], dim=1) * sides_N2[:, 1:]
    corners = (-across_N2 - down_N2, across_N2 - down_N2, across_N2 + down_N2, down_N2 - across_N2)
    return torch.stack([centre_N2 + corner_N2 for corner_N2 in corners], dim=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Moments:
    """Of masks, in pixels of the picture: their middles from the box's corner, and their variances about these."""

    middle_N2: Tensor
    xx_N: Tensor
    yy_N: Tensor
    xy_N: Tensor


def _moments(masks_NMM: Tensor, size_N2: Tensor) -> _Moments:
    side = masks_NMM.shape[-1]
    weight_NMM = (2 * masks_NMM - 0.5).clamp(0, 1)
    total_N11 = weight_NMM.sum(dim=(1, 2), keepdim=True)
    # Of an empty mask the whole box is taken.
    weight_NMM = torch.where(total_N11 > 1e-3, weight_NMM, torch.ones_like(weight_NMM))
    share_NMM = weight_NMM / weight_NMM.sum(dim=(1, 2), keepdim=True)
    place_M = (torch.arange(side, device=masks_NMM.device) + 0.5).to(masks_NMM) / side
    x_NM, y_NM = place_M * size_N2[:, :1], place_M * size_N2[:, 1:]
    middle_N2 = torch.stack([(share_NMM.sum(dim=1) * x_NM).sum(dim=1), (share_NMM.sum(dim=2) * y_NM).sum(dim=1)], dim=1)
    x_N1M, y_NM1 = (x_NM - middle_N2[:, :1])[:, None], (y_NM - middle_N2[:, 1:])[:, :, None]
    # A pixel is a square, not a point: it has a variance of its own.
    own_N2 = (size_N2 / side).square() / 12
    return _Moments(
        middle_N2=middle_N2,
        xx_N=(share_NMM * x_N1M.square()).sum(dim=(1, 2)) + own_N2[:, 0],
        yy_N=(share_NMM * y_NM1.square()).sum(dim=(1, 2)) + own_N2[:, 1],
        xy_N=(share_NMM * x_N1M * y_NM1).sum(dim=(1, 2)),
    )


def _turn(moments: _Moments) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the angle by which the mask's more level axis is turned, clockwise on the screen."""
    # Twice the angle of the long axis has cosine d / r and sine 2 xy / r; the level axis is a right angle away from it
    # where the long one stands upright.
    d_N = moments.xx_N - moments.yy_N
    r_N = (d_N.square() + 4 * moments.xy_N.square()).sqrt().clamp(min=1e-6)
    upright_N = torch.where(d_N < 0, -torch.ones_like(d_N), torch.ones_like(d_N))
    cosine_N = ((1 + d_N.abs() / r_N) / 2).sqrt()
    sine_N = (upright_N * moments.xy_N / r_N / cosine_N).clamp(-_MOST_SINE, _MOST_SINE)
    return (1 - sine_N.square()).sqrt(), sine_N


def _half_sides(moments: _Moments, cosine_N: Tensor, sine_N: Tensor) -> Tensor:
    """[N, 2] across and down, of the rectangle at this angle."""
    across_N = moments.xx_N * cosine_N.square() + moments.yy_N * sine_N.square()
    down_N = moments.xx_N * sine_N.square() + moments.yy_N * cosine_N.square()
    mixed_N = 2 * moments.xy_N * cosine_N * sine_N
    variance_N2 = torch.stack([across_N + mixed_N, down_N - mixed_N], dim=1)
    return (3 * variance_N2.clamp(min=1e-6)).sqrt()
