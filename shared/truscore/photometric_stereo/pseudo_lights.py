"""What views under lights that nobody measured tell by themselves: lights and normals, both up to one 3 x 3 matrix.

N pixels, L lights, 3 axes that have no name yet: those of the factorisation, the strongest last.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from truscore.photometric_stereo.least_squares import Array, InvalidLights, weighted_solve
from truscore.photometric_stereo.robust import CAUCHY, HALF_A_STEP, lit

LEAST_LIGHTS = 4
_PIXELS = 4000  # of the object, spread evenly: 3 L numbers need no more
_ROUNDS = 40
_CONVERGED = 1e-7
_SPREAD = 0.8  # as `robust` has it
_LEAST_LIT = 20  # pixels that lights are found from
_REPEATED = 0.95  # cosine of the angle between axes of either half of the pixels
_LEAST_CONDITION = 2e-3  # of the strongest axis: rounding to eight bits
_TOO_WEAK = {
    1: "all views show the same up to their brightness: the lights stand in one direction, or the surface is flat and "
    "matte, and no view tells where they stand",
    2: "the views differ in one way only: the lights lie in one plane with the object, or the surface bends one way "
    "only",
}


def find_pseudo_lights(samples_NL: Array) -> Array:
    """Lights [L, 3], intensity times direction, times an unknown 3 x 3 matrix; their columns are orthonormal.

    They are those of the product of normals and lights that explains most lit samples (Hayakawa 1994, eq. 4 to 7, there
    by a singular value decomposition of samples that all follow Lambert's law; here alternately and with Cauchy's
    weights, so that shadows and highlights count little). A level of black goes into the lights: where their brightness
    is not known, views tell none.

    Raises InvalidLights for fewer than four lights, and where views tell fewer than three axes.
    """
    if samples_NL.ndim != 2:
        raise ValueError(f"samples {samples_NL.shape}; accepted are [N, L]")
    count = samples_NL.shape[1]
    if count < LEAST_LIGHTS:
        text = f"{count} lights without directions; with {LEAST_LIGHTS} or more, directions follow from the views"
        raise InvalidLights(text)
    some_NL = samples_NL[lit(samples_NL, 0.0).sum(axis=1) >= 3]
    if len(some_NL) < _LEAST_LIT:
        raise InvalidLights(f"{len(some_NL)} pixels are lit by three lights or more; accepted are {_LEAST_LIT} or more")
    chosen = np.linspace(0, len(some_NL) - 1, min(_PIXELS, len(some_NL))).astype(int)
    some_NL = some_NL[chosen]
    lights_L3, strength_3 = _factorised(some_NL)
    axes = min(int((strength_3 > _LEAST_CONDITION * strength_3[0]).sum()), _repeated(some_NL))
    if axes < 3:
        raise InvalidLights(_TOO_WEAK[max(axes, 1)])
    return lights_L3


def _repeated(samples_NL: Array) -> int:
    """How many axes both halves of the pixels have: what noise makes of one half is not in the other."""
    first_L3, second_L3 = (_factorised(samples_NL[half::2])[0] for half in (0, 1))
    if _cosine(first_L3, second_L3, 3) > _REPEATED:
        return 3
    return 2 if _cosine(first_L3, second_L3, 2) > _REPEATED else 1


def _cosine(first_L3: Array, second_L3: Array, axes: int) -> float:
    """Of the largest angle between so many strongest axes of each."""
    return float(np.linalg.svd(first_L3[:, -axes:].T @ second_L3[:, -axes:], compute_uv=False)[-1])


def _factorised(samples_NL: Array) -> tuple[Array, Array]:
    """Orthonormal lights [L, 3], the strongest axis last, and the strength of each axis, falling."""
    values_NL, lit_NL, scale_N1 = _relative(samples_NL)
    normals_N3, lights_L3 = _alternately(values_NL, lit_NL, scale_N1)
    _, strength_3, axes_33 = np.linalg.svd(normals_N3, full_matrices=False)
    turned_L3: Array = lights_L3 @ axes_33[::-1].T
    return turned_L3, strength_3


def _relative(samples_NL: Array) -> tuple[Array, NDArray[np.bool_], Array]:
    """Samples over each pixel's typical one, which of them are lit, and these typical ones [N, 1]: dark print tells as
    much of lights as bright paper."""
    lit_NL = lit(samples_NL, 0.0)
    values_NL = np.where(lit_NL, samples_NL, 0.0)
    count_N1 = np.maximum(lit_NL.sum(axis=1, keepdims=True), 1)
    scale_N1 = np.maximum(np.sqrt((values_NL**2).sum(axis=1, keepdims=True) / count_N1), HALF_A_STEP)
    return values_NL / scale_N1, lit_NL, scale_N1


def _alternately(values_NL: Array, lit_NL: NDArray[np.bool_], scale_N1: Array) -> tuple[Array, Array]:
    """Normals [N, 3] under orthonormal lights [L, 3], weighed anew in each round."""
    lights_L3 = np.linalg.svd(values_NL, full_matrices=False)[2][:3].T
    weights_NL = lit_NL.astype(np.float64)
    for _ in range(_ROUNDS):
        normals_N3 = weighted_solve(values_NL, weights_NL, lights_L3)
        residual_NL = np.abs(values_NL - normals_N3 @ lights_L3.T)
        squared_NL = weights_NL * weights_NL
        total_N1 = np.maximum(squared_NL.sum(axis=1, keepdims=True), 1e-12)
        spread_N1 = _SPREAD * (squared_NL * residual_NL).sum(axis=1, keepdims=True) / total_N1
        spread_N1 = np.maximum(spread_N1, HALF_A_STEP / 2 / scale_N1)
        weights_NL = lit_NL / (1 + (residual_NL / (CAUCHY * spread_N1)) ** 2)
        normals_N3 = weighted_solve(values_NL, weights_NL, lights_L3)
        before_L3, lights_L3 = lights_L3, _orthonormal(weighted_solve(values_NL.T, weights_NL.T, normals_N3))
        if np.abs(lights_L3 - before_L3 @ (before_L3.T @ lights_L3)).max() < _CONVERGED:
            break
    return weighted_solve(values_NL, weights_NL, lights_L3), lights_L3


def _orthonormal(lights_L3: Array) -> Array:
    columns, upper = np.linalg.qr(lights_L3)
    turned: Array = columns * np.where(np.diag(upper) < 0, -1.0, 1.0)
    return turned
