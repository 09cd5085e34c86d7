"""Coarse quadrilaterals of what a detector found: turned as its masks are, where it has some.

Legend: N detections, M side of a mask before it is pasted, 2 x and y.
"""

import torch
from torch import Tensor

_MOST_SINE = 0.45  # beyond some 27 degrees a box says too little of the sides of what is turned in it


def coarse_corners(boxes_N4: Tensor, masks_N1MM: Tensor | None) -> Tensor:
    """[N, 4, 2], clockwise from the upper left: the rectangle at the mask's angle that the box goes round; the box
    itself without masks.

    The angle is that of the mask's second moments; the sides a, b of a rectangle turned by t in a box of W and H
    solve W = a cos t + b sin t and H = a sin t + b cos t.
    """
    centre_N2 = (boxes_N4[:, :2] + boxes_N4[:, 2:]) / 2
    size_N2 = boxes_N4[:, 2:] - boxes_N4[:, :2]
    width_N, height_N = size_N2[:, 0], size_N2[:, 1]
    if masks_N1MM is None:
        cosine_N, sine_N = torch.ones_like(width_N), torch.zeros_like(width_N)
    else:
        cosine_N, sine_N = _turn(masks_N1MM[:, 0], size_N2)
    sine_N = sine_N.clamp(-_MOST_SINE, _MOST_SINE)
    cosine_N = (1 - sine_N.square()).sqrt()
    both_N = (cosine_N.square() - sine_N.square()).clamp(min=0.1)
    a_N = (width_N * cosine_N - height_N * sine_N.abs()) / both_N
    b_N = (height_N * cosine_N - width_N * sine_N.abs()) / both_N
    # Boxes that no such rectangle fits: half their sides are better than none.
    half_a_N, half_b_N = torch.maximum(a_N, width_N / 2) / 2, torch.maximum(b_N, height_N / 2) / 2
    across_N2 = torch.stack([cosine_N, sine_N], dim=1) * half_a_N[:, None]
    down_N2 = torch.stack([-sine_N, cosine_N], dim=1) * half_b_N[:, None]
    corners = (-across_N2 - down_N2, across_N2 - down_N2, across_N2 + down_N2, down_N2 - across_N2)
    return torch.stack([centre_N2 + corner_N2 for corner_N2 in corners], dim=1)


def _turn(masks_NMM: Tensor, size_N2: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the angle by which the mask's more level axis is turned, clockwise on the screen."""
    side = masks_NMM.shape[-1]
    weight_NMM = (2 * masks_NMM - 0.5).clamp(0, 1)
    total_N11 = weight_NMM.sum(dim=(1, 2), keepdim=True).clamp(min=1e-3)
    share_NMM = weight_NMM / total_N11
    place_M = (torch.arange(side, device=masks_NMM.device) + 0.5).to(masks_NMM) / side
    x_NM, y_NM = place_M * size_N2[:, :1], place_M * size_N2[:, 1:]
    x_N1M = (x_NM - (share_NMM.sum(dim=1) * x_NM).sum(dim=1, keepdim=True))[:, None]
    y_NM1 = (y_NM - (share_NMM.sum(dim=2) * y_NM).sum(dim=1, keepdim=True))[:, :, None]
    xx_N, yy_N, xy_N = (
        (share_NMM * product).sum(dim=(1, 2)) for product in (x_N1M.square(), y_NM1.square(), x_N1M * y_NM1)
    )
    # Twice the angle of the long axis has cosine d / r and sine 2 xy / r; the level axis is a right angle away from it
    # where the long one stands upright.
    d_N = xx_N - yy_N
    r_N = (d_N.square() + 4 * xy_N.square()).sqrt().clamp(min=1e-6)
    upright_N = torch.where(d_N < 0, -torch.ones_like(d_N), torch.ones_like(d_N))
    cosine_N = ((1 + d_N.abs() / r_N) / 2).sqrt()
    sine_N = upright_N * xy_N / r_N / cosine_N
    return cosine_N, sine_N
