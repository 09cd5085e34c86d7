"""An object's views with all that is found before a surface: lights, black level and each pixel's own solution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truscore.photometric_stereo.black_level import find_black_level
from truscore.photometric_stereo.least_squares import Array, Shading
from truscore.photometric_stereo.light_refit import refit_lights
from truscore.photometric_stereo.robust import cauchy_shading, lit
from truscore.photometric_stereo.views import LitViews

_CLIPPED = 0.995  # of the largest number that a file holds


@dataclass(frozen=True, kw_only=True, slots=True)
class SolvedViews:
    """`directions_L3` are refitted where that explains the views clearly better; `level` is the camera's black level,
    relative to full scale, and `samples_NL` are without it. `usable_NL`: neither in shadow nor clipped."""

    directions_L3: Array
    level: float
    samples_NL: Array
    usable_NL: NDArray[np.bool_]
    shading: Shading


def solve_views(views: LitViews) -> SolvedViews:
    """By Cauchy's weights, pixel by pixel. Raises InvalidLights, and InvalidViews for lights without directions."""
    directions_L3 = refit_lights(views).directions_L3
    level = find_black_level(views.samples_NL, directions_L3, share_L=views.share_L).level
    level_L = level * views.share_L
    return SolvedViews(
        directions_L3=directions_L3,
        level=level,
        samples_NL=views.samples_NL - level_L,
        usable_NL=lit(views.samples_NL, level_L) & (views.samples_NL < _CLIPPED * views.share_L),
        shading=cauchy_shading(views.samples_NL, directions_L3, black_level=level_L),
    )
