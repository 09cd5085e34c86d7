"""What a grader looks at: small relief, once a card is laid flat. H height, W width, L lights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truscore.photometric_stereo.integration import integrate_poisson
from truscore.photometric_stereo.least_squares import Array

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReliefMaps:
    """Depth in pixels (times the pitch: micrometres), slope without unit, curvature in 1 over pixels; NaN outside."""

    depth_HW: Array
    slope_HW: Array
    curvature_HW: Array


def relief_maps(normals_HW3: Array, mask_HW: Mask) -> ReliefMaps:
    """Of the surface that the normals belong to, less the parabola (plane and bow) that fits it best."""
    depth_HW = without_bow(integrate_poisson(normals_HW3, mask_HW), mask_HW)
    filled_HW = np.where(mask_HW, depth_HW, 0.0)
    down_HW, right_HW = np.gradient(filled_HW)
    bent_HW = np.gradient(right_HW, axis=1) + np.gradient(down_HW, axis=0)
    return ReliefMaps(
        depth_HW=depth_HW,
        slope_HW=np.where(mask_HW, np.hypot(right_HW, down_HW), np.nan),
        curvature_HW=np.where(mask_HW, bent_HW / 2, np.nan),
    )


def without_bow(depth_HW: Array, mask_HW: Mask) -> Array:
    """Depth less the parabola of least squares: plane, bow along any direction, twist. NaN outside the mask.

    Two rounds, the second without what lies over three standard deviations off: a dent shall not pull the parabola.
    """
    height, width = depth_HW.shape
    down_HW, right_HW = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    one_HW = np.ones(depth_HW.shape)
    terms_HW6 = np.stack([one_HW, right_HW, down_HW, right_HW**2, right_HW * down_HW, down_HW**2], axis=-1)
    used_HW, rest_HW = mask_HW, depth_HW
    for _ in range(2):
        fit_6 = np.linalg.lstsq(terms_HW6[used_HW], depth_HW[used_HW], rcond=None)[0]
        rest_HW = depth_HW - terms_HW6 @ fit_6
        used_HW = mask_HW & (np.abs(rest_HW) <= 3 * np.std(rest_HW[mask_HW]))
    straight: Array = np.where(mask_HW, rest_HW, np.nan)
    return straight


def lamp_deviation(pictures_LHW: Array) -> Array:
    """How differently the lamps show each pixel: the standard deviation over lights of each one's share [H, W].

    Each picture is divided by the mean of all and by its own slow falloff (a box of an eighth of the shorter side), so
    that print and the lamps' own unevenness cancel. Needs no directions: lamps that are only named will do.
    """
    import cv2

    mean_HW = np.maximum(pictures_LHW.mean(axis=0), 1 / 255)
    side = max(3, min(mean_HW.shape) // 8)
    shares = []
    for picture_HW in pictures_LHW:
        share_HW = (picture_HW / mean_HW).astype(np.float32)
        shares.append(share_HW / np.maximum(cv2.blur(share_HW, (side, side)), 1e-3))
    deviation: Array = np.std(np.stack(shares).astype(np.float64), axis=0)
    return deviation
