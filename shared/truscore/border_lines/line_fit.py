"""One straight edge in a strip, placed to a fraction of a pixel.

First the line is searched over offset and tilt where the derivative of a Gaussian across the strip (Canny 1986, "A
Computational Approach to Edge Detection", section IV), averaged along the line, is largest: what runs along the whole
side adds up, print and dust don't. Then the peak of the same derivative is taken in pieces of the line, by a parabola
through three samples, and a line is laid through these points by Huber's M-estimator (1964).

Legend: A offsets across the line, L places along it, C channels, T tilts, P pieces, 2 x and y.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from truscore.border_lines.strips import Points, Strip, Values

SIGMA_PX = 1.5  # of the derivative: wider than the blur of a scan, narrower than the gap of two frames
TILT_STEP_PX = 1.0  # from one end of the strip to the other
PIECES = 48
NEAR_PX = 3.0  # of the searched line, where a piece's own peak may lie
HUBER_PX = 0.5
LEAST_CONTRAST = 4.0  # grey levels a pixel of the averaged derivative: paper and sleeves have less
LEAST_SHARE = 0.4  # of the pieces, that have to lie on the line


@dataclass(frozen=True, kw_only=True, slots=True)
class EdgeLine:
    """``start_2`` and ``end_2`` are points of the line in the image, at the strip's two ends.

    ``offset_px``: of its middle from the strip's middle line, outward. ``contrast``: grey levels a pixel of the
    averaged derivative there. ``share``: of the pieces that lie on it. ``rms_px``: of their distances from it.
    """

    start_2: Points
    end_2: Points
    offset_px: float
    contrast: float
    share: float
    rms_px: float


def fit_edge(strip: Strip, *, spread_px: float, most_tilt_px: float) -> EdgeLine | None:
    """The edge that is strong and near the strip's middle line; None where none is strong enough.

    ``spread_px`` is how far off the middle line is expected to be (one standard deviation): an edge twice as far has
    to be much stronger. ``most_tilt_px``: how much the line may turn from one end of the strip to the other.
    """
    gradient_ALC = derivative_across(strip.values_ALC)
    gradient_ALC[~_usable(strip.inside_AL)] = 0
    tilts_T = np.arange(-most_tilt_px, most_tilt_px + TILT_STEP_PX / 2, TILT_STEP_PX)
    strength_TA = np.stack([_along_line(gradient_ALC, tilt) for tilt in tilts_T])
    offsets_A = strip.frame.offsets_A
    weight_A = np.exp(-0.5 * (offsets_A / spread_px) ** 2)
    tilt_at, offset_at = np.unravel_index(int((strength_TA * weight_A).argmax()), strength_TA.shape)
    contrast = float(strength_TA[tilt_at, offset_at])
    if contrast < LEAST_CONTRAST:
        return None
    return _fitted(strip, gradient_ALC, float(offsets_A[offset_at]), float(tilts_T[tilt_at]), contrast)


def derivative_across(values_ALC: Values, sigma_px: float = SIGMA_PX) -> Values:
    """Grey levels a pixel, along growing offsets."""
    reach = int(np.ceil(4 * sigma_px))
    at = np.arange(-reach, reach + 1, dtype=np.float64)
    kernel = -at / sigma_px**2 * np.exp(-0.5 * (at / sigma_px) ** 2)
    kernel /= -(kernel * at).sum()  # of a ramp of slope 1 it gives 1
    flat_AN = values_ALC.reshape(len(values_ALC), -1).astype(np.float32)
    # filter2D correlates: the kernel is turned by its sign.
    derived_AN = cv2.filter2D(flat_AN, cv2.CV_32F, -kernel.astype(np.float32)[:, None], borderType=cv2.BORDER_REPLICATE)
    derived: Values = np.asarray(derived_AN, dtype=np.float32).reshape(values_ALC.shape)
    return derived


def _usable(inside_AL: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where no sample of the derivative's kernel lies beyond the image."""
    reach = 2 * int(np.ceil(4 * SIGMA_PX)) + 1
    eroded = cv2.erode(inside_AL.astype(np.uint8), np.ones((reach, 1), np.uint8), borderValue=1)
    usable: NDArray[np.bool_] = eroded.astype(np.bool_)
    return usable


