"""Lambert's law solved within a network, in operators that every exporter can carry.

Legend: B objects, L lights, P pixels, 3 the axes x right, y UP, z to the camera.
"""

import torch
from torch import Tensor

HALF_A_STEP = 0.5 / 255  # of eight bits: darker samples are in shadow
_RIDGE = 1e-5  # of all weights together: keeps the system solvable where hardly a light is left
_CAUCHY = 2.385  # as the classical solver has it (Holland & Welsch 1977)
_SPREAD = 0.8  # of the mean residual; 1.25 would be right for a normal distribution, which residuals are not
# Of a pixel's typical sample. What a bright sample loses by eight bits, and what a dark one does: samples that are no
# farther off than that agree.
_LEAST_SPREAD, _LEAST_DISAGREEMENT = 1.5e-3, 5e-3
_STEPS = 12
_TINY = 1e-8


def lit_samples(samples_BLP: Tensor, level_BL: Tensor) -> Tensor:
    """1 where a sample is above what the camera adds and, where it takes away, above its zero; else 0."""
    floor_BL1 = level_BL.clamp(min=0)[..., None] + HALF_A_STEP
    return (samples_BLP > floor_BL1).to(samples_BLP.dtype)


def weighted_solve(
    values_BLP: Tensor,
    weights_BLP: Tensor,
    lights_BL3: Tensor,
    *,
    start_BP3: Tensor | None = None,
    trust_BP: Tensor | None = None,
    covariance_BL33: Tensor | None = None,
) -> Tensor:
    """Scaled normals [B, P, 3]: of least weighted squares, one 3 x 3 system a pixel, inverted by cofactors.

    With ``start_BP3`` the distance from it counts, too, as ``trust_BP`` of all a pixel's weights. With
    ``covariance_BL33`` lights are known no better than that, ``lights_BL3`` are their means, and the squares are
    expected ones: E(v - n d)^2 = (v - n m)^2 + n' C n (errors in variables).

    In doubles: where two lights are left, cofactors in floats are rounding errors, and two runtimes round otherwise.
    """
    kind = values_BLP.dtype
    values_BLP, weights_BLP, lights_BL3 = values_BLP.double(), weights_BLP.double(), lights_BL3.double()
    x_BL1, y_BL1, z_BL1 = (lights_BL3[..., axis, None] for axis in range(3))
    total_BP = weights_BLP.sum(dim=1)
    held_BP = torch.zeros_like(total_BP) if trust_BP is None else trust_BP.double() * total_BP
    ridge_BP = _RIDGE * total_BP + _TINY + held_BP
    a = (weights_BLP * x_BL1 * x_BL1).sum(dim=1) + ridge_BP
    b = (weights_BLP * x_BL1 * y_BL1).sum(dim=1)
    c = (weights_BLP * x_BL1 * z_BL1).sum(dim=1)
    d = (weights_BLP * y_BL1 * y_BL1).sum(dim=1) + ridge_BP
    e = (weights_BLP * y_BL1 * z_BL1).sum(dim=1)
    f = (weights_BLP * z_BL1 * z_BL1).sum(dim=1) + ridge_BP
    if covariance_BL33 is not None:
        xx, xy, xz, _, yy, yz, _, _, zz = (weights_BLP.transpose(1, 2) @ covariance_BL33.double().flatten(2)).unbind(
            dim=-1
        )
        a, b, c, d, e, f = a + xx, b + xy, c + xz, d + yy, e + yz, f + zz
    weighted_BLP = weights_BLP * values_BLP
    u, v, w = ((weighted_BLP * axis_BL1).sum(dim=1) for axis_BL1 in (x_BL1, y_BL1, z_BL1))
    if start_BP3 is not None:
        pulled_3BP = (held_BP[..., None] * start_BP3).unbind(dim=-1)
        u, v, w = u + pulled_3BP[0], v + pulled_3BP[1], w + pulled_3BP[2]
    aa, bb, cc = d * f - e * e, c * e - b * f, b * e - c * d
    dd, ee, ff = a * f - c * c, b * c - a * e, a * d - b * b
    # Positive: the system is a sum of squares and a ridge.
    determinant_BP = (a * aa + b * bb + c * cc).clamp(min=1e-30)
    solved_3BP = (aa * u + bb * v + cc * w, bb * u + dd * v + ee * w, cc * u + ee * v + ff * w)
    return torch.stack([each_BP / determinant_BP for each_BP in solved_3BP], dim=-1).to(kind)


