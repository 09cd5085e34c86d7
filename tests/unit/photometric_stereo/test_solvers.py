"""Normals out of samples. N pixels, L lights, H and W sides of a picture."""

from pathlib import Path

import numpy as np
import pytest
from truscore.metrics.normals import angular_errors
from truscore.photometric_stereo import (
    Shading,
    cauchy_shading,
    find_black_level,
    least_squares,
    sparse_bayesian,
)
from truscore.photometric_stereo.least_squares import PIXELS_AT_ONCE, InvalidLights

from tests.measuring.lit_objects import MOST_DEG, objects, views_of
from tests.planted_faults import lit

SOLVERS = [least_squares, cauchy_shading, sparse_bayesian]


def cap(reach: float = 0.8, side: int = 41) -> np.ndarray:
    """Normals [N, 3] of a sphere's front, as far as its slope has z above sqrt(1 - reach²)."""
    x_HW, y_HW = np.meshgrid(np.linspace(-reach, reach, side), np.linspace(reach, -reach, side))
    inside_HW = x_HW**2 + y_HW**2 < reach**2
    x_N, y_N = x_HW[inside_HW], y_HW[inside_HW]
    return np.stack([x_N, y_N, np.sqrt(1 - x_N**2 - y_N**2)], axis=1)


def lights(count: int, tilt: float = 0.5) -> np.ndarray:
    turn_L = np.arange(count) * 2 * np.pi / count
    ring_L3 = np.stack([np.sin(tilt) * np.cos(turn_L), np.sin(tilt) * np.sin(turn_L), np.full(count, np.cos(tilt))], 1)
    ring_L3[::3] = ring_L3[::3] * (0.5, 0.5, 1.0)
    return ring_L3 / np.linalg.norm(ring_L3, axis=1, keepdims=True)


def shaded(normals_N3: np.ndarray, directions_L3: np.ndarray, albedo: float = 0.7) -> np.ndarray:
    return albedo * np.clip(normals_N3 @ directions_L3.T, 0, None)


def off(shading: Shading, normals_N3: np.ndarray) -> float:
    return float(angular_errors(shading.normals_N3, normals_N3).mean())


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("count", [3, 4, 12])
def test_a_matt_sphere_without_noise_or_shadow_is_solved_exactly(solver, count: int) -> None:
    normals_N3, directions_L3 = cap(0.5), lights(count, tilt=0.4)
    samples_NL = shaded(normals_N3, directions_L3)
    assert samples_NL.min() > 0.1
    shading = solver(samples_NL, directions_L3)
    assert off(shading, normals_N3) < 0.001
    assert np.abs(shading.albedo_N - 0.7).max() < 1e-4


@pytest.mark.parametrize("solver", [cauchy_shading, sparse_bayesian])
def test_shadows_and_highlights_hardly_move_the_robust_solvers(solver) -> None:
    normals_N3, directions_L3 = cap(0.8), lights(16, tilt=0.9)
    samples_NL = shaded(normals_N3, directions_L3)
    assert (samples_NL == 0).mean() > 0.02
    half_L3 = directions_L3 + np.array([0.0, 0.0, 1.0])
    half_L3 /= np.linalg.norm(half_L3, axis=1, keepdims=True)
    samples_NL = samples_NL + 2 * np.clip(normals_N3 @ half_L3.T, 0, None) ** 200 * (samples_NL > 0)
    assert (
        off(solver(samples_NL, directions_L3), normals_N3)
        < 1
        < off(least_squares(samples_NL, directions_L3), normals_N3)
    )


def eight_bits(samples_NL: np.ndarray) -> np.ndarray:
    return np.round(255 * np.clip(samples_NL, 0, 1)) / 255


@pytest.mark.parametrize("level", [-0.03, -0.016, 0.02, 0.05])
def test_a_black_level_is_found_in_eight_bits(level: float) -> None:
    normals_N3, directions_L3 = cap(0.8), lights(12, tilt=0.7)
    samples_NL = eight_bits(shaded(normals_N3, directions_L3, albedo=0.4) + level)
    found = find_black_level(samples_NL, directions_L3)
    assert abs(found.level - level) < 1 / 255
    assert off(cauchy_shading(samples_NL, directions_L3, black_level=found.level), normals_N3) < 0.6