def _along_line(gradient_ALC: Values, tilt_px: float) -> Points:
    """[A]: length of the mean derivative along lines that turn by ``tilt_px`` from the first to the last column.

    The mean is signed, by channel: an edge that changes from light to dark half way is no border.
    """
    count_A, count_L = gradient_ALC.shape[:2]
    shifts_L = np.rint(np.linspace(-tilt_px / 2, tilt_px / 2, count_L)).astype(int)
    summed_AC = np.zeros((count_A, gradient_ALC.shape[2]))
    for shift in np.unique(shifts_L):
        own_AC = gradient_ALC[:, shifts_L == shift].sum(axis=1)
        first, last = max(shift, 0), count_A + min(shift, 0)
        summed_AC[first - shift : last - shift] += own_AC[first:last]
    strength_A: Points = np.linalg.norm(summed_AC / count_L, axis=1)
    return strength_A


def _fitted(strip: Strip, gradient_ALC: Values, offset_px: float, tilt_px: float, contrast: float) -> EdgeLine | None:
    places_L = strip.frame.places_L
    middle, length = (places_L[0] + places_L[-1]) / 2, places_L[-1] - places_L[0]
    expected_L = offset_px + tilt_px * (places_L - middle) / length
    toward_C = _mean_at(gradient_ALC, strip, expected_L)
    signed_AL = gradient_ALC @ (toward_C / max(float(np.linalg.norm(toward_C)), 1e-9)).astype(np.float32)
    points_P2 = _peaks(strip, signed_AL, expected_L)
    if len(points_P2) < LEAST_SHARE * PIECES:
        return None
    x, y, place, offset = cv2.fitLine(points_P2.astype(np.float32), cv2.DIST_HUBER, HUBER_PX, 1e-6, 1e-6).ravel()
    slope = float(y) / float(x)
    off_P = points_P2[:, 1] - (float(offset) + slope * (points_P2[:, 0] - float(place)))
    near_P = np.abs(off_P) <= 2 * HUBER_PX
    if near_P.sum() < LEAST_SHARE * PIECES:
        return None
    at = [float(offset) + slope * (float(end) - float(place)) for end in (places_L[0], places_L[-1])]
    return EdgeLine(
        start_2=strip.frame.point(at[0], float(places_L[0])),
        end_2=strip.frame.point(at[1], float(places_L[-1])),
        offset_px=sum(at) / 2,
        contrast=contrast,
        share=float(near_P.sum()) / PIECES,
        rms_px=float(np.sqrt((off_P[near_P] ** 2).mean())),
    )


def _mean_at(gradient_ALC: Values, strip: Strip, offsets_L: Points) -> Points:
    rows_L = np.clip(np.rint(offsets_L - strip.frame.offsets_A[0]).astype(int), 0, len(gradient_ALC) - 1)
    mean_C: Points = gradient_ALC[rows_L, np.arange(len(rows_L))].mean(axis=0).astype(np.float64)
    return mean_C


def _peaks(strip: Strip, signed_AL: Values, expected_L: Points) -> Points:
    """[P, 2]: place along and offset across of each piece's peak near the expected line; pieces without one are left
    out."""
    first_offset, places_L = strip.frame.offsets_A[0], strip.frame.places_L
    peaks = []
    for columns in np.array_split(np.arange(len(places_L)), PIECES):
        if not len(columns):
            continue
        expected = float(expected_L[columns].mean())
        mean_A = signed_AL[:, columns].mean(axis=1)
        low = int(np.ceil(expected - NEAR_PX - first_offset))
        high = int(np.floor(expected + NEAR_PX - first_offset))
        low, high = max(low, 1), min(high, len(mean_A) - 2)
        if low > high:
            continue
        row = low + int(mean_A[low : high + 1].argmax())
        before, here, after = (float(mean_A[row + step]) for step in (-1, 0, 1))
        curvature = before - 2 * here + after
        if here <= 0 or curvature >= 0 or before > here or after > here:
            continue
        offset = first_offset + row + 0.5 * (before - after) / curvature
        peaks.append((float(places_L[columns].mean()), offset))
    return np.array(peaks, dtype=np.float64).reshape(-1, 2)
