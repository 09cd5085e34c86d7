"""Surfaces under many lights, rendered. H height, W width, L lights; y upward."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from truscore.datasets import read_dataset
from truscore.metrics.normals import angular_errors
from truscore.photometric_stereo import cauchy_shading, read_views
from truscore.synthesis.lit import LIT_KINDS, render_lit_dataset
from truscore.synthesis.lit.camera import Camera
from truscore.synthesis.lit.relief import Relief, bell, bow, fold, grid, groove, noise, rounded_edge
from truscore.synthesis.lit.scene import spread_lights
from truscore.synthesis.lit.shading import cast_shadow, lit_view
from truscore.synthesis.lit.surfaces import SURFACES

SIDE = 64
X, Y = grid(SIDE, SIDE)
RELIEFS = {
    "bell": bell(X, Y, at=(5, -9), radii=(9, 14), turn=0.7),
    "groove": groove(X, Y, at=(3, 4), length=30, width=4, turn=2.0, softness=4),
    "fold": fold(X, Y, at=(-4, 2), turn=1.1, width=6),
    "bow": bow(X, Y, turn=0.4, curvature=0.01),
    "edge": rounded_edge(X, Y, at=10, turn=np.pi / 2, width=5),
    "noise": noise(np.random.default_rng(1), SIDE, SIDE, length=5, amplitude=0.5),
}


@pytest.mark.parametrize("name", [*RELIEFS, "product"])
def test_slopes_are_the_derivatives_of_the_height_with_y_upward(name: str) -> None:
    relief = RELIEFS["edge"] * RELIEFS["bell"] if name == "product" else RELIEFS[name]
    down_HW, right_HW = np.gradient(relief.height)
    inner = np.s_[2:-2, 2:-2]
    scale = np.abs(relief.along_x).max() + np.abs(relief.along_y).max()
    assert scale > 0.01
    assert np.abs(right_HW - relief.along_x)[inner].max() < 0.05 * scale
    assert np.abs(-down_HW - relief.along_y)[inner].max() < 0.05 * scale


def test_a_post_throws_its_shadow_away_from_the_light_as_long_as_the_light_is_low() -> None:
    post = np.where((np.abs(X) < 3) & (np.abs(Y) < 3), 10.0, 0.0)
    for direction_3, side in (((0.6, 0, 0.8), X < -3), ((0, 0.6, 0.8), Y < -3), ((0, -0.6, 0.8), Y > 3)):
        shadow_HW = cast_shadow(post, np.array(direction_3))
        assert shadow_HW.any()
        assert not (shadow_HW & ~side & (post == 0)).any()
        reach = np.abs(X if direction_3[0] else Y)[shadow_HW].max() - 3
        assert reach == pytest.approx(10 * 0.6 / 0.8, abs=1.5)


@pytest.mark.parametrize("kind", LIT_KINDS)
def test_matt_surfaces_without_a_camera_are_solved_to_a_tenth_of_a_degree_but_for_shadows(kind: str) -> None:
    random = np.random.default_rng(4)
    surface = SURFACES[kind](random, 48, 48)
    surface = replace(surface, mirror_HW=np.zeros((48, 48)))
    directions_L3 = spread_lights(random, 12, (60, 80))
    views = [lit_view(surface, direction_3) for direction_3 in directions_L3]
    mask_HW = surface.mask_HW & ~np.any([shadow_HW for _, shadow_HW in views], axis=0)
    samples_NL = np.stack([view_HW3.mean(axis=-1)[mask_HW] for view_HW3, _ in views], axis=1)
    assert mask_HW.sum() > 500
    errors_N = angular_errors(cauchy_shading(samples_NL, directions_L3).normals_N3, surface.relief.normals()[mask_HW])
    assert errors_N.mean() < 0.1


def test_grain_keeps_a_surface_bright_towards_its_rim_as_oren_and_nayar_say() -> None:
    """Lit from the camera, the factor is A + B sin(t) tan(t); white paper straight on is A."""
    surface = SURFACES["ellipsoid"](np.random.default_rng(4), 48, 48)
    plain = replace(surface, mirror_HW=np.zeros((48, 48)), albedo_HW3=np.ones((48, 48, 3)))
    straight_3 = np.array([0.0, 0.0, 1.0])
    smooth_HW, grained_HW = (
        lit_view(replace(plain, grain_rad=grain_rad), straight_3)[0][..., 0] for grain_rad in (0.0, 0.4)
    )
    slope_HW = np.arccos(np.clip(surface.relief.normals()[..., 2], 0, 1))
    expected_HW = 1 - 0.5 * 0.16 / 0.49 + 0.45 * 0.16 / 0.25 * np.sin(slope_HW) * np.tan(slope_HW)
    lit_HW = surface.mask_HW & (smooth_HW > 0)
    assert lit_HW.sum() > 300
    assert np.allclose((grained_HW / np.where(lit_HW, smooth_HW, 1))[lit_HW], expected_HW[lit_HW], atol=1e-9)


def test_sets_to_train_on_have_rigs_of_all_sorts(tmp_path: Path) -> None:
    folder = render_lit_dataset(tmp_path / "lit", count=9, option="lit_varied", lights=9, image_size=(16, 16))
    lights = [np.loadtxt(path) for path in sorted(folder.rglob("light_directions.txt"))]
    assert 4 <= min(map(len, lights)) < max(map(len, lights)) <= 9
    assert all(np.allclose(np.linalg.norm(each_L3, axis=1), 1) and (each_L3[:, 2] > 0).all() for each_L3 in lights)
    grains = [json.loads(path.read_text())["grain_rad"] for path in folder.rglob("scene.json")]
    assert min(grains) == 0 < max(grains)


def test_the_camera_takes_away_clips_bends_and_rounds() -> None:
    random, light_HW3 = np.random.default_rng(0), np.full((1, 1, 3), 0.25)
    light_HW3[..., 2] = 2
    assert Camera(gamma=2, bits=8).picture(random, light_HW3).tolist() == [[[128, 128, 255]]]
    assert Camera(black_level=-0.05, bits=16).picture(random, light_HW3)[0, 0, 0] == round(0.2 * 65535)
    noisy = Camera(full_well=10_000, bits=16).picture(random, np.full((100, 100, 3), 0.25)) / 65535
    assert noisy.std() == pytest.approx(np.sqrt(0.25 / 10_000), rel=0.05)
    with pytest.raises(ValueError, match="12 bits; accepted are 8 and 16"):
        Camera(bits=12)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_rendered_dataset_is_read_with_its_lights_and_truth(bits: int, tmp_path: Path) -> None:
    folder = render_lit_dataset(tmp_path / "lit", count=3, lights=6, image_size=(40, 32), bits=bits)
    reading = read_dataset(folder)
    assert reading.problems == ()
    assert reading.index is not None
    assert reading.index.format == "multi_light"
    assert [lit_object.name for lit_object in reading.index.objects] == ["blobs-00002", "card-00000", "ellipsoid-00001"]
    views = read_views(folder, reading.index, "card-00000")
    assert views.samples_NL.shape == (40 * 32, 6)
    assert views.normals_HW3 is not None
    assert angular_errors(cauchy_shading(views.samples_NL, views.directions_L3).normals_N3,
                          views.normals_HW3[views.mask_HW]).mean() < 15  # fmt: skip
    steps = views.samples_NL[0] / views.share_L * (2**bits - 1)
    assert np.isfinite(steps).all()
    document = json.loads((folder / "card-00000" / "truth" / "scene.json").read_text())
    assert document["bits"] == bits
    assert np.load(folder / "card-00000" / "truth" / "depth.npy").shape == (32, 40)


def test_the_same_seed_renders_the_same_bytes(tmp_path: Path) -> None:
    one, other, third = (
        {path.name: path.read_bytes() for path in render_lit_dataset(tmp_path / name, count=1, seed=seed, lights=3,
         image_size=(32, 32)).rglob("*.png")}
        for name, seed in (("one", 1), ("other", 1), ("third", 2))
    )  # fmt: skip
    assert one == other != third


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"option": "cube"}, "lit_surfaces, lit_varied, card, ellipsoid"),
        ({"lights": 2}, "3 to 96"),
        ({"image_size": (8, 64)}, "16"),
    ],
)
def test_what_cannot_be_rendered_is_refused_by_name(changed: dict[str, object], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=reason):
        render_lit_dataset(tmp_path / "lit", **({"count": 1} | changed))


def test_a_relief_scales_with_its_slopes() -> None:
    doubled: Relief = RELIEFS["bell"].scaled(2)
    assert np.array_equal(doubled.along_x, 2 * RELIEFS["bell"].along_x)
