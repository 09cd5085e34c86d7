"""Which 3 x 3 matrices make normals of a surface out of normals in axes without names. H height, W width, N pixels.

That a surface has one height leaves of nine numbers three: the generalised bas-relief transformations, which tilt a
surface and stretch it (Belhumeur, Kriegman & Yuille 1999).
"""

from __future__ import annotations

import numpy as np

from truscore.photometric_stereo.integration import Mask
from truscore.photometric_stereo.least_squares import Array
from truscore.photometric_stereo.robust import CAUCHY

_ROUNDS = 12
_MAD = 1.4826  # of a normal distribution, standard deviations in a median absolute deviation
_MOST_CHANGE = 0.3  # by which a pixel's z may vary with its slopes, one standard deviation, where nothing tells
_TINY = 1e-12


def integrable_axes(pseudo_HW3: Array, mask_HW: Mask) -> Array:
    """A matrix [3, 3] whose product with pseudo-normals, row by row, is a surface's, x to the right and y UP, z up to
    its sign.

    Of normals b = m Q the mixed derivatives of the height agree where (m x m_y) . (q3 x q1) = (m x m_x) . (q3 x q2)
    (Yuille & Snow 1997, eq. 11): linear in six numbers, which are those of least weighted squares over all squares of
    four neighbours. ``pseudo_HW3`` are unit vectors, so that print counts nothing.

    Two of the six, the parts along the mean normal, are told by products of slopes alone. On a card these are as good
    as nothing: the sum of squares is least relative to the other four, and both are held to 0 as far as noise reaches.
    """
    turn_33 = _mean_last(pseudo_HW3[mask_HW])
    turned_HW3 = pseudo_HW3 @ turn_33
    rows_N6 = _equations(turned_HW3, mask_HW)
    spread = float(np.mean(turned_HW3[mask_HW][:, :2] ** 2))
    weight_N = np.ones(len(rows_N6))
    noise = 0.0
    found_6 = np.zeros(6)
    for _ in range(_ROUNDS):
        found_6 = _least((rows_N6 * weight_N[:, None]).T @ rows_N6, held=noise**2 * spread / _MOST_CHANGE**2)
        left_N = np.abs(rows_N6 @ found_6)
        noise = _MAD * float(np.median(left_N)) + _TINY
        weight_N = 1 / (1 + (left_N / (CAUCHY * noise)) ** 2)
    along_y_3, along_x_3 = found_6[:3], -found_6[3:]
    # q3 x q1 and q3 x q2 leave q3 their common normal, and q1 and q2 where they are but for a part of q3.
    third_3 = np.cross(along_y_3, along_x_3)
    square = max(float(third_3 @ third_3), 1e-300)
    axes_33 = np.stack([np.cross(along_y_3, third_3) / square, np.cross(along_x_3, third_3) / square, third_3], axis=1)
    return turn_33 @ axes_33


def _mean_last(pseudo_N3: Array) -> Array:
    """Orthonormal axes [3, 3] as columns, the last towards the mean."""
    mean_3 = pseudo_N3.mean(axis=0)
    mean_3 = mean_3 / max(float(np.linalg.norm(mean_3)), _TINY)
    beside_32 = np.linalg.svd(mean_3[None])[2][1:].T
    return np.column_stack([beside_32, mean_3])


def _least(square_66: Array, *, held: float) -> Array:
    """Of least squares among vectors whose parts across the mean normal have length 1."""
    across, along = [0, 1, 3, 4], [2, 5]
    both = square_66[np.ix_(along, across)]
    held_22 = square_66[np.ix_(along, along)] + (held + _TINY * np.trace(square_66)) * np.eye(2)
    follows_24 = -np.linalg.solve(held_22, both)
    found_6 = np.zeros(6)
    found_6[across] = np.linalg.eigh(square_66[np.ix_(across, across)] + both.T @ follows_24)[1][:, 0]
    found_6[along] = follows_24 @ found_6[across]
    return found_6


def _equations(pseudo_HW3: Array, mask_HW: Mask) -> Array:
    """(m x m_y, m x m_x) in the middle of each square of four neighbours that are inside [N, 6]."""
    corners = [
        pseudo_HW3[down, across] for down in (slice(-1), slice(1, None)) for across in (slice(-1), slice(1, None))
    ]
    upper_left, upper_right, lower_left, lower_right = corners
    inside = mask_HW[:-1, :-1] & mask_HW[:-1, 1:] & mask_HW[1:, :-1] & mask_HW[1:, 1:]
    middle = (upper_left + upper_right + lower_left + lower_right) / 4
    right = (upper_right + lower_right - upper_left - lower_left) / 2
    upward = (upper_left + upper_right - lower_left - lower_right) / 2
    rows = np.concatenate([np.cross(middle, upward), np.cross(middle, right)], axis=-1)
    found: Array = rows[inside]
    return found
