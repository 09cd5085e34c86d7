"""A card's centring and its uncertainty, from the corners of its two borders, as a graph can compute it.

The same as ``truscore.metrics.centring``: the card is brought to the unit square by the projective map of its corners
(Heckbert 1989, "Fundamentals of Texture Mapping and Image Warping", section 2.2.3).

Legend: N detections, 42 four corners of x and y, 2 left and right, top and bottom.
"""

import torch
from torch import Tensor

OUTER, GRAPHICAL = 1, 2
_OPPOSITE = ((3, 1), (0, 2))  # left and right, top and bottom, among sides in order top, right, bottom, left


def centring(found: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """[2] percent of the left and of the upper margin, and [2] their standard deviations in percentage points, of the
    surest card edge and the surest printed border; NaN where one of the four sides that it takes has no line."""
    outer_1, is_outer = _surest(found, OUTER)
    inner_1, is_inner = _surest(found, GRAPHICAL)
    # One more, for pictures in which nothing was found.
    square = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]], device=found["boxes"].device)
    corners_N42 = torch.cat([found["corners"], square])
    none_14 = torch.zeros(1, 4, device=square.device)
    confidence_N4 = torch.cat([found["line_confidence"], none_14])
    deviation_N4 = torch.cat([found["line_deviation"], none_14])
    outer_42 = corners_N42.index_select(0, outer_1)[0]
    inner_42 = _in_unit_square(outer_42, corners_N42.index_select(0, inner_1)[0])
    side_4 = (outer_42[[1, 2, 3, 0]] - outer_42).square().sum(dim=1).sqrt().clamp(min=1e-3)
    length_2 = torch.stack([(side_4[0] + side_4[2]) / 2, (side_4[1] + side_4[3]) / 2])
    near_2 = torch.stack([inner_42[[0, 3], 0].mean(), inner_42[[0, 1], 1].mean()]).clamp(min=0)
    far_2 = (1 - torch.stack([inner_42[[1, 2], 0].mean(), inner_42[[2, 3], 1].mean()])).clamp(min=0)
    both_2 = near_2 + far_2
    share_2 = 100 * near_2 / both_2.clamp(min=1e-6)
    # In shares of the card, of the margin's two sides.
    outer_off_4, inner_off_4 = (deviation_N4.index_select(0, at)[0] for at in (outer_1, inner_1))
    variances_4 = outer_off_4.square() + inner_off_4.square()
    near_4, far_4 = ([pair[at] for pair in _OPPOSITE] for at in (0, 1))
    variance_near_2, variance_far_2 = variances_4[near_4] / length_2**2, variances_4[far_4] / length_2**2
    spread_2 = 100 * (far_2**2 * variance_near_2 + near_2**2 * variance_far_2).sqrt() / both_2.clamp(min=1e-6) ** 2
    sure_4 = torch.minimum(confidence_N4.index_select(0, outer_1)[0], confidence_N4.index_select(0, inner_1)[0])
    known_2 = (torch.minimum(sure_4[near_4], sure_4[far_4]) > 0) & is_outer & is_inner & (both_2 > 1e-3)
    unknown_2 = torch.full_like(share_2, float("nan"))
    return torch.where(known_2, share_2, unknown_2), torch.where(known_2, spread_2, unknown_2)


def _surest(found: dict[str, Tensor], label: int) -> tuple[Tensor, Tensor]:
    """[1] which detection of the label has the highest score, and whether there is one; one past the last if not."""
    scores_N = torch.where(found["labels"] == label, found["scores"], torch.zeros_like(found["scores"]))
    scores = torch.cat([scores_N, scores_N.new_full((1,), 1e-6)])
    # Of a row: TensorRT finds no largest of less than two dimensions.
    return scores[None].argmax(dim=1), scores.amax() > 2e-6


def _in_unit_square(outer_42: Tensor, points_42: Tensor) -> Tensor:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = (outer_42[at].unbind() for at in range(4))
    dx1, dx2, sx = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, sy = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    turn = dx1 * dy2 - dx2 * dy1
    turn = torch.where(turn.abs() < 1e-6, torch.full_like(turn, 1e-6), turn)
    g, h = (sx * dy2 - dx2 * sy) / turn, (dx1 * sy - sx * dy1) / turn
    a, b, c = x1 - x0 + g * x1, x3 - x0 + h * x3, x0
    d, e, f = y1 - y0 + g * y1, y3 - y0 + h * y3, y0
    # The adjugate undoes the map from the unit square but for a factor, which the quotient takes off.
    x_4, y_4 = points_42.unbind(dim=1)
    u_4 = (e - f * h) * x_4 + (c * h - b) * y_4 + (b * f - c * e)
    v_4 = (f * g - d) * x_4 + (a - c * g) * y_4 + (c * d - a * f)
    w_4 = (d * h - e * g) * x_4 + (b * g - a * h) * y_4 + (a * e - b * d)
    w_4 = torch.where(w_4.abs() < 1e-9, torch.full_like(w_4, 1e-9), w_4)
    return torch.stack([u_4 / w_4, v_4 / w_4], dim=1)
