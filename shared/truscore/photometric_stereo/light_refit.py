"""Lights as they would have to be for the normals to belong to a surface. H height, W width, N pixels, L lights.

Normals that are solved under lights that are a little off belong to no surface. Those of the surface that fits them
best are nearer to the truth, and so are the lights that follow from these: in turn, as uncalibrated photometric stereo
does by integrability (Yuille & Snow 1997), but held to the lights as they were measured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from truscore.photometric_stereo.black_level import find_black_level
from truscore.photometric_stereo.integration import Edges, depth_normals, slopes, solved_edges
from truscore.photometric_stereo.least_squares import Array
from truscore.photometric_stereo.robust import CAUCHY, cauchy_shading, lit
from truscore.photometric_stereo.views import LitViews

_SIDE = 96  # pixels of the longer side that lights are refitted on: a dozen numbers need no more
_ROUNDS = 5
_LIGHT_ROUNDS = 6  # of Cauchy's weights over a light's pixels
_HELD = 0.1  # of a light's weights, what its measured direction counts
_LEAST_FACING = 0.3  # of z: normals near the rim say more of the rim than of the light
_LEAST_ALBEDO = 0.02
_LEAST_SPREAD = 1e-3  # of a residual, relative to the pixel's albedo
CLEARLY = 0.9  # of what measured lights leave unexplained


@dataclass(frozen=True, kw_only=True, slots=True)
class RefittedLights:
    """`directions_L3` are those that were measured where others don't explain the views clearly better. Residuals are
    medians over lit samples, relative to each pixel's albedo, of the surface under either lights."""

    directions_L3: Array
    kept: bool
    residual: float
    residual_measured: float


def refit_lights(views: LitViews) -> RefittedLights:
    """Directions [L, 3] under which the views belong to a surface, kept only where the residual falls clearly.

    Raises InvalidLights, and InvalidViews for lights without directions.
    """
    some = _coarser(views)
    measured_L3 = views.directions()
    level = find_black_level(some.samples_NL, measured_L3, share_L=some.share_L).level * some.share_L
    found_L3 = measured_L3
    surface_N3 = _surface(some, measured_L3, level)
    before = _residual(some, surface_N3, measured_L3, level)
    for _ in range(_ROUNDS):
        found_L3 = _lights_of(some, surface_N3, found_L3, measured_L3, level)
        surface_N3 = _surface(some, found_L3, level)
    after = _residual(some, surface_N3, found_L3, level)
    kept = after < CLEARLY * before
    return RefittedLights(
        directions_L3=found_L3 if kept else measured_L3, kept=kept, residual=after, residual_measured=before
    )


def _coarser(views: LitViews) -> LitViews:
    """Every so many pixels of every so many rows: mixing neighbours would break the law that is solved."""
    stride = -(-max(views.mask_HW.shape) // _SIDE)
    mask_HW = views.mask_HW[::stride, ::stride]
    samples_NL = views.picture(views.samples_NL)[::stride, ::stride][mask_HW]
    return replace(views, samples_NL=samples_NL, mask_HW=mask_HW, normals_HW3=None)


def _surface(views: LitViews, directions_L3: Array, level_L: Array) -> Array:
    """The normals [N, 3] of the surface that the solver's fit best, each slope as certain as z² (Cao 2022, eq. 4)."""
    normals_HW3 = views.picture(cauchy_shading(views.samples_NL, directions_L3, black_level=level_L).normals_N3)
    certain_HW = np.maximum(normals_HW3[..., 2], 0.05) ** 2 * views.mask_HW
    right_HW, down_HW = slopes(normals_HW3)
    across = _edges(right_HW, certain_HW)
    upright = _edges(down_HW.T, certain_HW.T)
    along = Edges(target=upright.target.T, weight=upright.weight.T)
    depth_HW = solved_edges(across, along, np.zeros(certain_HW.shape), most=60, precision=1e-8)
    found: Array = depth_normals(depth_HW, views.mask_HW)[views.mask_HW]
    return found


def _edges(slope_HW: Array, certain_HW: Array) -> Edges:
    first, second = certain_HW[:, :-1], certain_HW[:, 1:]
    total = np.maximum(first + second, 1e-12)
    target = (first * slope_HW[:, :-1] + second * slope_HW[:, 1:]) / total
    return Edges(target=target, weight=2 * first * second / total)


def _lights_of(views: LitViews, surface_N3: Array, lights_L3: Array, measured_L3: Array, level_L: Array) -> Array:
    """Each light by Cauchy's weights over the pixels that it lights, the way a normal follows from lights."""
    values_NL, lit_NL, albedo_N = _explained(views, surface_N3, lights_L3, level_L)
    good_N = (albedo_N > _LEAST_ALBEDO) & (surface_N3[:, 2] > _LEAST_FACING)
    found_L3 = lights_L3.copy()
    for light in range(len(lights_L3)):
        seen_N = lit_NL[:, light] & good_N
        normals_M3, shade_M = surface_N3[seen_N], values_NL[seen_N, light] / albedo_N[seen_N]
        if len(shade_M) < 3:
            continue
        weight_M = np.ones(len(shade_M))
        for _ in range(_LIGHT_ROUNDS):
            held = _HELD * weight_M.sum()
            system_33 = (normals_M3 * weight_M[:, None]).T @ normals_M3 + held * np.eye(3)
            light_3 = np.linalg.solve(
                system_33, (normals_M3 * weight_M[:, None]).T @ shade_M + held * measured_L3[light]
            )
            left_M = np.abs(normals_M3 @ light_3 - shade_M)
            spread = 1.4826 * float(np.median(left_M)) + _LEAST_SPREAD
            weight_M = 1 / (1 + (left_M / (CAUCHY * spread)) ** 2)
        found_L3[light] = light_3 / max(float(np.linalg.norm(light_3)), 1e-9)
    return found_L3


def _explained(
    views: LitViews, surface_N3: Array, lights_L3: Array, level_L: Array
) -> tuple[Array, NDArray[np.bool_], Array]:
    """Samples less the black level, which are lit, and each pixel's albedo by least squares over its lights."""
    values_NL, lit_NL = views.samples_NL - level_L, lit(views.samples_NL, level_L)
    shade_NL = np.maximum(surface_N3 @ lights_L3.T, 0)
    albedo_N = (values_NL * shade_NL * lit_NL).sum(axis=1) / ((shade_NL**2 * lit_NL).sum(axis=1) + 1e-9)
    return values_NL, lit_NL, albedo_N


def _residual(views: LitViews, surface_N3: Array, lights_L3: Array, level_L: Array) -> float:
    values_NL, lit_NL, albedo_N = _explained(views, surface_N3, lights_L3, level_L)
    bright_N = np.maximum(albedo_N, _LEAST_ALBEDO)[:, None]
    left_NL = np.abs(values_NL / bright_N - np.maximum(surface_N3 @ lights_L3.T, 0))
    counted = left_NL[lit_NL & (albedo_N > _LEAST_ALBEDO)[:, None]]
    return float(np.median(counted)) if len(counted) else 0.0