@pytest.mark.parametrize("count", [4, 8, 24])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_no_black_level_is_kept_where_there_is_none(count: int, noise: float) -> None:
    random = np.random.default_rng(count)
    normals_N3, directions_L3 = cap(0.8), lights(count, tilt=0.7)
    samples_NL = shaded(normals_N3, directions_L3)
    samples_NL = eight_bits(samples_NL + noise * random.normal(size=samples_NL.shape))
    assert find_black_level(samples_NL, directions_L3).level == 0


def test_three_lights_leave_no_black_level_to_be_found() -> None:
    directions_L3 = lights(3)
    assert find_black_level(shaded(cap(), directions_L3) + 0.05, directions_L3).level == 0


@pytest.mark.parametrize("solver", SOLVERS)
def test_more_pixels_than_are_solved_at_once_are_solved_alike(solver) -> None:
    normals_N3, directions_L3 = cap(), lights(4)
    many_N3 = np.tile(normals_N3, (PIXELS_AT_ONCE // len(normals_N3) + 2, 1))
    shading = solver(shaded(many_N3, directions_L3), directions_L3)
    assert shading.normals_N3.shape == many_N3.shape
    first = solver(shaded(normals_N3, directions_L3), directions_L3)
    assert np.abs(shading.normals_N3[-len(normals_N3) :] - first.normals_N3).max() < 1e-6


@pytest.mark.parametrize("solver", SOLVERS)
def test_turning_the_views_and_the_lights_turns_the_normals(solver) -> None:
    random = np.random.default_rng(5)
    samples_NL, directions_L3 = random.uniform(0.05, 1, size=(50, 8)), lights(8)
    turn_33 = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    turned = solver(samples_NL, directions_L3 @ turn_33.T).normals_N3
    assert np.abs(turned - solver(samples_NL, directions_L3).normals_N3 @ turn_33.T).max() < 1e-6


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_pixel_that_no_light_reaches_faces_the_camera(solver) -> None:
    shading = solver(np.zeros((2, 5)), lights(5))
    assert shading.normals_N3.tolist() == [[0, 0, 1]] * 2
    assert shading.albedo_N.tolist() == [0, 0]


@pytest.mark.parametrize("solver", [*SOLVERS, find_black_level])
@pytest.mark.parametrize(
    ("directions", "reason"), [(lights(2), "2 lights"), (lights(6) * (1.0, 0.0, 1.0), "one plane")]
)
def test_lights_that_no_normal_follows_from_are_refused(solver, directions: np.ndarray, reason: str) -> None:
    with pytest.raises(InvalidLights, match=reason):
        solver(np.ones((4, len(directions))), directions)


def test_speckled_renders_of_the_validators_suite_are_solved(tmp_path: Path) -> None:
    lit.diligent(tmp_path / "set", np.random.default_rng(3), count=12)
    views = views_of(tmp_path / "set", ".")
    assert views.normals_HW3 is not None
    normals_N3 = cauchy_shading(views.samples_NL, views.directions_L3).normals_N3
    assert np.median(angular_errors(normals_N3, views.normals_HW3[views.mask_HW])) < 1


def test_the_real_objects_are_solved_as_well_as_was_measured_before(shared_data: Path) -> None:
    by_name = {views.name: views for views in objects(shared_data)}
    for name, line in MOST_DEG.items():
        views = by_name[name]
        level = find_black_level(views.samples_NL, views.directions_L3).level
        normals_N3 = cauchy_shading(views.samples_NL, views.directions_L3, black_level=level).normals_N3
        assert views.normals_HW3 is not None
        assert np.nanmean(angular_errors(normals_N3, views.normals_HW3[views.mask_HW])) < line
        assert (level != 0) == (name == "bunny, 50 lights")
