"""Objects and lights turned together, and how far a reader's answers are from turning with them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from truscore.metrics.normals import angular_errors
from truscore.photometric_stereo import LitViews

_QUARTER_33 = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # against the clock, as `rot90` turns


def turned(views: LitViews) -> LitViews:
    """By a quarter against the clock."""
    return replace(
        views,
        samples_NL=_turned_pixels(views.samples_NL, views),
        directions_L3=views.directions() @ _QUARTER_33.T,
        mask_HW=np.rot90(views.mask_HW).copy(),
        normals_HW3=None if views.normals_HW3 is None else np.rot90(views.normals_HW3) @ _QUARTER_33.T,
    )


def apart_when_turned(read: Callable[[LitViews], np.ndarray], views: LitViews) -> float:
    """Mean angle in degrees between the normals of a turned object and its turned normals."""
    expected_N3 = _turned_pixels(read(views), views) @ _QUARTER_33.T
    return float(np.nanmean(angular_errors(read(turned(views)), expected_N3)))


def _turned_pixels(values_NC: np.ndarray, views: LitViews) -> np.ndarray:
    """Values of the mask's pixels, row by row, in the order of the turned mask's."""
    laid_HWC = np.zeros((*views.mask_HW.shape, values_NC.shape[1]))
    laid_HWC[views.mask_HW] = values_NC
    turned_NC: np.ndarray = np.rot90(laid_HWC)[np.rot90(views.mask_HW)]
    return turned_NC
