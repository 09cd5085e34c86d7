"""From slopes to a height within a network: a weighted Poisson equation, in operators that every exporter can carry.

Legend: B objects, H height, W width of the picture, rows downward; 3 the axes x right, y UP, z to the camera.
"""

from typing import Any

import torch
from torch import Tensor, nn

STEEPEST = 0.05  # of z: a surface seen at more than 87 degrees has no slope that a pixel can hold
_STEPS = 24  # of conjugate gradients; one is exact on a whole rectangle whose edges all count the same
_TINY = 1e-30

Edges = tuple[Tensor, Tensor]  # between neighbours of a row [B, H, W - 1], and of a column [B, H - 1, W]


def slopes(normals_BHW3: Tensor) -> tuple[Tensor, Tensor]:
    """How the height grows from a pixel to its right and to its lower neighbour, each [B, H, W]."""
    x_BHW, y_BHW, z_BHW = normals_BHW3.unbind(dim=-1)
    steep_BHW = z_BHW.clamp(min=STEEPEST)
    return -x_BHW / steep_BHW, y_BHW / steep_BHW


def between(right_BHW: Tensor, down_BHW: Tensor, certain_BHW: Tensor) -> Edges:
    """The mean of each two neighbours, as certain as they are."""
    across, along = (right_BHW * certain_BHW, down_BHW * certain_BHW)
    return (
        (across[:, :, 1:] + across[:, :, :-1]) / (certain_BHW[:, :, 1:] + certain_BHW[:, :, :-1]),
        (along[:, 1:] + along[:, :-1]) / (certain_BHW[:, 1:] + certain_BHW[:, :-1]),
    )


def certainty(normals_BHW3: Tensor) -> Tensor:
    """Of slopes, by the square of z: an angle is worth more height the steeper a surface stands (Cao 2022, eq. 4)."""
    return normals_BHW3[..., 2].clamp(min=STEEPEST) ** 2


def integrable(normals_BHW3: Tensor, inside_BHW: Tensor) -> Tensor:
    """The normals [B, H, W, 3] of the surface that these fit best."""
    certain_BHW = certainty(normals_BHW3)
    weight = edges_certain(certain_BHW, inside_BHW)
    height_BHW = integrated(between(*slopes(normals_BHW3), certain_BHW), weight)
    return normals_of(height_BHW, edges_inside(inside_BHW)).to(normals_BHW3.dtype)


def edges_certain(certain_BHW: Tensor, inside_BHW: Tensor) -> Edges:
    """How certain both ends of an edge are together; 0 where one is not inside."""
    across, along = edges_inside(inside_BHW)
    right, left = certain_BHW[:, :, 1:], certain_BHW[:, :, :-1]
    below, above = certain_BHW[:, 1:], certain_BHW[:, :-1]
    return across * 2 * right * left / (right + left), along * 2 * below * above / (below + above)


def edges_inside(inside_BHW: Tensor) -> Edges:
    """1 where both neighbours are inside, else 0."""
    return inside_BHW[:, :, 1:] * inside_BHW[:, :, :-1], inside_BHW[:, 1:] * inside_BHW[:, :-1]


def differences(height_BHW: Tensor) -> Edges:
    return height_BHW[:, :, 1:] - height_BHW[:, :, :-1], height_BHW[:, 1:] - height_BHW[:, :-1]


def integrated(target: Edges, weight: Edges) -> Tensor:
    """The height [B, H, W] of least weighted squares over all edges, in doubles; 0 in the mean over the rectangle.

    Conjugate gradients of a fixed number of steps that the discrete cosine transform preconditions (Simchony 1990 gives
    that inverse). Its gradient is that of the exact solution, by the same equation solved for it once more.
    """
    doubled = [each.double() for each in (*target, *weight)]
    if torch.is_grad_enabled() and any(each.requires_grad for each in doubled):
        height_BHW: Tensor = _Integrated.apply(*doubled)
        return height_BHW
    return _solved(_divergence((doubled[2] * doubled[0], doubled[3] * doubled[1])), (doubled[2], doubled[3]))


def normals_of(height_BHW: Tensor, weight: Edges) -> Tensor:
    """Unit normals [B, H, W, 3] of the height: the mean slope to both neighbours, as far as their edges count."""
    across, along = differences(height_BHW)
    right_BHW = _mean_of_both(across, weight[0].to(height_BHW.dtype), dim=2)
    down_BHW = _mean_of_both(along, weight[1].to(height_BHW.dtype), dim=1)
    upward_BHW3 = torch.stack([-right_BHW, down_BHW, torch.ones_like(right_BHW)], dim=-1)
    return upward_BHW3 / (upward_BHW3 * upward_BHW3).sum(dim=-1, keepdim=True).sqrt()


