"""Surfaces out of normals. H height, W width; rows run downward, y upward."""

from collections.abc import Callable

import numpy as np
import pytest
from truscore.photometric_stereo import depth_normals, integrate_bilateral, integrate_poisson

Integrate = Callable[..., np.ndarray]
SOLVERS = pytest.mark.parametrize("integrate", [integrate_poisson, integrate_bilateral])
ROWS_HW, COLUMNS_HW = (values.astype(float) for values in np.mgrid[:48, :61])


def normals_of(right_HW: np.ndarray, down_HW: np.ndarray) -> np.ndarray:
    """Of the slopes of depth along columns and rows."""
    normals_HW3 = np.stack([-right_HW, down_HW, np.ones(right_HW.shape)], axis=-1)
    return normals_HW3 / np.linalg.norm(normals_HW3, axis=-1, keepdims=True)


def bump() -> tuple[np.ndarray, np.ndarray]:
    """A bell off the middle, its depth (mean 0) and its normals."""
    across_HW, down_HW = COLUMNS_HW - 25, ROWS_HW - 20
    height_HW = 6 * np.exp(-(across_HW**2 + down_HW**2) / 200)
    return height_HW, normals_of(-across_HW / 100 * height_HW, -down_HW / 100 * height_HW)


@SOLVERS
def test_a_bump_is_found_with_its_height_and_towards_the_camera(integrate: Integrate) -> None:
    height_HW, normals_HW3 = bump()
    assert np.abs(integrate(normals_HW3) - height_HW + height_HW.mean()).max() < 0.02


@SOLVERS
def test_what_lies_outside_a_mask_has_no_say(integrate: Integrate) -> None:
    height_HW, normals_HW3 = bump()
    mask_HW = (COLUMNS_HW - 28) ** 2 + (ROWS_HW - 22) ** 2 < 400
    normals_HW3 = np.where(mask_HW[..., None], normals_HW3, (0.8, 0.0, 0.6))
    depth_HW = integrate(normals_HW3, mask_HW)
    assert np.isnan(depth_HW[~mask_HW]).all()
    assert np.abs(depth_HW - height_HW + height_HW[mask_HW].mean())[mask_HW].max() < 0.02


@SOLVERS
def test_a_plane_is_found_exactly_whatever_the_picture_s_shape(integrate: Integrate) -> None:
    for height, width in ((1, 9), (9, 1), (7, 30)):
        right_HW = np.full((height, width), 0.3 if width > 1 else 0.0)
        down_HW = np.full((height, width), -0.2 if height > 1 else 0.0)
        plane_HW = right_HW * np.arange(width) + down_HW * np.arange(height)[:, None]
        assert np.abs(integrate(normals_of(right_HW, down_HW)) - plane_HW + plane_HW.mean()).max() < 1e-9


def test_a_step_bends_only_what_lies_beside_it_where_sides_may_be_left_out() -> None:
    """A ball before a flat ground: Poisson's equation bends the ground around the rim, and bilateral sides do not."""
    rest_HW = 15**2 - (COLUMNS_HW - 30) ** 2 - (ROWS_HW - 24) ** 2
    ball_HW = rest_HW > 4
    across_HW, upward_HW = (COLUMNS_HW - 30) / 15, (24 - ROWS_HW) / 15
    towards_HW = np.sqrt(np.maximum(1 - across_HW**2 - upward_HW**2, 0))
    normals_HW3 = np.where(
        ball_HW[..., None], np.stack([across_HW, upward_HW, towards_HW], axis=-1), np.array([0.0, 0.0, 1.0])
    )
    ground, bent = (np.std(integrate(normals_HW3)[~ball_HW]) for integrate in (integrate_bilateral, integrate_poisson))
    assert ground < 0.5 * bent


def test_the_normals_of_a_depth_are_those_that_it_was_made_of_up_to_the_mask() -> None:
    height_HW, normals_HW3 = bump()
    mask_HW = (COLUMNS_HW - 28) ** 2 + (ROWS_HW - 22) ** 2 < 400
    found_HW3 = depth_normals(np.where(mask_HW, height_HW, 1e6), mask_HW)
    assert np.linalg.norm(found_HW3 - normals_HW3, axis=-1)[mask_HW].max() < 0.06
    assert (depth_normals(height_HW, np.eye(48, 61, dtype=bool))[0, 0] == (0, 0, 1)).all()
