"""What a fit is given of an object. H height, W width of the picture, N pixels of the mask, L lights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LEAST_LIGHTS, LEAST_PIXELS = 3, 16


class InvalidObservation(ValueError):
    """Arrays that do not fit together, and what is accepted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """`samples_NL` are linear intensities without their black level, `lit_NL` which of them count: no shadow, not
    clipped. The normals and the albedo are a solver's of single pixels, which the fit starts from and is held against.

    `lamp_distance_L`: of each lamp from the middle of the mask, in pixels; None for lights at infinity.
    """

    samples_NL: Array
    lit_NL: NDArray[np.bool_]
    directions_L3: Array
    mask_HW: NDArray[np.bool_]
    normals_N3: Array
    albedo_N: Array
    lamp_distance_L: Array | None = None

    def __post_init__(self) -> None:
        pixels, lights = int(self.mask_HW.sum()), len(self.directions_L3)
        if lights < LEAST_LIGHTS or pixels < LEAST_PIXELS:
            text = f"{pixels} pixels under {lights} lights; accepted are {LEAST_PIXELS} and {LEAST_LIGHTS} or more"
            raise InvalidObservation(text)
        shapes = {
            "samples_NL": (self.samples_NL, (pixels, lights)),
            "lit_NL": (self.lit_NL, (pixels, lights)),
            "directions_L3": (self.directions_L3, (lights, 3)),
            "normals_N3": (self.normals_N3, (pixels, 3)),
            "albedo_N": (self.albedo_N, (pixels,)),
        }
        if self.lamp_distance_L is not None:
            shapes["lamp_distance_L"] = (self.lamp_distance_L, (lights,))
        for name, (given, wanted) in shapes.items():
            if given.shape != wanted:
                raise InvalidObservation(f"{name} is of shape {given.shape}; accepted is {wanted}")
            if not np.isfinite(given).all():
                raise InvalidObservation(f"{name} has numbers that are not finite")
        if not self.lit_NL.any() or self.samples_NL[self.lit_NL].mean() <= 0:
            raise InvalidObservation("no sample counts: all are in shadow or clipped")
        if self.lamp_distance_L is not None and (self.lamp_distance_L <= 0).any():
            raise InvalidObservation("lamp_distance_L has distances of 0 and less; accepted are those above 0")
