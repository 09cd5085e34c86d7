"""Surfaces out of normals. H height, W width; rows run downward, y upward."""

import numpy as np
from truscore.photometric_stereo import integrate_poisson

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


def test_a_bump_is_found_with_its_height_and_towards_the_camera() -> None:
    height_HW, normals_HW3 = bump()
    assert np.abs(integrate_poisson(normals_HW3) - height_HW + height_HW.mean()).max() < 0.02


def test_what_lies_outside_a_mask_has_no_say() -> None:
    height_HW, normals_HW3 = bump()
    mask_HW = (COLUMNS_HW - 28) ** 2 + (ROWS_HW - 22) ** 2 < 400
    normals_HW3 = np.where(mask_HW[..., None], normals_HW3, (0.8, 0.0, 0.6))
    depth_HW = integrate_poisson(normals_HW3, mask_HW)
    assert np.isnan(depth_HW[~mask_HW]).all()
    assert np.abs(depth_HW - height_HW + height_HW[mask_HW].mean())[mask_HW].max() < 0.02


def test_a_plane_is_found_exactly_whatever_the_picture_s_shape() -> None:
    for height, width in ((1, 9), (9, 1), (7, 30)):
        right_HW = np.full((height, width), 0.3 if width > 1 else 0.0)
        down_HW = np.full((height, width), -0.2 if height > 1 else 0.0)
        plane_HW = right_HW * np.arange(width) + down_HW * np.arange(height)[:, None]
        assert np.abs(integrate_poisson(normals_of(right_HW, down_HW)) - plane_HW + plane_HW.mean()).max() < 1e-9
