"""What small marks rise or sink from: the ground around each pixel. H height, W width of the map; depth in pixels."""

from __future__ import annotations

import numpy as np

from truscore.photometric_stereo.least_squares import Array
from truscore.photometric_stereo.relief_maps import Mask

MAD = 1.4826  # of a normal distribution, standard deviations in a median absolute deviation
_FINE = 6.0  # pixels: windows of larger standard deviations are computed on fewer pixels
_OUTLYING = 4.0  # standard deviations
_ROUNDS = 3


def local_relief(depth_HW: Array, mask_HW: Mask, *, window: float) -> Array:
    """Depth less the plane that fits it best around each pixel; 0 outside the mask. `window` is a standard deviation.

    A locally weighted regression (Cleveland 1979, "Robust locally weighted regression and smoothing scatterplots", with
    a Gaussian window and hard rejection): a fold, a bend or what integration is off by, all wider than the window, are
    ground; a dent or a scratch is left out of the fits, so that it does not sink its own ground.
    """
    known_N = depth_HW[mask_HW]
    if not len(known_N):
        return np.zeros(depth_HW.shape)
    rest_HW = np.where(mask_HW, depth_HW - np.median(known_N), 0.0)
    start_HW, used_HW = rest_HW, mask_HW & (np.abs(rest_HW) <= _OUTLYING * _spread(rest_HW, mask_HW))
    for _ in range(_ROUNDS):
        rest_HW = start_HW - _planes(start_HW, used_HW, mask_HW, window)
        # A bow lies off its planes by the same everywhere, which is no depth.
        rest_HW = np.where(mask_HW, rest_HW - np.median(rest_HW[mask_HW]), 0.0)
        used_HW = mask_HW & (np.abs(rest_HW) <= _OUTLYING * _spread(rest_HW, mask_HW))
    return rest_HW


def _spread(rest_HW: Array, mask_HW: Mask) -> float:
    rest_N = rest_HW[mask_HW]
    return max(MAD * float(np.median(np.abs(rest_N))), 1e-9)


def _planes(depth_HW: Array, used_HW: Mask, mask_HW: Mask, window: float) -> Array:
    """The fitted plane's depth at each pixel [H, W]."""
    import cv2

    height, width = depth_HW.shape
    step = max(1, int(window / _FINE))
    few = (-(-width // step), -(-height // step))
    rows_H1, columns_1W = np.arange(height)[:, None] + 0.5, np.arange(width)[None, :] + 0.5
    # Marks count a little, so that a fit within a large one has something to go by.
    weight_HW = np.where(used_HW, 1.0, 1e-6) * mask_HW

    def summed(moment_HW: Array) -> Array:
        fewer = cv2.resize(moment_HW, few, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(fewer, (0, 0), window / step, borderType=cv2.BORDER_CONSTANT), np.float64)

    # Places in windows from the middle of the map: sums of squares stay well above their rounding.
    x_HW = np.broadcast_to((columns_1W - width / 2) / window, depth_HW.shape)
    y_HW = np.broadcast_to((rows_H1 - height / 2) / window, depth_HW.shape)
    terms = (np.ones(depth_HW.shape), x_HW, y_HW)
    square_HW33 = np.empty((few[1], few[0], 3, 3))
    right_HW3 = np.empty((few[1], few[0], 3))
    for row, one in enumerate(terms):
        right_HW3[..., row] = summed(weight_HW * one * depth_HW)
        for column in range(row, 3):
            square_HW33[..., row, column] = square_HW33[..., column, row] = summed(weight_HW * one * terms[column])
    total_HW = square_HW33[..., 0, 0]
    empty_HW = total_HW < 1e-9
    square_HW33[empty_HW] = np.eye(3)
    right_HW3[empty_HW] = 0
    square_HW33 += 1e-9 * np.where(empty_HW, 1.0, total_HW)[..., None, None] * np.eye(3)
    planes_HW3 = np.linalg.solve(square_HW33, right_HW3[..., None])[..., 0]
    # Planes are interpolated, not their depths: a tilted ground keeps its tilt up to the rim.
    whole = [cv2.resize(planes_HW3[..., n], (width, height), interpolation=cv2.INTER_LINEAR) for n in range(3)]
    fitted: Array = sum(coefficient * term for coefficient, term in zip(whole, terms, strict=True))
    return fitted
