"""From normals to a surface that may have steps. H height, W width; rows run downward, depths are in pixels."""

from __future__ import annotations

import numpy as np

from truscore.photometric_stereo.integration import Edges, Mask, centred, slopes, solved_edges
from truscore.photometric_stereo.least_squares import Array

_STIFFNESS = 2.0  # k of the paper: how sharply the smoother of two sides is preferred
_ROUNDS = 40
_SETTLED = 1e-4  # of the energy, by which a round may still lower it
_LEAST = 1e-6  # of an edge's weight: a side that nothing is seen of is not cut off whole


def integrate_bilateral(normals_HW3: Array, mask_HW: Mask | None = None) -> Array:
    """Depth towards the camera [H, W], its mean 0, NaN outside the mask (Cao 2022, equations 8 to 18, orthographic).

    Each pixel trusts its slope to either side by how well it fits there: by a logistic of the difference of both
    squared residuals, so that a step beside it bends the surface on neither. Least squares and weights in turn.
    """
    inside_HW = np.ones(normals_HW3.shape[:2], dtype=bool) if mask_HW is None else mask_HW
    right_HW, down_HW = slopes(normals_HW3)
    certain_HW = np.maximum(normals_HW3[..., 2], 0.0) ** 2
    across = _Sides(right_HW, certain_HW, inside_HW)
    along = _Sides(down_HW.T, certain_HW.T, inside_HW.T)
    depth_HW = np.zeros(inside_HW.shape)
    energy = np.inf
    for _ in range(_ROUNDS):
        upright = along.edges(depth_HW.T)
        turned = Edges(target=upright.target.T, weight=upright.weight.T)
        depth_HW = solved_edges(across.edges(depth_HW), turned, depth_HW, most=100, precision=1e-10)
        before, energy = energy, across.energy(depth_HW) + along.energy(depth_HW.T)
        if before - energy <= _SETTLED * before < np.inf or energy == 0:
            break
    return centred(depth_HW, inside_HW)


class _Sides:
    """Along the rows: each pixel's slope towards its right and towards its left neighbour."""

    def __init__(self, slope_HW: Array, certain_HW: Array, inside_HW: Mask) -> None:
        self._slope_HW, self._certain_HW = slope_HW, certain_HW
        self._there = inside_HW[:, 1:] & inside_HW[:, :-1]

    def edges(self, depth_HW: Array) -> Edges:
        """An edge is the right side of one pixel and the left side of the next; both say how depth should grow."""
        trust_HW = self._trust(depth_HW)
        first = trust_HW[:, :-1] * self._certain_HW[:, :-1] + _LEAST
        second = (1 - trust_HW[:, 1:]) * self._certain_HW[:, 1:] + _LEAST
        target = (first * self._slope_HW[:, :-1] + second * self._slope_HW[:, 1:]) / (first + second)
        return Edges(target=target, weight=(first + second) * self._there)

    def energy(self, depth_HW: Array) -> float:
        trust_HW = self._trust(depth_HW)
        right_HW, left_HW = self._residuals(depth_HW)
        return float((trust_HW * right_HW + (1 - trust_HW) * left_HW).sum())

    def _trust(self, depth_HW: Array) -> Array:
        """In the right side; all of it where there is no left one."""
        right_HW, left_HW = self._residuals(depth_HW)
        has_right_HW, has_left_HW = np.zeros(depth_HW.shape, bool), np.zeros(depth_HW.shape, bool)
        has_right_HW[:, :-1], has_left_HW[:, 1:] = self._there, self._there
        preferred_HW = 1 / (1 + np.exp(np.clip(_STIFFNESS * (right_HW - left_HW), -60, 60)))
        trust: Array = np.where(has_right_HW & has_left_HW, preferred_HW, np.where(has_left_HW, 0.0, 1.0))
        return trust

    def _residuals(self, depth_HW: Array) -> tuple[Array, Array]:
        """Squared, as lengths along the normal; 0 where there is no neighbour."""
        grown = np.diff(depth_HW, axis=1)
        right_HW, left_HW = np.zeros(depth_HW.shape), np.zeros(depth_HW.shape)
        right_HW[:, :-1] = self._certain_HW[:, :-1] * (grown - self._slope_HW[:, :-1]) ** 2 * self._there
        left_HW[:, 1:] = self._certain_HW[:, 1:] * (grown - self._slope_HW[:, 1:]) ** 2 * self._there
        return right_HW, left_HW
