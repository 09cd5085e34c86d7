"""Slopes under four lamps of which only the sides are known, by what is known of a card: it is flat. H, W; L lights.

Lights without directions leave the surface known up to a linear map (Hayakawa 1994). Four lamps at right angles that
stand equally high leave one number of that, the height of all four; that a card is flat in the large makes up for
lamps of unequal brightness and distance, but takes with it how the card as a whole is bowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from truscore.photometric_stereo.integration import Mask
from truscore.photometric_stereo.least_squares import Array
from truscore.photometric_stereo.relief_maps import without_bow

# What lamps of opposite sides are called, first the side that the axis points to: x to the right, y up.
_SIDES: Mapping[str, str] = MappingProxyType(
    {"right": "right", "left": "left", "top": "top", "up": "top", "bottom": "bottom", "down": "bottom"}
)
_OPPOSITE = (("right", "left"), ("top", "bottom"))
_DARK = 1 / 255  # less is noise, and has no logarithm
_STEEPEST = 20.0  # of a slope: what only one lamp of two reaches says no more than that it leans away


class UnknownLamps(ValueError):
    """Lamps that are not the four sides of a card."""


def card_slopes(pictures_LHW: Array, names: Sequence[str], mask_HW: Mask, *, lamp_height_deg: float = 45.0) -> Array:
    """How far the surface leans to the right and up [H, W, 2]: -dz/dx and -dz/dy.

    Of lamps ``lamp_height_deg`` above the card; where that isn't known, slopes are right up to one factor, which is 1
    at 45 degrees: its tangent. A pixel that both lamps of a pair reach follows exactly from Lambert's law, whatever its
    albedo. Raises UnknownLamps.
    """
    if not 0 < lamp_height_deg < 90:
        raise ValueError(f"lamps {lamp_height_deg} degrees above the card; accepted is more than 0 and less than 90")
    by_side = _by_side(pictures_LHW, names)
    factor = np.tan(np.radians(lamp_height_deg))
    slopes = [factor * _leaning(by_side[towards], by_side[away], mask_HW) for towards, away in _OPPOSITE]
    leaning_HW2 = np.clip(np.stack(slopes, axis=-1), -_STEEPEST, _STEEPEST)
    found: Array = np.where(mask_HW[..., None], leaning_HW2, 0.0)
    return found


def card_normals(leaning_HW2: Array) -> Array:
    """Unit normals [H, W, 3] of a surface that leans so far to the right and up."""
    upward_HW3 = np.concatenate([leaning_HW2, np.ones((*leaning_HW2.shape[:2], 1))], axis=-1)
    unit: Array = upward_HW3 / np.linalg.norm(upward_HW3, axis=-1, keepdims=True)
    return unit


def _by_side(pictures_LHW: Array, names: Sequence[str]) -> Mapping[str, Array]:
    sides = [_SIDES.get(name.casefold(), "") for name in names]
    if sorted(sides) != sorted(set(_SIDES.values())):
        listed = ", ".join(names) or "no names"
        raise UnknownLamps(f"lamps {listed}; accepted are four: right, left, top (or up), bottom (or down)")
    return dict(zip(sides, pictures_LHW, strict=True))


def _leaning(towards_HW: Array, away_HW: Array, mask_HW: Mask) -> Array:
    """(n·a - n·b) / (n·a + n·b) of two opposite lamps a and b, out of the ratio of what is seen under both: print
    cancels in it. Its logarithm less its parabola has neither the lamps' brightness nor their falloff."""
    ratio_HW = np.log(np.maximum(towards_HW, _DARK) / np.maximum(away_HW, _DARK))
    even: Array = np.tanh(without_bow(ratio_HW, mask_HW) / 2)
    return even
