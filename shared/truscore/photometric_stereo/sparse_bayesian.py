"""Lambert's law plus errors that are mostly zero. N pixels, L lights."""

from __future__ import annotations

from functools import partial

import numpy as np

from truscore.photometric_stereo.least_squares import Array, Shading, check_lights, in_parts, shading_of, weighted_solve
from truscore.photometric_stereo.robust import HALF_A_STEP, lit

_NOISE = 1e-6  # variance of what is neither shading nor error
_ITERATIONS = 50
_CONVERGED = 1e-7


def sparse_bayesian(samples_NL: Array, directions_L3: Array, *, black_level: float | Array = 0.0) -> Shading:
    """Shading with a sparse error for each sample, whose variance is learned (Ikehata 2012, section 3.2).

    The prior of the normal is taken to be flat, which leaves weighted least squares with the variances as the weights'
    inverses: E-step and M-step alternate in closed form. Shadowed samples get no weight. Raises InvalidLights.
    """
    check_lights(samples_NL, directions_L3)
    solve = partial(_scaled_normals, directions_L3=directions_L3, black_level=black_level)
    return shading_of(in_parts(solve, samples_NL))


def _scaled_normals(samples_NL: Array, *, directions_L3: Array, black_level: float | Array) -> Array:
    lit_NL = lit(samples_NL, black_level)
    bright_N1 = np.maximum(samples_NL.max(axis=1, keepdims=True), HALF_A_STEP)
    level_NL = (samples_NL - black_level) / bright_N1
    outer_L9 = (directions_L3[:, :, None] * directions_L3[:, None, :]).reshape(-1, 9)
    variance_NL = np.ones_like(level_NL)
    scaled_N3 = np.zeros((len(level_NL), 3))
    for _ in range(_ITERATIONS):
        weights_NL = lit_NL / (variance_NL + _NOISE)
        before_N3, scaled_N3 = scaled_N3, weighted_solve(level_NL, weights_NL, directions_L3)
        if np.abs(scaled_N3 - before_N3).max(initial=0.0) < _CONVERGED:
            break
        # The error's mean is the share of the residual that its variance claims; its own spread is what that leaves,
        # and what the normal's uncertainty (the inverse of the system) adds along this light.
        claimed_NL = variance_NL / (variance_NL + _NOISE)
        mean_NL = claimed_NL * (level_NL - scaled_N3 @ directions_L3.T)
        spread_N33 = np.linalg.inv((weights_NL @ outer_L9).reshape(-1, 3, 3) + 1e-9 * np.eye(3))
        along_NL = spread_N33.reshape(-1, 9) @ outer_L9.T
        variance_NL = mean_NL**2 + claimed_NL * _NOISE + claimed_NL**2 * np.minimum(along_NL, 1.0)
    scaled: Array = scaled_N3 * bright_N1
    return scaled
