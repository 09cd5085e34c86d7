"""Four lamps of which only the sides are known. H and W sides of a picture."""

import numpy as np
import pytest
from truscore.metrics.normals import angular_errors
from truscore.photometric_stereo import UnknownLamps, card_normals, card_slopes

HEIGHT, WIDTH = 120, 90
NAMES = ("top", "right", "bottom", "left")
TOWARDS = {"right": (1, 0), "left": (-1, 0), "top": (0, 1), "bottom": (0, -1)}
EVERYWHERE = np.ones((HEIGHT, WIDTH), dtype=bool)


def dented(lamp_height_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Pictures [4, H, W] of printed paper with a dent, each lamp of its own brightness and falloff; true normals."""
    down_HW, across_HW = np.mgrid[0:HEIGHT, 0:WIDTH]
    x_HW, y_HW = (across_HW - 40) / 6.0, (60 - down_HW) / 6.0
    bell_HW = np.exp(-(x_HW**2 + y_HW**2) / 2)
    # Of z = -1.2 exp(-r² / 2), x and y in pixels.
    normals_HW3 = np.stack([-0.2 * x_HW * bell_HW, -0.2 * y_HW * bell_HW, np.ones((HEIGHT, WIDTH))], axis=-1)
    normals_HW3 /= np.linalg.norm(normals_HW3, axis=-1, keepdims=True)
    albedo_HW = np.where((across_HW // 9 + down_HW // 13) % 2, 0.3, 0.8)
    flat, steep = np.cos(np.radians(lamp_height_deg)), np.sin(np.radians(lamp_height_deg))
    pictures = []
    for brightness, name in zip((0.7, 1.0, 0.8, 0.9), NAMES, strict=True):
        x, y = TOWARDS[name]
        lit_HW = albedo_HW * (normals_HW3 @ np.array([flat * x, flat * y, steep]))
        falloff_HW = 1 + 0.2 * (x * (across_HW / WIDTH - 0.5) + y * (0.5 - down_HW / HEIGHT))
        pictures.append(brightness * falloff_HW * lit_HW)
    return np.stack(pictures), normals_HW3


@pytest.mark.parametrize("lamp_height_deg", [25.0, 45.0, 60.0])
def test_normals_of_a_printed_card_follow_from_lamps_whose_height_is_declared(lamp_height_deg: float) -> None:
    pictures_LHW, normals_HW3 = dented(lamp_height_deg)
    found_HW3 = card_normals(card_slopes(pictures_LHW, NAMES, EVERYWHERE, lamp_height_deg=lamp_height_deg))
    errors_N = angular_errors(found_HW3.reshape(-1, 3), normals_HW3.reshape(-1, 3))
    flat_N = angular_errors(np.tile([0.0, 0.0, 1.0], (HEIGHT * WIDTH, 1)), normals_HW3.reshape(-1, 3))
    assert errors_N.mean() < 0.4 * flat_N.mean()
    assert errors_N[flat_N > 5].mean() < 0.15 * flat_N[flat_N > 5].mean()


def test_without_the_lamps_height_slopes_are_right_up_to_one_factor() -> None:
    pictures_LHW, _ = dented(30.0)
    known_HW2 = card_slopes(pictures_LHW, NAMES, EVERYWHERE, lamp_height_deg=30.0)
    relative_HW2 = card_slopes(pictures_LHW, NAMES, EVERYWHERE)
    assert np.allclose(known_HW2, np.tan(np.radians(30)) * relative_HW2)


def test_the_order_of_lamps_and_their_brightness_change_nothing() -> None:
    pictures_LHW, _ = dented(45.0)
    order = [2, 0, 3, 1]
    brighter_LHW = pictures_LHW * np.array([0.5, 1.0, 0.9, 0.6])[:, None, None]
    expected_HW2 = card_slopes(pictures_LHW, NAMES, EVERYWHERE)
    found_HW2 = card_slopes(brighter_LHW[order], [NAMES[place] for place in order], EVERYWHERE)
    assert np.abs(found_HW2 - expected_HW2).max() < 1e-4


def test_what_is_outside_of_the_mask_changes_nothing_and_has_no_slope() -> None:
    pictures_LHW, _ = dented(45.0)
    mask_HW = EVERYWHERE.copy()
    mask_HW[:, :10] = False
    junk_LHW = np.where(mask_HW, pictures_LHW, np.random.default_rng(0).uniform(size=pictures_LHW.shape))
    found_HW2 = card_slopes(junk_LHW, NAMES, mask_HW)
    assert np.array_equal(found_HW2, card_slopes(pictures_LHW, NAMES, mask_HW))
    assert not found_HW2[~mask_HW].any()


@pytest.mark.parametrize("names", [("top", "right", "bottom"), ("a", "b", "c", "d"), ("top", "up", "left", "right")])
def test_other_lamps_are_refused_by_their_names(names: tuple[str, ...]) -> None:
    pictures_LHW, _ = dented(45.0)
    with pytest.raises(UnknownLamps, match=names[0]):
        card_slopes(pictures_LHW[: len(names)], names, EVERYWHERE)


@pytest.mark.parametrize("lamp_height_deg", [0.0, 90.0])
def test_lamps_in_the_card_s_plane_or_over_it_are_refused(lamp_height_deg: float) -> None:
    with pytest.raises(ValueError, match="degrees above"):
        card_slopes(dented(45.0)[0], NAMES, EVERYWHERE, lamp_height_deg=lamp_height_deg)
