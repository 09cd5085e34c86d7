"""A surface fitted to its views. N pixels, L lights, H and W sides of a picture."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from truscore.metrics.normals import angular_errors
from truscore.photometric_stereo import cauchy_shading, least_squares
from truscore.zoo.inverse_rendering import FitSettings, FitUnfinished, InvalidObservation, Observed, fit_object
from truscore.zoo.inverse_rendering.coordinates import CoordinateNetwork, encoded

SIDE, LIGHTS = 24, 10
QUICK = FitSettings(steps=250, first_steps=100, pixels=256)


def dome() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mask [H, W], normals [N, 3] and heights [N] in pixels of a sphere's front, as far as 53 degrees from its top."""
    rows_HW, columns_HW = np.indices((SIDE, SIDE))
    radius = SIDE / 2 / 0.8
    x_HW, y_HW = (columns_HW - (SIDE - 1) / 2) / radius, ((SIDE - 1) / 2 - rows_HW) / radius
    mask_HW = x_HW**2 + y_HW**2 < 0.8**2
    x_N, y_N = x_HW[mask_HW], y_HW[mask_HW]
    z_N = np.sqrt(1 - x_N**2 - y_N**2)
    return mask_HW, np.stack([x_N, y_N, z_N], axis=1), radius * z_N


def ring(tilt: float = 0.6) -> np.ndarray:
    turn_L, tilt_L = np.arange(LIGHTS) * 2.4, tilt * (0.5 + 0.5 * (np.arange(LIGHTS) % 3 > 0))
    return np.stack([np.sin(tilt_L) * np.cos(turn_L), np.sin(tilt_L) * np.sin(turn_L), np.cos(tilt_L)], axis=1)


def observed(samples_NL: np.ndarray, mask_HW: np.ndarray, lights_L3: np.ndarray) -> Observed:
    shading = cauchy_shading(samples_NL, lights_L3)
    return Observed(
        samples_NL=samples_NL,
        lit_NL=samples_NL > 0.5 / 255,
        directions_L3=lights_L3,
        mask_HW=mask_HW,
        normals_N3=shading.normals_N3,
        albedo_N=shading.albedo_N,
    )


def matt(noise: float = 0.02, seed: int = 0) -> tuple[Observed, np.ndarray, np.ndarray]:
    """With its true normals and heights."""
    mask_HW, normals_N3, height_N = dome()
    rng = np.random.default_rng(seed)
    albedo_N1 = rng.uniform(0.3, 0.8, size=(len(normals_N3), 1))
    samples_NL = albedo_N1 * np.clip(normals_N3 @ ring().T, 0, None)
    return observed(samples_NL + noise * rng.normal(size=samples_NL.shape), mask_HW, ring()), normals_N3, height_N


def off(prediction_N3: np.ndarray, target_N3: np.ndarray) -> float:
    return float(angular_errors(prediction_N3, target_N3).mean())


def test_a_noisy_matt_dome_is_found_better_than_by_single_pixels() -> None:
    given, normals_N3, height_N = matt()
    fitted = fit_object(given, QUICK)
    assert off(fitted.normals_N3, normals_N3) < 2.0
    assert off(fitted.normals_N3, normals_N3) < off(given.normals_N3, normals_N3) / 1.5
    assert np.abs(fitted.depth_N - (height_N - height_N.mean())).mean() < 0.1
    assert fitted.on_surface_N.mean() > 0.95


def test_what_a_highlight_does_is_told_from_shape() -> None:
    mask_HW, normals_N3, _ = dome()
    half_L3 = ring() + np.array([0.0, 0.0, 1.0])
    half_L3 /= np.linalg.norm(half_L3, axis=1, keepdims=True)
    facing_NL = np.clip(normals_N3 @ ring().T, 0, None)
    glossy_NL = (0.4 + 0.3 * np.exp(60 * (normals_N3 @ half_L3.T - 1))) * facing_NL
    given = observed(glossy_NL, mask_HW, ring())
    fitted = fit_object(given, QUICK)
    assert off(fitted.normals_N3, normals_N3) < off(least_squares(glossy_NL, ring()).normals_N3, normals_N3) / 2
    assert off(fitted.normals_N3, normals_N3) < off(given.normals_N3, normals_N3)


