"""Lights that nobody measured. N pixels, L lights, H and W sides of a picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from truscore.metrics.normals import angular_errors
from truscore.photometric_stereo import LitViews, cauchy_shading, uncalibrated_shading
from truscore.photometric_stereo.bas_relief import LitSurface
from truscore.photometric_stereo.integrability import integrable_axes
from truscore.photometric_stereo.least_squares import InvalidLights
from truscore.photometric_stereo.pseudo_lights import find_pseudo_lights

from tests.measuring.lit_objects import objects

SIDE = 64
DOWN_HW, ACROSS_HW = np.mgrid[0:SIDE, 0:SIDE] - (SIDE - 1) / 2
RIGHT_HW, UP_HW = ACROSS_HW, -DOWN_HW


def ring(count: int = 7, *, height_deg: float = 40.0, spread_deg: float = 0.0) -> np.ndarray:
    """Unit vectors to lamps all around, [L, 3]."""
    turn_L = 2 * np.pi * np.arange(count) / count + 0.3
    height_L = np.radians(height_deg + spread_deg * np.cos(2.3 * np.arange(count)))
    return np.stack([np.cos(height_L) * np.cos(turn_L), np.cos(height_L) * np.sin(turn_L), np.sin(height_L)], axis=1)


def card(lights_L3: np.ndarray, *, deep: float = 1.0) -> LitViews:
    """Printed in areas, flat but for three dents, under lamps of unequal brightness; no sample is rounded."""
    right_HW, up_HW = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE))
    for x, y, radius, depth in ((-12, 8, 6.0, 1.5), (14, -10, 4.0, 1.0), (6, 20, 5.0, 0.8)):
        across_HW, along_HW = (RIGHT_HW - x) / radius, (UP_HW - y) / radius
        # Of z = -depth exp(-r² / 2).
        bell_HW = deep * depth / radius * np.exp(-(across_HW**2 + along_HW**2) / 2)
        right_HW, up_HW = right_HW + across_HW * bell_HW, up_HW + along_HW * bell_HW
    printed_HW = np.where((np.arange(SIDE)[:, None] // 13 + np.arange(SIDE) // 9) % 2, 0.3, 0.8)
    return lit(np.stack([-right_HW, -up_HW, np.ones((SIDE, SIDE))], axis=-1), lights_L3, printed_HW)


def cap(lights_L3: np.ndarray) -> LitViews:
    """The front of an ellipsoid of one albedo before a ground that its mask leaves out."""
    rest_HW = 1 - (RIGHT_HW / 40) ** 2 - (UP_HW / 32) ** 2
    mask_HW = rest_HW > 0.3
    root_HW = np.sqrt(np.maximum(rest_HW, 0.3))
    normals_HW3 = np.stack([22 * RIGHT_HW / 40**2 / root_HW, 22 * UP_HW / 32**2 / root_HW, np.ones_like(root_HW)], -1)
    return lit(normals_HW3, lights_L3, np.full((SIDE, SIDE), 0.7), mask_HW=mask_HW, brightness=(1.0, 1.0))


def lit(
    normals_HW3: np.ndarray,
    lights_L3: np.ndarray,
    albedo_HW: np.ndarray,
    *,
    mask_HW: np.ndarray | None = None,
    brightness: tuple[float, float] = (0.6, 1.0),
) -> LitViews:
    mask_HW = np.ones((SIDE, SIDE), dtype=bool) if mask_HW is None else mask_HW
    normals_HW3 = normals_HW3 / np.linalg.norm(normals_HW3, axis=-1, keepdims=True)
    intensity_L = np.linspace(*brightness, len(lights_L3))
    samples_NL = albedo_HW[mask_HW][:, None] * np.clip(normals_HW3[mask_HW] @ lights_L3.T, 0, None) * intensity_L
    return LitViews(
        name="rendered",
        samples_NL=samples_NL,
        directions_L3=None,
        share_L=np.ones(len(lights_L3)),
        mask_HW=mask_HW,
        normals_HW3=normals_HW3,
        light_names=("",) * len(lights_L3),
    )


def off_deg(views: LitViews, normals_N3: np.ndarray) -> float:
    assert views.normals_HW3 is not None
    return float(angular_errors(normals_N3, views.normals_HW3[views.mask_HW]).mean())


def angles_deg(found_L3: np.ndarray, true_L3: np.ndarray) -> np.ndarray:
    angles_L: np.ndarray = np.degrees(np.arccos(np.clip((found_L3 * true_L3).sum(axis=1), -1, 1)))
    return angles_L


@pytest.mark.parametrize("count", [4, 7, 20])
def test_integrability_leaves_normals_right_up_to_a_bas_relief(count: int) -> None:
    views = cap(ring(count, height_deg=55, spread_deg=15))
    assert views.normals_HW3 is not None
    pseudo_N3 = cauchy_shading(views.samples_NL, find_pseudo_lights(views.samples_NL)).normals_N3
    found_N3 = pseudo_N3 @ integrable_axes(views.picture(pseudo_N3), views.mask_HW)
    true_N3 = views.normals_HW3[views.mask_HW]
    slopes_N2, wanted_N2 = (each[:, :2] / each[:, 2:] for each in (found_N3, true_N3))
    # One stretch and one tilt for all: what is left is no bas-relief.
    moved_N2, aimed_N2 = slopes_N2 - slopes_N2.mean(axis=0), wanted_N2 - wanted_N2.mean(axis=0)
    stretch = float((moved_N2 * aimed_N2).sum() / (moved_N2**2).sum())
    assert np.abs(stretch * moved_N2 - aimed_N2).max() < 0.01


def test_a_card_under_lamps_of_declared_height_is_found_with_its_lamps() -> None:
    lights_L3 = ring(7, height_deg=35)
    found = uncalibrated_shading(views := card(lights_L3), lamp_height_deg=35)
    assert off_deg(views, found.shading.normals_N3) < 0.1
    assert angles_deg(found.directions_L3, lights_L3).max() < 0.5
    assert found.intensities_L == pytest.approx(np.linspace(0.6, 1.0, 7) / 0.8, abs=0.01)
    assert not found.relative
    assert [each.split(":")[0] for each in found.resolved] == ["tilt", "stretch", "sign"]


def test_without_the_lamps_height_a_card_s_slopes_are_right_up_to_one_factor() -> None:
    views = card(ring(7, height_deg=30))
    relative, known = (uncalibrated_shading(views, lamp_height_deg=height).shading for height in (None, 30))
    assert uncalibrated_shading(views).relative
    slopes, wanted = (each.normals_N3[:, :2] / each.normals_N3[:, 2:] for each in (relative, known))
    assert np.allclose(np.tan(np.radians(30)) * slopes, wanted, atol=1e-9)


def test_an_object_of_one_albedo_under_equal_lamps_is_found_with_its_lamps() -> None:
    lights_L3 = ring(9, height_deg=50, spread_deg=20)
    found = uncalibrated_shading(views := cap(lights_L3), kind="object")
    assert off_deg(views, found.shading.normals_N3) < 2.0
    assert angles_deg(found.directions_L3, lights_L3).mean() < 2.0
    assert found.shading.albedo_N.std() < 0.05 * found.shading.albedo_N.mean()
    assert not found.relative


def test_the_order_of_views_and_their_brightness_change_no_normal() -> None:
    views = card(ring(6))
    before = uncalibrated_shading(views)
    order_L = np.array([4, 0, 5, 2, 1, 3])
    after = uncalibrated_shading(replace(views, samples_NL=0.5 * views.samples_NL[:, order_L]))
    assert np.abs(after.shading.normals_N3 - before.shading.normals_N3).max() < 1e-5
    assert np.abs(after.directions_L3 - before.directions_L3[order_L]).max() < 1e-5
    assert np.abs(after.intensities_L - before.intensities_L[order_L]).max() < 1e-5


def test_highlights_and_shadows_count_little() -> None:
    views = cap(ring(9, height_deg=55, spread_deg=15))
    spoilt_NL = views.samples_NL.copy()
    random = np.random.default_rng(3)
    for value in (0.0, 1.0):
        spoilt_NL[random.random(spoilt_NL.shape) < 0.03] = value
    clean, spoilt = (
        uncalibrated_shading(each, kind="object") for each in (views, replace(views, samples_NL=spoilt_NL))
    )
    assert angles_deg(spoilt.directions_L3, clean.directions_L3).mean() < 1
    assert angular_errors(spoilt.shading.normals_N3, clean.shading.normals_N3).mean() < 1


@pytest.mark.parametrize("deep", [1.0, -1.0])
def test_lamps_that_are_named_by_their_side_tell_dents_from_bumps(deep: float) -> None:
    # The second of seven stands at the right, the fourth at the left.
    lights_L3 = ring(7)
    views = replace(card(lights_L3, deep=deep), light_names=("right", "1", "2", "left", "4", "5", "6"))
    found = uncalibrated_shading(views, lamp_height_deg=40)
    assert off_deg(views, found.shading.normals_N3) < 0.1
    assert found.resolved[-1] == "sign: the lamps stand where their names say"


def test_without_names_bumps_are_taken_for_dents_and_that_is_said() -> None:
    found = uncalibrated_shading(card(lights_L3 := ring(7), deep=-1.0), lamp_height_deg=40)
    assert angles_deg(found.directions_L3, lights_L3 * (-1, -1, 1)).max() < 0.5
    assert found.resolved[-1].startswith("sign: assumed")


@pytest.mark.parametrize(
    ("views", "named"),
    [
        (card(ring(3)), "3 lights without directions; with 4 or more"),
        (card(np.tile(ring(1), (6, 1))), "lights stand in one direction"),
        (card(ring(6, height_deg=0.0) * (1, 0, 0) + (0, 0, 1.0)), "the lights lie in one plane"),
        (card(ring(6), deep=0.0), "surface is flat and matte"),
        (replace(cap(ring(6)), samples_NL=np.zeros((100, 6))), "0 pixels are lit"),
    ],
)
def test_views_that_tell_no_lights_are_refused_with_the_reason(views: LitViews, named: str) -> None:
    with pytest.raises(InvalidLights, match=named):
        uncalibrated_shading(views)


def test_noise_is_not_taken_for_a_surface() -> None:
    views = card(ring(6), deep=0.0)
    noise_NL = 0.01 * np.random.default_rng(1).normal(size=views.samples_NL.shape)
    with pytest.raises(InvalidLights, match="flat and matte"):
        uncalibrated_shading(replace(views, samples_NL=views.samples_NL + noise_NL))


def test_a_bas_relief_changes_no_view() -> None:
    random = np.random.default_rng(2)
    surface = LitSurface(scaled_N3=random.normal(size=(9, 3)), lights_L3=random.normal(size=(5, 3)))
    for other in (surface.moved(np.array([0.3, -0.2]), 1.7), surface.inverted(), surface.under_lamps(30)):
        assert np.allclose(other.scaled_N3 @ other.lights_L3.T, surface.scaled_N3 @ surface.lights_L3.T)


@pytest.mark.parametrize("lamp_height_deg", [0.0, 90.0])
def test_heights_that_are_none_are_refused(lamp_height_deg: float) -> None:
    with pytest.raises(ValueError, match="accepted is more than 0"):
        uncalibrated_shading(card(ring()), lamp_height_deg=lamp_height_deg)


def test_the_bunny_and_its_lights_are_found(shared_data: Path) -> None:
    (bunny,) = (views for views in objects(shared_data) if views.name == "bunny, 12 lights")
    found = uncalibrated_shading(bunny, kind="object")
    assert off_deg(bunny, found.shading.normals_N3) < 6
    assert angles_deg(found.directions_L3, bunny.directions()).mean() < 6
