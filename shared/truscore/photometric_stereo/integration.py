"""From normals to a surface, one step of the picture being one unit of depth. H height, W width; rows run downward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truscore.photometric_stereo.least_squares import Array

Mask = NDArray[np.bool_]
_STEEPEST = 0.05  # of z: a surface seen at more than 87 degrees has no slope that a pixel can hold


def integrate_poisson(normals_HW3: Array, mask_HW: Mask | None = None) -> Array:
    """Depth towards the camera [H, W], its mean 0, NaN outside the mask: the surface whose slopes fit best.

    Slopes between two pixels are the mean of both. Over a whole rectangle that is one division in the cosine basis
    (Simchony 1990); with a mask, conjugate gradients that this division preconditions.
    """
    inside_HW = np.ones(normals_HW3.shape[:2], dtype=bool) if mask_HW is None else mask_HW
    right_HW, down_HW = slopes(normals_HW3)
    across = Edges(
        target=(right_HW[:, :-1] + right_HW[:, 1:]) / 2, weight=(inside_HW[:, :-1] & inside_HW[:, 1:]).astype(float)
    )
    along = Edges(target=(down_HW[:-1] + down_HW[1:]) / 2, weight=(inside_HW[:-1] & inside_HW[1:]).astype(float))
    return centred(solved_edges(across, along, np.zeros(inside_HW.shape)), inside_HW)


def slopes(normals_HW3: Array) -> tuple[Array, Array]:
    """How depth grows from a pixel to its right and to its lower neighbour."""
    z_HW = np.maximum(normals_HW3[..., 2], _STEEPEST)
    return -normals_HW3[..., 0] / z_HW, normals_HW3[..., 1] / z_HW


def depth_normals(depth_HW: Array, mask_HW: Mask) -> Array:
    """Unit normals [H, W, 3] of a depth in steps of the picture: by the mean slope to both neighbours within the mask,
    or that to the one that is there; (0, 0, 1) where none is."""
    right_HW = _mean_slope(depth_HW, mask_HW)
    down_HW = _mean_slope(depth_HW.T, mask_HW.T).T
    upward_HW3 = np.stack([-right_HW, down_HW, np.ones(depth_HW.shape)], axis=-1)
    unit: Array = upward_HW3 / np.linalg.norm(upward_HW3, axis=-1, keepdims=True)
    return unit


def _mean_slope(depth_HW: Array, mask_HW: Mask) -> Array:
    there = mask_HW[:, 1:] & mask_HW[:, :-1]
    step = np.where(there, np.diff(np.where(mask_HW, depth_HW, 0.0), axis=1), 0.0)
    total_HW, count_HW = np.zeros(depth_HW.shape), np.zeros(depth_HW.shape)
    for part in (slice(1, None), slice(None, -1)):
        total_HW[:, part] += step
        count_HW[:, part] += there
    slope: Array = total_HW / np.maximum(count_HW, 1)
    return slope


@dataclass(frozen=True, kw_only=True, slots=True)
class Edges:
    """Between neighbours along one axis: by how much depth should grow, and how much that counts."""

    target: Array
    weight: Array


def solved_edges(across: Edges, along: Edges, start_HW: Array, *, most: int = 400, precision: float = 1e-16) -> Array:
    """The depth of least weighted squares over all edges, by preconditioned conjugate gradients: until the square of
    what is left falls below `precision` of that of the right side, or `most` steps are done."""
    inverse = _CosineInverse.of(start_HW.shape)
    right_HW = _divergence(across.weight * across.target, along.weight * along.target, start_HW.shape)
    depth_HW = start_HW.copy()
    rest_HW = right_HW - _laplacian(depth_HW, across, along)
    step_HW = direction_HW = inverse(rest_HW)
    fit = float((rest_HW * step_HW).sum())
    goal = precision * max(float((right_HW * inverse(right_HW)).sum()), 1e-300)
    for _ in range(most):
        if fit <= goal:
            break
        turned_HW = _laplacian(direction_HW, across, along)
        length = fit / max(float((direction_HW * turned_HW).sum()), 1e-300)
        depth_HW = depth_HW + length * direction_HW
        rest_HW = rest_HW - length * turned_HW
        step_HW = inverse(rest_HW)
        before, fit = fit, float((rest_HW * step_HW).sum())
        direction_HW = step_HW + (fit / before) * direction_HW
    return depth_HW


def _laplacian(depth_HW: Array, across: Edges, along: Edges) -> Array:
    return _divergence(
        across.weight * np.diff(depth_HW, axis=1), along.weight * np.diff(depth_HW, axis=0), depth_HW.shape
    )


def _divergence(across: Array, along: Array, shape: tuple[int, ...]) -> Array:
    """What flows into each pixel less what flows out: the transpose of taking differences."""
    flow_HW = np.zeros(shape)
    flow_HW[:, 1:] += across
    flow_HW[:, :-1] -= across
    flow_HW[1:] += along
    flow_HW[:-1] -= along
    return flow_HW


@dataclass(frozen=True, kw_only=True, slots=True)
class _CosineInverse:
    """The inverse of the Laplacian of a whole rectangle with free rims, which the discrete cosines are the waves of."""

    down_HH: Array
    across_WW: Array
    eigenvalue_HW: Array

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> _CosineInverse:
        height, width = shape
        down_H, across_W = (2 - 2 * np.cos(np.pi * np.arange(side) / side) for side in (height, width))
        eigenvalue_HW = down_H[:, None] + across_W[None, :]
        eigenvalue_HW[0, 0] = np.inf  # the mean, which no slope tells
        return cls(down_HH=_cosines(height), across_WW=_cosines(width), eigenvalue_HW=eigenvalue_HW)

    def __call__(self, values_HW: Array) -> Array:
        waves_HW = self.down_HH @ values_HW @ self.across_WW.T / self.eigenvalue_HW
        solved: Array = self.down_HH.T @ waves_HW @ self.across_WW
        return solved


def _cosines(side: int) -> Array:
    """The orthonormal DCT-II as a matrix: of a picture's side it is small, and products with it are fast."""
    at = np.arange(side)
    waves = np.cos(np.pi * at[:, None] * (2 * at[None, :] + 1) / (2 * side)) * np.sqrt(2 / side)
    waves[0] /= np.sqrt(2)
    orthonormal: Array = waves
    return orthonormal


def centred(depth_HW: Array, inside_HW: Mask) -> Array:
    mean = float(depth_HW[inside_HW].mean()) if inside_HW.any() else 0.0
    centred: Array = np.where(inside_HW, depth_HW - mean, np.nan)
    return centred