def test_lamps_at_a_distance_are_no_lights_at_infinity() -> None:
    mask_HW, normals_N3, height_N = dome()
    rows_N, columns_N = np.nonzero(mask_HW)
    middle = (SIDE - 1) / 2
    places_N3 = np.stack([columns_N - middle, middle - rows_N, height_N - height_N.mean()], axis=1)
    distance_L = np.full(LIGHTS, 2.0 * SIDE)
    way_NL3 = ring() * distance_L[:, None] - places_N3[:, None]
    length_NL = np.linalg.norm(way_NL3, axis=2)
    facing_NL = np.einsum("nc,nlc->nl", normals_N3, way_NL3) / length_NL
    samples_NL = 0.5 * np.clip(facing_NL, 0, None) * (distance_L / length_NL) ** 2
    far = observed(samples_NL, mask_HW, ring())
    near = replace(far, lamp_distance_L=distance_L)
    errors = [off(fit_object(given, QUICK).surface_normals_N3, normals_N3) for given in (far, near)]
    assert errors[1] < errors[0] / 2


def test_a_seed_gives_the_same_numbers_again_and_leaves_others_alone() -> None:
    given, _, _ = matt()
    short = FitSettings(steps=8, first_steps=4, pixels=64)
    state = torch.random.get_rng_state()
    first, second = fit_object(given, short), fit_object(given, short)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.array_equal(first.normals_N3, second.normals_N3)
    assert first.losses == second.losses
    assert fit_object(given, replace(short, seed=1)).losses != first.losses


def test_a_pixel_that_no_surface_explains_keeps_the_given_normal() -> None:
    given, _, _ = matt(noise=0.002)
    turned_N3 = given.normals_N3.copy()
    samples_NL = given.samples_NL.copy()
    at = len(turned_N3) // 2
    lone_3 = np.array([0.6, 0.0, 0.8])
    samples_NL[at] = 0.5 * np.clip(ring() @ lone_3, 0, None)
    fitted = fit_object(observed(samples_NL, given.mask_HW, ring()), QUICK)
    assert not fitted.on_surface_N[at]
    assert off(fitted.normals_N3[at : at + 1], lone_3[None]) < 0.5


def test_a_result_says_whether_it_explains_the_views_better_than_what_was_given() -> None:
    given, _, _ = matt()
    blind = replace(given, normals_N3=np.tile([0.0, 0.0, 1.0], (len(given.normals_N3), 1)))
    assert fit_object(blind, QUICK).explains_better
    assert not fit_object(given, QUICK).explains_better  # a solver of single pixels follows their noise


def test_a_deadline_is_an_error_that_says_how_far_it_came() -> None:
    ticks = itertools.count()
    with pytest.raises(FitUnfinished, match=r"5 of 350 steps in 5 s: give it more time"):
        fit_object(matt()[0], replace(QUICK, most_s=5), clock=lambda: float(next(ticks)))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"directions_L3": np.eye(3)[:2]}, "pixels under 2 lights; accepted are"),
        ({"albedo_N": np.ones(3)}, r"albedo_N is of shape \(3,\)"),
        ({"lamp_distance_L": np.zeros(LIGHTS)}, "distances of 0 and less"),
        ({"lit_NL": np.zeros((448, LIGHTS), dtype=bool)}, "no sample counts"),
        ({"samples_NL": np.full((448, LIGHTS), np.nan)}, "samples_NL has numbers that are not finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changed: dict, reason: str) -> None:
    given, _, _ = matt()
    with pytest.raises(InvalidObservation, match=reason):
        replace(given, **changed)


def test_settings_that_fit_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="8 steps and more"):
        FitSettings(steps=0)


def test_slopes_are_the_derivative_of_the_height() -> None:
    torch.manual_seed(0)
    network = CoordinateNetwork(channels=2 + 2 * 4 * 3, width=16, layers=2, outputs=1).double()
    torch.nn.init.normal_(network.last.weight)
    places_N2 = torch.rand(20, 2, dtype=torch.double) * 2 - 1
    _, slope_2N1 = network.with_slopes(encoded(places_N2, 3))
    for axis in range(2):
        step_2 = 1e-5 * torch.eye(2, dtype=torch.double)[axis]
        above, below = (network(encoded(places_N2 + sign * step_2, 3).values_NC) for sign in (1, -1))
        assert torch.allclose(slope_2N1[axis], (above - below) / 2e-5, atol=1e-5)
