"""Albedo, roughness and F0 fitted pixel by pixel, and what is re-lit with them. N pixels, L lights."""

import numpy as np
import pytest
import torch
from truscore.photometric_stereo import cauchy_shading, fit_ggx
from truscore.photometric_stereo.ggx import Reflectance, mirrored, relit
from truscore.photometric_stereo.relighting import beside_photographs, held_out
from truscore.synthesis.lit import render_lit_scene
from truscore.synthesis.lit.camera import Camera
from truscore.synthesis.lit.shading import lit_view
from truscore.zoo.photometric import ggx

RNG = np.random.default_rng(5)
PIXELS, LIGHTS = 60, 40


def directions(count: int, tilt: float) -> np.ndarray:
    vectors = RNG.normal(size=(count, 3)) * (tilt, tilt, 0.0) + (0, 0, 1)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


NORMALS_N3, LIGHTS_L3 = directions(PIXELS, 0.3), directions(LIGHTS, 0.6)
GLOSSY = Reflectance(
    albedo_N=RNG.uniform(0.1, 0.6, PIXELS),
    roughness_N=RNG.uniform(0.2, 0.6, PIXELS),
    f0_N=RNG.uniform(0.04, 0.3, PIXELS),
)


def test_networks_and_fits_see_the_same_microfacets() -> None:
    angles = ggx.angles_of(torch.from_numpy(NORMALS_N3)[None], torch.from_numpy(LIGHTS_L3)[None])
    in_torch_LN = ggx.mirrored(angles, torch.from_numpy(GLOSSY.roughness_N)[None])[0].numpy()
    assert np.allclose(in_torch_LN.T, mirrored(NORMALS_N3, GLOSSY.roughness_N, LIGHTS_L3), rtol=1e-6, atol=1e-9)


def test_the_renderer_lights_a_surface_as_relighting_does() -> None:
    scene = render_lit_scene(np.random.default_rng(3), kind="ellipsoid", lights=3, size=(32, 32), camera=Camera())
    surface = scene.surface
    inside_HW = surface.mask_HW
    view_HW3, shadow_HW = lit_view(surface, LIGHTS_L3[0])
    truth = Reflectance(
        albedo_N=surface.albedo_HW3.mean(axis=2)[inside_HW],
        roughness_N=surface.roughness_HW[inside_HW],
        f0_N=surface.mirror_HW[inside_HW],
    )
    sent_N = relit(surface.relief.normals()[inside_HW], truth, LIGHTS_L3[:1])[:, 0]
    lit_N = ~shadow_HW[inside_HW]
    assert np.allclose(sent_N[lit_N], view_HW3.mean(axis=2)[inside_HW][lit_N], atol=2e-3)


def test_a_surface_that_obeys_the_law_is_found_again() -> None:
    samples_NL = relit(NORMALS_N3, GLOSSY, LIGHTS_L3)
    found = fit_ggx(samples_NL, NORMALS_N3, LIGHTS_L3)
    assert np.abs(found.albedo_N - GLOSSY.albedo_N).max() < 0.03
    assert np.abs(np.log(found.roughness_N / GLOSSY.roughness_N)).max() < 0.15  # the grid's step
    assert np.abs(found.f0_N / GLOSSY.f0_N - 1).max() < 0.25


def test_shadows_a_black_level_and_highlights_do_not_move_an_albedo_without_gloss() -> None:
    plain = Reflectance(albedo_N=GLOSSY.albedo_N, roughness_N=GLOSSY.roughness_N, f0_N=np.zeros(PIXELS))
    samples_NL = relit(NORMALS_N3, plain, LIGHTS_L3)
    samples_NL[:, :6] = 0  # cast shadows
    found = fit_ggx(samples_NL + 0.05, NORMALS_N3, LIGHTS_L3, black_level=0.05)
    assert np.abs(found.albedo_N - plain.albedo_N).max() < 0.02
    assert found.f0_N.max() < 0.02
    assert np.abs(cauchy_shading(samples_NL, LIGHTS_L3).albedo_N - plain.albedo_N).max() < 0.02


def test_no_pixel_is_an_answer_too() -> None:
    assert fit_ggx(np.zeros((0, LIGHTS)), np.zeros((0, 3)), LIGHTS_L3).albedo_N.shape == (0,)


@pytest.mark.parametrize(("lights", "expected"), [(3, 0), (4, 1), (8, 2), (40, 10)])
def test_every_fourth_light_is_held_out_where_three_are_left(lights: int, expected: int) -> None:
    held_L = held_out(LIGHTS_L3[:lights])
    assert held_L.sum() == expected
    assert not held_L[:3].any()


def test_no_light_is_held_out_where_those_left_lie_in_one_plane() -> None:
    turn_L = np.linspace(-0.8, 0.8, 4)
    plane_L3 = np.stack([np.sin(turn_L), np.zeros(4), np.cos(turn_L)], axis=1)
    plane_L3[3] = (0, 0.6, 0.8)  # the one that leaves it
    assert not held_out(plane_L3).any()


def test_a_relit_surface_is_no_brighter_than_a_file_and_shadows_of_a_photograph_are_marked() -> None:
    mirror = Reflectance(albedo_N=np.array([0.5]), roughness_N=np.array([0.05]), f0_N=np.array([0.9]))
    up_13 = np.array([[0.0, 0.0, 1.0]])
    sent_NL, photograph_NL = beside_photographs(
        up_13, mirror, samples_NL=np.array([[1.25, 0.04]]), directions_L3=np.repeat(up_13, 2, axis=0),
        level_L=np.array([0.05, 0.05]), share_L=np.array([1.25, 1.25]),
    )  # fmt: skip
    assert sent_NL[0] == pytest.approx([1.2, 1.2])
    assert photograph_NL[0] == pytest.approx([1.2, 0.0])
