"""What thumbnails tell of the camera and the lights. P pixels, L lights, H and W sides."""

import numpy as np
import pytest
from PIL import Image
from truscore.synthesis.lit import LIT_KINDS, render_lit_scene
from truscore.synthesis.lit.camera import Camera
from truscore.validation.measures.shading import Shading, shading_of
from truscore.validation.measures.thumbnails import thumbnail_of, values_of


def shown(kind: str, *, black_level: float = 0.0, gamma: float = 1.0, mirrored: bool = False) -> Shading:
    camera = Camera(gain=0.9, black_level=black_level, full_well=20_000, read_noise=4, bits=8, gamma=gamma)
    scene = render_lit_scene(np.random.default_rng(11), kind=kind, lights=12, size=(80, 64), camera=camera)
    pictures = [Image.fromarray(picture_HW3).convert("L") for picture_HW3 in scene.pictures_LHW3]
    thumbnails_LHW = np.stack([values_of(thumbnail_of(picture)).reshape(16, 16) for picture in pictures]) / 255
    directions_L3 = scene.directions_L3 * ([1, -1, 1] if mirrored else [1, 1, 1])
    found = shading_of(thumbnails_LHW, directions_L3, scene.intensities_L3.mean(axis=1), aspect=80 / 64)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", LIT_KINDS)
def test_linear_files_are_explained_best_as_they_are(kind: str) -> None:
    found = shown(kind)
    assert found.residual_decoded > found.residual
    assert found.curl < 0.6 * found.mirrored_curl


@pytest.mark.parametrize("kind", LIT_KINDS)
def test_files_with_a_gamma_are_explained_better_without_it(kind: str) -> None:
    found = shown(kind, gamma=2.2)
    assert found.residual_decoded < min(0.6 * found.residual, found.residual_with_level)


@pytest.mark.parametrize("kind", LIT_KINDS)
def test_with_an_axis_that_points_the_other_way_normals_are_those_of_no_surface(kind: str) -> None:
    found = shown(kind, mirrored=True)
    assert found.mirrored_curl < 0.6 * found.curl


@pytest.mark.parametrize("kind", LIT_KINDS)
def test_what_the_camera_takes_away_is_seen(kind: str) -> None:
    found = shown(kind, black_level=-0.04)
    assert found.residual_with_level < 0.6 * found.residual
    assert -0.08 < found.black_level < -0.01


def test_too_little_light_says_nothing() -> None:
    directions_L3 = np.tile([0.0, 0.0, 1.0], (6, 1))
    assert shading_of(np.full((6, 16, 16), 0.01), directions_L3, np.ones(6)) is None
    assert shading_of(np.full((6, 16, 16), 0.1), directions_L3, np.ones(6)) is None
