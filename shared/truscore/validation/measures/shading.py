"""How well Lambert's law explains the views of one object, by thumbnails. P pixels, L lights, 3 the axes x, y, z.

A pixel of a thumbnail is a mean of pixels, and so is what Lambert's law says of it as long as all of them are lit: what
a camera adds, a gamma or a flipped axis shows there as it does at full size.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

LEAST_PIXELS = 24  # that enough lights reach: fewer say nothing of a camera
_LEAST_LIGHTS = 5  # three are what a normal is made of, and one more explains anything
_DARK = 0.02  # of full scale: shadows, and what lies behind the object
_BRIGHT = 0.15
_DIM = 0.2  # of full scale: what is darker everywhere is rounding, and a view that is has no say
_ROUNDS = 8
_CAUCHY = 2.385
_MAD = 1.4826
_LEAST_SPREAD = 1e-3
_LEVELS = 25
_MOST_LEVEL = 0.12  # of full scale, added or taken away
_GAMMA = 2.2
_STEEPEST = 0.15  # of z: steeper pixels are a rim


@dataclass(frozen=True, kw_only=True, slots=True)
class Shading:
    """Medians over lit samples of what is left unexplained, of full scale: as it is, with the black level that leaves
    the least, with a gamma of 2.2 undone, and with one put back. `curl` is how far normals are from those of a
    surface, `mirrored_curl` the same where one axis of the lights points the other way. `by_view` is how much darker
    each view is than the others make of its light, where it is: the upper quartile, for a view may be brighter by what
    it mirrors, and is then no darker."""

    residual: float
    black_level: float
    residual_with_level: float
    residual_decoded: float
    residual_encoded: float
    curl: float
    mirrored_curl: float
    by_view: tuple[float, ...]


def shading_of(
    thumbnails_LHW: "Numbers", directions_L3: "Numbers", intensity_L: "Numbers", *, aspect: float = 1.0
) -> Shading | None:
    """Of thumbnails with values 0 to 1, linear as far as anybody declared them, whose pixels are `aspect` times as wide
    as high; None where too little is lit by enough lights."""
    import numpy as np

    height, width = thumbnails_LHW.shape[1:]
    seen_LP = thumbnails_LHW.reshape(len(thumbnails_LHW), -1)
    lit_PL = (seen_LP > _DARK).T & (seen_LP < 0.99).T
    # What no light makes bright is what lies behind the object.
    usable_P = (lit_PL.sum(axis=1) >= _LEAST_LIGHTS) & (seen_LP.max(axis=0) > _BRIGHT)
    samples_PL, counted_PL = seen_LP.T, lit_PL & usable_P[:, None]
    if int(usable_P.sum()) < LEAST_PIXELS or np.percentile(samples_PL[counted_PL], 95) < _DIM:
        return None

    def left(level: float = 0.0, gamma: float = 1.0) -> float:
        values_PL = np.maximum(samples_PL - level, 0.0) ** gamma / intensity_L
        _, residual_PL = _solved(values_PL, counted_PL, directions_L3)
        # Relative to what is bright, so that a gamma, which darkens all, gains nothing by it.
        bright = max(float(np.median(values_PL[counted_PL])), _DARK)
        return max(float(np.median(residual_PL[counted_PL])) / bright, _LEAST_SPREAD)

    levels = np.linspace(-_MOST_LEVEL, _MOST_LEVEL, _LEVELS)
    by_level = [left(level) for level in levels]
    normals_P3, _ = _solved(samples_PL / intensity_L, counted_PL, directions_L3)
    darker_PL = np.maximum(normals_P3 @ directions_L3.T - samples_PL / intensity_L, 0.0)
    bright = float(np.median((samples_PL / intensity_L)[counted_PL]))
    laid_HW3, laid_HW = normals_P3.reshape(height, width, 3), usable_P.reshape(height, width)
    return Shading(
        residual=left(),
        black_level=float(levels[int(np.argmin(by_level))]),
        residual_with_level=min(by_level),
        residual_decoded=left(gamma=_GAMMA),
        residual_encoded=left(gamma=1 / _GAMMA),
        curl=_curl(laid_HW3, laid_HW, aspect),
        mirrored_curl=_curl(laid_HW3 * np.array([1.0, -1.0, 1.0]), laid_HW, aspect),
        by_view=tuple(
            float(np.percentile(darker_P[counted_P], 75)) / bright if (seen_P[counted_P] > _DIM).any() else 0.0
            for darker_P, counted_P, seen_P in zip(darker_PL.T, counted_PL.T, seen_LP, strict=True)
        ),
    )


def _solved(values_PL: "Numbers", lit_PL: "NDArray[np.bool_]", directions_L3: "Numbers") -> "tuple[Numbers, Numbers]":
    """Scaled normals [P, 3] by Cauchy's weights, and residuals [P, L]."""
    import numpy as np

    weights_PL = lit_PL.astype(np.float64)
    outer_L9 = (directions_L3[:, :, None] * directions_L3[:, None, :]).reshape(-1, 9)
    for _ in range(_ROUNDS):
        system_P33 = (weights_PL @ outer_L9).reshape(-1, 3, 3) + 1e-9 * np.eye(3)
        scaled_P3 = np.linalg.solve(system_P33, ((weights_PL * values_PL) @ directions_L3)[..., None])[..., 0]
        residual_PL = np.abs(values_PL - scaled_P3 @ directions_L3.T)
        spread_P1 = _MAD * np.median(residual_PL, axis=1, keepdims=True) + _LEAST_SPREAD
        weights_PL = lit_PL / (1 + (residual_PL / (_CAUCHY * spread_P1)) ** 2)
    return scaled_P3.astype(np.float64), residual_PL.astype(np.float64)


def _curl(scaled_HW3: "Numbers", usable_HW: "NDArray[np.bool_]", aspect: float) -> float:
    """The mean of how slopes to the right change downward less how slopes downward change to the right."""
    import numpy as np

    length_HW = np.linalg.norm(scaled_HW3, axis=-1)
    z_HW = scaled_HW3[..., 2] / np.maximum(length_HW, 1e-9)
    good_HW = usable_HW & (z_HW > _STEEPEST)
    depth_HW = np.maximum(scaled_HW3[..., 2], 1e-9)
    right_HW, down_HW = -scaled_HW3[..., 0] / depth_HW, scaled_HW3[..., 1] / depth_HW
    good = good_HW[1:, 1:] & good_HW[:-1, 1:] & good_HW[1:, :-1] & good_HW[:-1, :-1]
    if not good.any():
        return 0.0
    turned = (right_HW[1:, :-1] + right_HW[1:, 1:] - right_HW[:-1, :-1] - right_HW[:-1, 1:]) / 2
    bent = (down_HW[:-1, 1:] + down_HW[1:, 1:] - down_HW[:-1, :-1] - down_HW[1:, :-1]) / 2
    return float(np.median(np.abs(turned - bent / aspect)[good]))