def _mean_of_both(edge: Tensor, there: Tensor, *, dim: int) -> Tensor:
    before, after = ((1, 0, 0, 0), (0, 1, 0, 0)) if dim == 2 else ((0, 0, 1, 0), (0, 0, 0, 1))
    pad = nn.functional.pad
    total = pad(edge * there, before) + pad(edge * there, after)
    return total / (pad(there, before) + pad(there, after)).clamp(min=1e-9)


class _Integrated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, across: Tensor, along: Tensor, weight_across: Tensor, weight_along: Tensor) -> Tensor:
        weight = (weight_across, weight_along)
        height_BHW = _solved(_divergence((weight_across * across, weight_along * along)), weight)
        ctx.save_for_backward(across, along, weight_across, weight_along, height_BHW)
        return height_BHW

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, ...]:
        across, along, weight_across, weight_along, height_BHW = ctx.saved_tensors
        pull = differences(_solved(upstream[0], (weight_across, weight_along)))
        grown = differences(height_BHW)
        return (
            weight_across * pull[0],
            weight_along * pull[1],
            pull[0] * (across - grown[0]),
            pull[1] * (along - grown[1]),
        )


def _divergence(edge: Edges) -> Tensor:
    """What flows into each pixel less what flows out [B, H, W]: the transpose of taking differences."""
    pad = nn.functional.pad
    across, along = edge
    return pad(across, (1, 0)) - pad(across, (0, 1)) + pad(along, (0, 0, 1, 0)) - pad(along, (0, 0, 0, 1))


def _solved(right_BHW: Tensor, weight: Edges) -> Tensor:
    """Of the weighted Laplacian and the right side."""
    invert = _CosineInverse(right_BHW)

    def laplacian(values_BHW: Tensor) -> Tensor:
        across, along = differences(values_BHW)
        return _divergence((weight[0] * across, weight[1] * along))

    height_BHW = torch.zeros_like(right_BHW)
    rest_BHW = right_BHW
    step_BHW = invert(rest_BHW)
    direction_BHW = step_BHW
    fit_B11 = _dot(rest_BHW, step_BHW)
    # Where nothing is left to be fitted, a further step would divide nothing by nothing.
    goal_B11 = 1e-20 * fit_B11 + _TINY
    for _ in range(_STEPS):
        turned_BHW = laplacian(direction_BHW)
        length_B11 = fit_B11 / (_dot(direction_BHW, turned_BHW) + _TINY) * (fit_B11 > goal_B11)
        height_BHW = height_BHW + length_B11 * direction_BHW
        rest_BHW = rest_BHW - length_B11 * turned_BHW
        step_BHW = invert(rest_BHW)
        before_B11, fit_B11 = fit_B11, _dot(rest_BHW, step_BHW)
        direction_BHW = step_BHW + fit_B11 / (before_B11 + _TINY) * direction_BHW
    return height_BHW


def _dot(a_BHW: Tensor, b_BHW: Tensor) -> Tensor:
    return (a_BHW * b_BHW).sum(dim=(1, 2), keepdim=True)


class _CosineInverse:
    """The inverse of the Laplacian of a whole rectangle with free rims, as two products with a matrix for each side:
    sizes may be of any number, and no transform has to be known to a runtime."""

    def __init__(self, like_BHW: Tensor) -> None:
        self._down_HH, down_H = _waves(like_BHW[0, :, 0])
        self._across_WW, across_W = _waves(like_BHW[0, 0, :])
        total_HW = down_H[:, None] + across_W[None, :]
        # The mean, which no slope tells, is left at 0.
        self._inverse_HW = torch.where(total_HW > 1e-12, 1 / total_HW.clamp(min=1e-12), torch.zeros_like(total_HW))

    def __call__(self, values_BHW: Tensor) -> Tensor:
        waves_BHW = self._down_HH @ values_BHW @ self._across_WW.T * self._inverse_HW
        return self._down_HH.T @ waves_BHW @ self._across_WW


def _waves(like_N: Tensor) -> tuple[Tensor, Tensor]:
    """The orthonormal DCT-II as a matrix [N, N], and the Laplacian's eigenvalues [N]."""
    at_N = torch.ones_like(like_N).cumsum(dim=0) - 1
    count = torch.ones_like(like_N).sum()
    waves_NN = torch.cos(torch.pi * at_N[:, None] * (2 * at_N[None, :] + 1) / (2 * count)) * (2 / count).sqrt()
    scale_N = torch.where(at_N > 0.5, torch.ones_like(at_N), torch.full_like(at_N, 0.5).sqrt())
    return waves_NN * scale_N[:, None], 2 - 2 * torch.cos(torch.pi * at_N / count)
