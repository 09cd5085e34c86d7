"""How a surface looks under lights that it was not fitted to. N pixels, L lights, M of them held out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from truscore.photometric_stereo.ggx import Reflectance, relit
from truscore.photometric_stereo.least_squares import Array
from truscore.photometric_stereo.robust import HALF_A_STEP

EVERY = 4
_LEAST_SHOWN = 3
_LEAST_CONDITION = 0.03  # of the lights that are left: less, and they lie in one plane as good as


def held_out(directions_L3: Array) -> NDArray[np.bool_]:
    """Every fourth light, from the fourth [L]; none where no normal would follow from those that are left."""
    held_L: NDArray[np.bool_] = np.arange(len(directions_L3)) % EVERY == EVERY - 1
    shown_M3 = np.asarray(directions_L3, dtype=np.float64)[~held_L]
    if len(shown_M3) < _LEAST_SHOWN:
        return np.zeros_like(held_L)
    strength_3 = np.linalg.svd(shown_M3, compute_uv=False)
    return held_L if strength_3[2] > _LEAST_CONDITION * strength_3[0] else np.zeros_like(held_L)


def beside_photographs(
    normals_N3: Array,
    reflectance: Reflectance,
    *,
    samples_NL: Array,
    directions_L3: Array,
    level_L: Array,
    share_L: Array,
) -> tuple[Array, Array]:
    """The surface under these lights, no brighter than a file can hold, and the photographs less their black level, 0
    where they are in shadow [N, L]. ``share_L`` are the largest samples that a file can hold."""
    dark_NL = samples_NL <= np.maximum(level_L, 0.0) + HALF_A_STEP
    photograph_NL: Array = np.where(dark_NL, 0.0, samples_NL - level_L)
    sent_NL: Array = np.minimum(relit(normals_N3, reflectance, directions_L3), share_L - level_L)
    return sent_NL, photograph_NL
