"""Lambert's law solved for all pixels at once. N pixels, L lights, 3 the axes x, y, z."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
PIXELS_AT_ONCE = 8192  # of 96 lights in doubles, 6 MiB an array
_LEAST_CONDITION = 1e-3  # lights whose third axis is weaker than this, relative to the first, lie in one plane


class InvalidLights(ValueError):
    """Lights that no normal follows from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shading:
    """`normals_N3` are unit vectors, (0, 0, 1) where nothing is seen; `albedo_N` is relative to full intensity."""

    normals_N3: Array
    albedo_N: Array


def least_squares(samples_NL: Array, directions_L3: Array) -> Shading:
    """The scaled normals that explain the samples best (Woodham 1980, eq. 9 for more than three lights).

    Every sample counts alike: shadows and highlights bend the result. Raises InvalidLights for fewer than three lights
    or lights in one plane.
    """
    check_lights(samples_NL, directions_L3)
    solution_3L = np.linalg.pinv(directions_L3).astype(np.float64)
    return shading_of(samples_NL @ solution_3L.T)


def shading_of(scaled_N3: Array) -> Shading:
    """The directions and lengths of normals that are scaled by albedo."""
    albedo_N = np.sqrt((scaled_N3**2).sum(axis=1))
    seen_N = albedo_N > 1e-12
    normals_N3: Array = np.zeros_like(scaled_N3)
    normals_N3[:, 2] = 1.0
    normals_N3[seen_N] = scaled_N3[seen_N] / albedo_N[seen_N, None]
    return Shading(normals_N3=normals_N3, albedo_N=albedo_N)


def weighted_solve(samples_NL: Array, weights_NL: Array, directions_L3: Array, *, ridge: float = 1e-9) -> Array:
    """Scaled normals [N, 3] of one 3 x 3 system a pixel; a pixel with too few weights is drawn to zero."""
    outer_L9 = (directions_L3[:, :, None] * directions_L3[:, None, :]).reshape(-1, 9)
    system_N33 = (weights_NL @ outer_L9).reshape(-1, 3, 3) + ridge * np.eye(3)
    right_N3 = (weights_NL * samples_NL) @ directions_L3
    return np.linalg.solve(system_N33, right_N3[..., None])[..., 0].astype(np.float64, copy=False)


def in_parts(solve: Callable[[Array], Array], samples_NL: Array) -> Array:
    """The solver over parts of the pixels, so that memory is bounded whatever the picture's size."""
    parts = [solve(samples_NL[start : start + PIXELS_AT_ONCE]) for start in range(0, len(samples_NL), PIXELS_AT_ONCE)]
    return np.concatenate(parts) if parts else np.zeros((0, 3))


def check_lights(samples_NL: Array, directions_L3: Array) -> None:
    """Raises InvalidLights where three axes do not follow from the lights, ValueError where shapes do not fit."""
    if samples_NL.ndim != 2 or directions_L3.shape != (samples_NL.shape[1], 3):
        text = f"samples {samples_NL.shape} and lights {directions_L3.shape}; accepted are [N, L] and [L, 3]"
        raise ValueError(text)
    if len(directions_L3) < 3:
        raise InvalidLights(f"{len(directions_L3)} lights; a normal follows from three or more")
    strength_3 = np.linalg.svd(directions_L3, compute_uv=False)
    if strength_3[2] < _LEAST_CONDITION * strength_3[0]:
        raise InvalidLights("all lights lie in one plane; one of them must leave it")
