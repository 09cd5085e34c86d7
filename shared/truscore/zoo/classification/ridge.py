"""A linear score of grades in closed form: where training of a linear head begins.

A few hundred images tell less than the features of a published body ask: there a ridge regression with the strength
that predicts held-out images best (Hoerl & Kennard 1970) is better than what steps of an optimizer find from nothing.

Legend: N images, F features, T thresholds between T + 1 grades; grades are places, from 0.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_MOST_STRETCH = 2.0
_TELLING = 0.9  # of the mean's absolute error
_LEAST_DEVIATION = 0.25  # grades; graders themselves differ by more


@dataclass(frozen=True, kw_only=True, slots=True)
class LinearScore:
    """A grade is about ``features @ weight_F + offset``, off by ``deviation`` (root mean square, in grades)."""

    weight_F: Tensor
    offset: float
    deviation: float

    def logits(self, loss: str, thresholds: int) -> tuple[Tensor, Tensor]:
        """Slope and offset of each output of a head of this loss, [T] each (``cross_entropy``: [T + 1]), as functions
        of the score: errors are taken as logistic, for ``cross_entropy`` as normal."""
        width = self.deviation * math.sqrt(3) / math.pi
        if loss == "cross_entropy":
            place_K = torch.arange(thresholds + 1, dtype=torch.float64)
            return place_K / self.deviation**2, -(place_K**2) / (2 * self.deviation**2)
        beyond_T = torch.arange(thresholds, dtype=torch.float64) + 0.5
        slope_T = torch.full_like(beyond_T, 1 / width)
        if loss == "coral":
            return slope_T, -beyond_T * slope_T
        # Beyond one threshold, given that it is beyond the one before: the tangent where it is beyond by one half.
        before = 1 / (1 + math.exp(-1 / width))
        given = 0.5 / before
        steepness = (before - 0.5) / (1 - given) / width
        conditional_T = torch.full_like(beyond_T, steepness)
        offset_T = math.log(given / (1 - given)) - beyond_T * conditional_T
        # The first has no condition.
        conditional_T[0], offset_T[0] = slope_T[0], -beyond_T[0] * slope_T[0]
        return conditional_T, offset_T


def ridge_score(features_NF: Tensor, grade_N: Tensor) -> LinearScore:
    """Fit to standardised features and grades, N at least 1.

    The strength is the one with the least mean absolute error on images left out one at a time (Allen 1974, "The
    relationship between variable selection and data augmentation", in closed form). A regression draws towards the
    mean; the score is stretched until scores of images left out spread as grades do, at most twofold, so that the ends
    of the scale are given; not where features tell next to nothing.
    """
    features_NF, grade_N = features_NF.double(), grade_N.double()
    mean = grade_N.mean()
    kernel_NN = features_NF @ features_NF.T / features_NF.shape[1]
    fits = [_left_out(kernel_NN, grade_N - mean, strength) for strength in STRENGTHS]
    dual_N, error_N = min(fits, key=lambda fit: fit[1].abs().mean().item())
    guess_N = grade_N - error_N
    stretch = 1.0
    # One that is hardly better than the mean says next to nothing, and nothing more is made of it.
    if error_N.abs().mean() < _TELLING * (grade_N - mean).abs().mean():
        stretch = float((grade_N.std(correction=0) / guess_N.std(correction=0)).clamp(1.0, _MOST_STRETCH))
    deviation = (grade_N - mean - stretch * (guess_N - mean)).square().mean().sqrt()
    return LinearScore(
        weight_F=stretch * (features_NF.T @ dual_N) / features_NF.shape[1],
        offset=float(mean),
        deviation=max(float(deviation), _LEAST_DEVIATION),
    )


def _left_out(kernel_NN: Tensor, centred_N: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """The dual coefficients, and what each image is off by when it is left out."""
    identity_NN = torch.eye(len(kernel_NN), dtype=kernel_NN.dtype)
    inverse_NN = torch.linalg.inv(kernel_NN + strength * identity_NN)
    dual_N = inverse_NN @ centred_N
    return dual_N, dual_N / inverse_NN.diagonal()
