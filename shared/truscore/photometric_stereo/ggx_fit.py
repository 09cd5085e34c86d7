"""Albedo, roughness and F0 of each pixel by itself. N pixels, L lights, R roughnesses."""

from __future__ import annotations

import numpy as np

from truscore.photometric_stereo.ggx import Reflectance, mirrored
from truscore.photometric_stereo.least_squares import PIXELS_AT_ONCE, Array, check_lights
from truscore.photometric_stereo.robust import CAUCHY, HALF_A_STEP, lit

LEAST_ROUGHNESS, MOST_ROUGHNESS = 0.08, 0.9
_ROUGHNESSES = 18  # each a seventh above the one before
_REWEIGHTED = 3
_SHARE = 0.02  # of a sample that it may be off as much as noise is
_RIDGE = 1e-6


def fit_ggx(
    samples_NL: Array, normals_N3: Array, directions_L3: Array, *, black_level: float | Array = 0.0
) -> Reflectance:
    """The reflectance that explains each pixel's lit samples best, under the normals that are given.

    For each of some roughnesses albedo and F0 follow in closed form, neither below 0, by least squares with Cauchy's
    weights: what a cast shadow or another part's reflection does to single samples counts little. The roughness with
    the least robust residual is taken. `black_level` as `cauchy_shading` has it. Raises InvalidLights.
    """
    check_lights(samples_NL, directions_L3)
    parts = [
        _fitted(samples_NL[at : at + PIXELS_AT_ONCE], normals_N3[at : at + PIXELS_AT_ONCE], directions_L3, black_level)
        for at in range(0, len(samples_NL), PIXELS_AT_ONCE)
    ]
    if not parts:
        return Reflectance(albedo_N=np.zeros(0), roughness_N=np.zeros(0), f0_N=np.zeros(0))
    albedo_N, roughness_N, f0_N = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Reflectance(albedo_N=albedo_N, roughness_N=roughness_N, f0_N=f0_N)


def _fitted(
    samples_NL: Array, normals_N3: Array, directions_L3: Array, black_level: float | Array
) -> tuple[Array, Array, Array]:
    lit_NL = lit(samples_NL, black_level).astype(np.float64)
    level_NL = np.maximum(samples_NL - black_level, 0.0)
    facing_NL = np.maximum(normals_N3 @ directions_L3.T, 0.0)
    best_N = np.full(len(samples_NL), np.inf)
    albedo_N, roughness_N, f0_N = np.zeros_like(best_N), np.full_like(best_N, MOST_ROUGHNESS), np.zeros_like(best_N)
    # Bright samples may be off by a share, dark ones by a step of the file.
    sigma_NL = HALF_A_STEP + _SHARE * level_NL
    for roughness in np.geomspace(LEAST_ROUGHNESS, MOST_ROUGHNESS, _ROUGHNESSES):
        mirror_NL = mirrored(normals_N3, np.full(len(samples_NL), roughness), directions_L3)
        weights_NL = lit_NL / sigma_NL**2
        for _ in range(_REWEIGHTED):
            found_N, mirrored_N = not_below_zero(level_NL, facing_NL, mirror_NL, weights_NL)
            residual_NL = (level_NL - found_N[:, None] * facing_NL - mirrored_N[:, None] * mirror_NL) / sigma_NL
            weights_NL = lit_NL / sigma_NL**2 / (1 + (residual_NL / CAUCHY) ** 2)
        cost_N = (lit_NL * np.log1p((residual_NL / CAUCHY) ** 2)).sum(axis=1)
        better_N = cost_N < best_N
        best_N = np.where(better_N, cost_N, best_N)
        albedo_N, f0_N = np.where(better_N, found_N, albedo_N), np.where(better_N, mirrored_N, f0_N)
        roughness_N = np.where(better_N, roughness, roughness_N)
    return albedo_N, roughness_N, f0_N


def not_below_zero(level_NL: Array, facing_NL: Array, mirror_NL: Array, weights_NL: Array) -> tuple[Array, Array]:
    """Albedo and F0 of least weighted squares, each at least 0 (two numbers a pixel, in closed form)."""
    a, b, d = (
        (weights_NL * one_NL * other_NL).sum(axis=1)
        for one_NL, other_NL in ((facing_NL, facing_NL), (facing_NL, mirror_NL), (mirror_NL, mirror_NL))
    )
    u, v = ((weights_NL * one_NL * level_NL).sum(axis=1) for one_NL in (facing_NL, mirror_NL))
    a, d = a + _RIDGE, d * (1 + _RIDGE) + _RIDGE
    determinant = np.maximum(a * d - b * b, 1e-12 * a * d)
    f0_N = np.clip((a * v - b * u) / determinant, 0.0, None)
    albedo_N = np.clip((u - b * f0_N) / a, 0.0, None)
    f0_N = np.where(albedo_N > 0, f0_N, np.clip(v / d, 0.0, None))
    return albedo_N, f0_N