def shading_of(scaled_BP3: Tensor, lights_BL3: Tensor) -> Tensor:
    """What Lambert's law makes of scaled normals [B, L, P]."""
    return torch.einsum("bpc,blc->blp", scaled_BP3, lights_BL3)


def robust_solve(
    values_BLP: Tensor, lit_BLP: Tensor, lights_BL3: Tensor, *, covariance_BL33: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Scaled normals [B, P, 3] and the weights [B, L, P] of iteratively reweighted least squares with Cauchy's weights,
    and the share of each pixel's lit samples that agree with its normal [B, 1, P].

    ``values_BLP`` are relative to each pixel's typical sample, so that the exposure changes nothing.

    The spread is a mean and not a median: graphs sort badly. Residuals count in it by their weights' squares, so that
    outliers lose what they have in it from step to step; with the weights alone a quarter of outliers doubles it.
    """
    weights_BLP = lit_BLP
    scaled_BP3 = weighted_solve(values_BLP, weights_BLP, lights_BL3, covariance_BL33=covariance_BL33)
    for _ in range(_STEPS):
        residual_BLP = (values_BLP - shading_of(scaled_BP3, lights_BL3)).abs()
        squared_BLP = weights_BLP * weights_BLP
        total_B1P = squared_BLP.sum(dim=1, keepdim=True)
        spread_B1P = _SPREAD * (squared_BLP * residual_BLP).sum(dim=1, keepdim=True) / (total_B1P + _TINY)
        spread_B1P = spread_B1P.clamp(min=_LEAST_SPREAD)
        spread_BLP = spread_B1P
        if covariance_BL33 is not None:
            # Else three lights that happen to agree with one normal would leave out all others.
            spread_BLP = (spread_B1P**2 + _unsure(scaled_BP3, covariance_BL33)).sqrt()
        weights_BLP = _weights(lit_BLP, residual_BLP, spread_BLP)
        scaled_BP3 = weighted_solve(values_BLP, weights_BLP, lights_BL3, covariance_BL33=covariance_BL33)
    # By a wider spread than normals are: a tight one leaves out of a clean pixel what rounding did to it.
    agreeing_BLP = _weights(lit_BLP, residual_BLP, spread_B1P.clamp(min=_LEAST_DISAGREEMENT))
    agreed_B1P = agreeing_BLP.sum(dim=1, keepdim=True) / lit_BLP.sum(dim=1, keepdim=True).clamp(min=1)
    return scaled_BP3, weights_BLP, agreed_B1P


def _unsure(scaled_BP3: Tensor, covariance_BL33: Tensor) -> Tensor:
    """Variance of what Lambert's law makes of scaled normals under lights that are not known [B, L, P]."""
    squares_BP9 = (scaled_BP3[..., :, None] * scaled_BP3[..., None, :]).flatten(2)
    return (covariance_BL33.flatten(2) @ squares_BP9.transpose(1, 2)).clamp(min=0)


def _weights(lit_BLP: Tensor, residual_BLP: Tensor, spread_BLP: Tensor) -> Tensor:
    return lit_BLP / (1 + (residual_BLP / (_CAUCHY * spread_BLP)) ** 2)


def unit(vectors_BP3: Tensor) -> Tensor:
    """Of length 1; (0, 0, 1) where there is nothing."""
    length_BP1 = (vectors_BP3 * vectors_BP3).sum(dim=-1, keepdim=True).clamp(min=1e-16).sqrt()
    upward_3 = vectors_BP3.new_tensor([0.0, 0.0, 1.0])
    return torch.where(length_BP1 > 1e-6, vectors_BP3 / length_BP1, upward_3)
