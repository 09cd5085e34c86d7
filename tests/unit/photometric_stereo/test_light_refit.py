"""Lights that were measured roughly. N pixels, L lights, H and W sides of a picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from truscore.metrics.normals import angular_errors
from truscore.photometric_stereo import InvalidViews, LitViews, cauchy_shading, refit_lights

from tests.measuring.lit_objects import objects

SIDE = 48


def dome(count: int = 9) -> LitViews:
    """Matt, of some relief, a part of it in shadow; under exact lights."""
    random = np.random.default_rng(4)
    y_HW, x_HW = np.mgrid[1 : -1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    mask_HW = x_HW**2 + y_HW**2 < 0.9
    # Of z = 0.5 cos(2 x) cos(1.5 y), whose normals these are.
    right_HW = -np.sin(2 * x_HW) * np.cos(1.5 * y_HW)
    up_HW = -0.75 * np.cos(2 * x_HW) * np.sin(1.5 * y_HW)
    normals_HW3 = np.stack([-right_HW, -up_HW, np.ones_like(x_HW)], axis=-1)
    normals_HW3 /= np.linalg.norm(normals_HW3, axis=-1, keepdims=True)
    turn_L = 2 * np.pi * np.arange(count) / count
    height_L = random.uniform(0.5, 1.2, size=count)
    lights_L3 = np.stack([np.cos(height_L) * np.cos(turn_L), np.cos(height_L) * np.sin(turn_L), np.sin(height_L)], 1)
    albedo_N1 = random.uniform(0.3, 0.9, size=(int(mask_HW.sum()), 1))
    samples_NL = albedo_N1 * np.clip(normals_HW3[mask_HW] @ lights_L3.T, 0, None)
    return LitViews(
        name="dome",
        samples_NL=np.round(255 * samples_NL) / 255,
        directions_L3=lights_L3,
        share_L=np.ones(count),
        mask_HW=mask_HW,
        normals_HW3=normals_HW3,
    )


def moved(views: LitViews, degrees: float, seed: int = 2) -> LitViews:
    directions_L3 = views.directions() + np.radians(degrees) * np.random.default_rng(seed).normal(size=(9, 3))
    return replace(views, directions_L3=directions_L3 / np.linalg.norm(directions_L3, axis=1, keepdims=True))


def off_deg(views: LitViews, directions_L3: np.ndarray) -> float:
    assert views.normals_HW3 is not None
    normals_N3 = cauchy_shading(views.samples_NL, directions_L3).normals_N3
    return float(angular_errors(normals_N3, views.normals_HW3[views.mask_HW]).mean())


def test_exact_lights_are_left_alone() -> None:
    views = dome()
    found = refit_lights(views)
    assert not found.kept
    assert np.array_equal(found.directions_L3, views.directions())


def test_lights_that_are_off_are_moved_to_where_normals_belong_to_a_surface() -> None:
    errors_R2 = []
    for seed in range(5):
        views = moved(dome(), 4.0, seed)
        found = refit_lights(views)
        assert found.kept
        assert found.residual < found.residual_measured
        assert np.abs(np.linalg.norm(found.directions_L3, axis=1) - 1).max() < 1e-9
        errors_R2.append((off_deg(views, views.directions()), off_deg(views, found.directions_L3)))
    before, after = np.mean(errors_R2, axis=0)
    assert after < 0.8 * before


def test_lights_that_are_turned_with_their_object_are_refitted_alike() -> None:
    views = moved(dome(), 4.0)
    turn_33 = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    laid_HWL = np.rot90(views.picture(views.samples_NL))
    mask_HW = np.rot90(views.mask_HW)
    turned = replace(views, samples_NL=laid_HWL[mask_HW], mask_HW=mask_HW, directions_L3=views.directions() @ turn_33.T)
    expected_L3 = refit_lights(views).directions_L3 @ turn_33.T
    assert np.abs(refit_lights(turned).directions_L3 - expected_L3).max() < 1e-4


def test_the_order_of_lights_changes_nothing() -> None:
    views = moved(dome(), 4.0)
    order_L = np.array([4, 0, 8, 2, 6, 1, 3, 7, 5])
    shuffled = replace(
        views, samples_NL=views.samples_NL[:, order_L], directions_L3=views.directions()[order_L], share_L=np.ones(9)
    )
    assert np.abs(refit_lights(shuffled).directions_L3 - refit_lights(views).directions_L3[order_L]).max() < 1e-6


def test_lights_without_directions_are_refused() -> None:
    with pytest.raises(InvalidViews, match="direction"):
        refit_lights(replace(dome(), directions_L3=None))


def test_the_photographed_sphere_s_lights_are_refitted_and_the_bunny_s_are_left_alone(shared_data: Path) -> None:
    by_name = {views.name: views for views in objects(shared_data)}
    for name, kept in {"bunny, 8 lights": False, "bunny, 50 lights": False, "gray sphere, 12 lights": True}.items():
        assert refit_lights(by_name[name]).kept is kept
    sphere = by_name["gray sphere, 12 lights"]
    assert sphere.normals_HW3 is not None
    normals_N3 = cauchy_shading(sphere.samples_NL, refit_lights(sphere).directions_L3).normals_N3
    assert np.nanmean(angular_errors(normals_N3, sphere.normals_HW3[sphere.mask_HW])) < 4.7
