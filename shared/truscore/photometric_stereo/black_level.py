"""The one number that a camera adds to every sample, or takes away from it. N pixels, L lights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from truscore.photometric_stereo.least_squares import Array, check_lights
from truscore.photometric_stereo.robust import HALF_A_STEP, lit_residuals

_PIXELS = 500  # of the object, spread evenly: one number needs no more
_REACH = 0.4  # of the median lit sample, to either side: more would be a picture of nothing
_STEPS = 17
_GOLDEN = 0.6180339887498949
_REFINEMENTS = 8
_ROUGHLY, _EXACTLY = 8, 20  # iterations of each solve: to tell which two steps hold the minimum, and where it is
CLEARLY = 0.7  # of the residual without it: gloss and rounding alone rarely lower it by as much


@dataclass(frozen=True, kw_only=True, slots=True)
class BlackLevel:
    """`level` is 0 where none is kept; `candidate` explains the samples best. Residuals are medians of lit samples."""

    level: float
    candidate: float
    residual: float
    residual_without: float


def find_black_level(samples_NL: Array, directions_L3: Array, *, share_L: Array | None = None) -> BlackLevel:
    """The level that lets Lambert's law explain most lit samples, kept only where the residual falls clearly.

    `share_L` is how much of the level each light's samples have: 1 over the light's intensity where that was divided
    out; solvers then take `level * share_L`.

    A level bends every normal towards or away from the lights' mean, and no single pixel tells it from a highlight; the
    median over all pixels does. With three lights every level fits, and none is kept. Raises InvalidLights.
    """
    check_lights(samples_NL, directions_L3)
    some_NL = samples_NL[np.linspace(0, len(samples_NL) - 1, min(_PIXELS, len(samples_NL))).astype(int)]
    lit = some_NL[some_NL > HALF_A_STEP]
    if len(directions_L3) < 4 or len(lit) < 10:
        return BlackLevel(level=0.0, candidate=0.0, residual=0.0, residual_without=0.0)
    shares = np.ones(len(directions_L3)) if share_L is None else share_L
    reach = _REACH * float(np.median(lit))
    found = _search(some_NL, directions_L3, shares, reach)
    kept = found.residual < CLEARLY * found.residual_without and abs(found.candidate) < reach
    return replace(found, level=found.candidate if kept else 0.0)


def _search(samples_NL: Array, directions_L3: Array, share_L: Array, reach: float) -> BlackLevel:
    def misfit(level: float, iterations: int = _EXACTLY) -> float:
        residuals = lit_residuals(samples_NL, directions_L3, black_level=level * share_L, iterations=iterations)
        return float(np.median(residuals)) if len(residuals) else 0.0

    without = misfit(0.0)
    levels = np.linspace(-reach, reach, _STEPS)
    at = int(np.argmin([misfit(level, _ROUGHLY) for level in levels]))
    if at in {0, _STEPS - 1}:
        return BlackLevel(level=0.0, candidate=float(levels[at]), residual=without, residual_without=without)
    candidate = _golden_section(misfit, levels[at - 1], levels[at + 1])
    return BlackLevel(level=0.0, candidate=candidate, residual=misfit(candidate), residual_without=without)


def _golden_section(misfit: Callable[[float], float], low: float, high: float) -> float:
    """Where the misfit is least between two levels that hold one minimum (Kiefer 1953)."""
    inner, outer = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_inner, at_outer = misfit(inner), misfit(outer)
    for _ in range(_REFINEMENTS):
        if at_inner < at_outer:
            high, outer, at_outer = outer, inner, at_inner
            inner = high - _GOLDEN * (high - low)
            at_inner = misfit(inner)
        else:
            low, inner, at_inner = inner, outer, at_outer
            outer = low + _GOLDEN * (high - low)
            at_outer = misfit(outer)
    return float(low + high) / 2
