"""A line in narrow strips of original pixels, placed to a fraction of one, as a graph can do it.

The derivative of a Gaussian across the strip (Canny 1986, "A Computational Approach to Edge Detection", section IV) is
averaged in pieces of the line; the peak of each, by a parabola through three samples, is a point, and a line is laid
through these by weighted least squares, reweighted as Huber (1964) does. ``truscore.border_lines.line_fit`` does the
same on arrays, for labels.

Legend: S strips, C channels, A offsets, L places along, P pieces, 2 offset and slope.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

STEP_PX = 0.5
REACH_PX = 8.0
NEAR_PX = 3.0  # of the expected line, where a piece's own peak may lie
SIGMA_PX = 1.2
PLACES = 256
PIECES = 32
HUBER_PX = 0.5
ROUNDS = 6
LEAST_CONTRAST = 4.0 / 255  # a pixel of the averaged derivative: paper and sleeves have less
LEAST_SHARE = 0.4  # of the pieces, that have to lie on the line


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """``first_S`` and ``last_S``: offsets in pixels at the strip's two ends. ``share_S``: of the pieces that lie on the
    line. ``deviation_S``: standard error of the line's middle in pixels. ``there_S``: whether there is an edge at all;
    where there is none, the offsets are 0.
    """

    first_S: Tensor
    last_S: Tensor
    share_S: Tensor
    deviation_S: Tensor
    there_S: Tensor


def offsets() -> Tensor:
    """[A] in pixels."""
    count = int(REACH_PX / STEP_PX)
    return torch.arange(-count, count + 1, dtype=torch.float32) * STEP_PX


def place_lines(strips_SCAL: Tensor, inside_S1AL: Tensor) -> Placed:
    """The edge nearest to being the strip's middle row; strips are cut at ``offsets`` and PLACES."""
    derived_SCAP = _derivative(strips_SCAL)
    usable_S1AP = -nn.functional.max_pool2d(-inside_S1AL, (1, PLACES // PIECES))
    offset_A = offsets().to(strips_SCAL.device)
    near_A = (offset_A.abs() <= NEAR_PX).to(strips_SCAL)
    # Which way colour changes: that of the whole line's strongest row, weighed to the middle.
    mean_SCA = (derived_SCAP * usable_S1AP).mean(dim=-1)
    length_SA = mean_SCA.square().sum(dim=1).sqrt()
    weight_A = near_A * torch.exp(-0.5 * (offset_A / (NEAR_PX / 1.5)) ** 2)
    row_S = (length_SA * weight_A).argmax(dim=1)
    toward_SC1 = mean_SCA.gather(2, row_S[:, None, None].expand(-1, mean_SCA.shape[1], 1))
    contrast_S = toward_SC1.square().sum(dim=(1, 2)).sqrt()
    toward_SC1 = toward_SC1 / contrast_S[:, None, None].clamp(min=1e-6)
    signed_SAP = (derived_SCAP * toward_SC1[..., None]).sum(dim=1) * usable_S1AP[:, 0]
    point_SP, valid_SP = _peaks(signed_SAP, near_A)
    return _line(point_SP, valid_SP, contrast_S)


def _derivative(strips_SCAL: Tensor) -> Tensor:
    """[S, C, A, P]: a pixel of each piece's mean, along growing offsets."""
    mean_SCAP = nn.functional.avg_pool2d(strips_SCAL, (1, PLACES // PIECES))
    reach = int(3 * SIGMA_PX / STEP_PX)
    at_K = torch.arange(-reach, reach + 1, dtype=torch.float32, device=strips_SCAL.device) * STEP_PX
    kernel_K = at_K * torch.exp(-0.5 * (at_K / SIGMA_PX) ** 2)
    kernel_K = kernel_K / (kernel_K * at_K).sum()  # of a ramp of slope 1 it gives 1
    flat_N1AP = mean_SCAP.reshape(-1, 1, *mean_SCAP.shape[2:])
    padded = nn.functional.pad(flat_N1AP, (0, 0, reach, reach), mode="replicate")
    return nn.functional.conv2d(padded, kernel_K[None, None, :, None]).reshape(mean_SCAP.shape)


def _peaks(signed_SAP: Tensor, near_A: Tensor) -> tuple[Tensor, Tensor]:
    """[S, P] offsets in pixels of each piece's peak, and 1 where it is one."""
    height_SAP = signed_SAP * near_A[:, None] - 1e3 * (1 - near_A[:, None])
    row_SP = height_SAP.argmax(dim=1)
    before_SP, here_SP, after_SP = (signed_SAP.gather(1, (row_SP + step)[:, None])[:, 0] for step in (-1, 0, 1))
    curvature_SP = before_SP - 2 * here_SP + after_SP
    peak_SP = (here_SP > 0) & (curvature_SP < 0) & (here_SP >= before_SP) & (here_SP >= after_SP)
    shift_SP = 0.5 * (before_SP - after_SP) / torch.where(peak_SP, curvature_SP, -torch.ones_like(curvature_SP))
    offset_SP = (row_SP.to(signed_SAP) + shift_SP) * STEP_PX - REACH_PX
    return torch.where(peak_SP, offset_SP, torch.zeros_like(offset_SP)), peak_SP.to(signed_SAP)


def _line(point_SP: Tensor, valid_SP: Tensor, contrast_S: Tensor) -> Placed:
    place_P = torch.linspace(-0.5, 0.5, PIECES, device=point_SP.device)
    # Start from the median, as far as the many zeros of missing pieces let it be one.
    weight_SP = valid_SP
    level_S, slope_S = _least_squares(point_SP, weight_SP, place_P)
    off_SP = torch.zeros_like(point_SP)
    for _ in range(ROUNDS):
        off_SP = (point_SP - level_S[:, None] - slope_S[:, None] * place_P).abs()
        # Beyond four times Huber's limit a piece has found something else: it counts less still.
        weight_SP = valid_SP * (HUBER_PX / off_SP.clamp(min=HUBER_PX)) / (1 + (off_SP / (4 * HUBER_PX)) ** 2)
        level_S, slope_S = _least_squares(point_SP, weight_SP, place_P)
    off_SP = (point_SP - level_S[:, None] - slope_S[:, None] * place_P).abs()
    on_SP = valid_SP * (off_SP <= 2 * HUBER_PX).to(valid_SP)
    count_S = on_SP.sum(dim=1)
    variance_S = (on_SP * off_SP.square()).sum(dim=1) / (count_S - 2).clamp(min=1)
    share_S = count_S / PIECES
    there_S = (share_S >= LEAST_SHARE) & (contrast_S >= LEAST_CONTRAST)
    kept_S = there_S.to(level_S)
    # Pieces cover the strip from end to end; their middles don't.
    half_S = slope_S * 0.5 * PIECES / (PIECES - 1)
    return Placed(
        first_S=kept_S * (level_S - half_S),
        last_S=kept_S * (level_S + half_S),
        share_S=kept_S * share_S,
        deviation_S=(variance_S / count_S.clamp(min=1)).sqrt(),
        there_S=there_S,
    )


def _least_squares(point_SP: Tensor, weight_SP: Tensor, place_P: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted straight line: its level at place 0 and its slope."""
    total_S = weight_SP.sum(dim=1).clamp(min=1e-6)
    place_S = (weight_SP * place_P).sum(dim=1) / total_S
    level_S = (weight_SP * point_SP).sum(dim=1) / total_S
    from_SP = place_P - place_S[:, None]
    spread_S = (weight_SP * from_SP.square()).sum(dim=1)
    slope_S = (weight_SP * from_SP * (point_SP - level_S[:, None])).sum(dim=1) / spread_S.clamp(min=1e-3)
    return level_S - slope_S * place_S, slope_S
