"""Planes swept through what several cameras see: the geometry against renders, and the network on it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from truscore.datasets import read_dataset
from truscore.recipes import resolve
from truscore.synthesis.lit import render_multi_view_dataset
from truscore.zoo import build_model
from truscore.zoo.photometric.multi_view_network import Depths, MultiViewNetwork, normalised
from truscore.zoo.photometric.plane_sweep import Cameras, correlation, variance, warped

from services.trainer.worker.tasks.camera_scenes import CameraScenes, SceneSample
from services.trainer.worker.tasks.multi_view import interval_of, swept
from services.trainer.worker.tasks.protocol import Key

ROW = ("photometric_stereo", "depth_reconstruction", "multi_view_stereo")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SceneSample:
    folder = render_multi_view_dataset(tmp_path_factory.mktemp("card"), count=1, seed=5, image_size=(40, 40))
    index = read_dataset(folder).index
    assert index is not None
    scenes = CameraScenes(index.images, index.objects, folder=folder, image_size=32, seed=0, cache_limit_bytes=10**8)
    return scenes[Key(epoch=0, index=0)]


def true_depth(sample: SceneSample) -> torch.Tensor:
    return sample.zero_um - sample.depth_HW * sample.pitch_um


def network() -> MultiViewNetwork:
    torch.manual_seed(3)
    built = build_model(resolve(*ROW), 0).eval()
    assert isinstance(built, MultiViewNetwork)
    with torch.no_grad():
        for regulariser in (built.coarse, built.fine):
            regulariser.last.weight.normal_(std=0.05)
    return built


def shown(sample: SceneSample, views: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor, Cameras, torch.Tensor]:
    at = list(views)
    cameras = Cameras(
        intrinsics_V33=sample.intrinsics_V33[at],
        rotation_V33=sample.rotation_V33[at],
        translation_V3=sample.translation_V3[at],
    )
    return sample.maps_V4HW[at], sample.inside_VHW[at], cameras, sample.range_2


def test_at_the_true_depth_all_views_show_the_same(sample: SceneSample) -> None:
    seen_VCHW = normalised(sample.maps_V4HW, sample.inside_VHW, sample.cameras)
    alike, apart = [], []
    for off in (-6, 0, 6):
        depth_DHW = (true_depth(sample) + off * interval_of(sample))[None]
        found_SCDHW, shown_S1DHW = warped(seen_VCHW[1:], sample.cameras, depth_DHW)
        apart.append(variance(seen_VCHW[0], found_SCDHW, shown_S1DHW).mean().item())
        alike.append(correlation(seen_VCHW[0], found_SCDHW, shown_S1DHW, 7).mean().item())
    assert apart[1] < min(apart[0], apart[2])
    assert alike[1] > 0.1 + max(alike[0], alike[2])


def test_a_window_sees_what_the_whole_sees_there(sample: SceneSample) -> None:
    depth_DHW = true_depth(sample)[None]
    whole, _ = warped(sample.maps_V4HW[1:], sample.cameras, depth_DHW)
    rows, columns = slice(5, 20), slice(8, 30)
    part, _ = warped(sample.maps_V4HW[1:], sample.cameras.looking_at((rows, columns)), depth_DHW[:, rows, columns])
    torch.testing.assert_close(part, whole[..., rows, columns], rtol=1e-3, atol=1e-3)


def test_untrained_it_finds_the_depth_about_as_the_classical_sweep_does(sample: SceneSample) -> None:
    untrained = build_model(resolve(*ROW), 0).eval()
    with torch.no_grad():
        depths: Depths = untrained(*shown(sample, range(5)))
    middle = (sample.middle - true_depth(sample)).abs().median()
    for found_HW in (depths.fine_HW, swept(sample)):
        assert (found_HW - true_depth(sample)).abs().median() < 0.5 * middle


def test_the_order_of_other_views_changes_nothing(sample: SceneSample) -> None:
    with torch.no_grad():
        first: Depths = network()(*shown(sample, (0, 1, 2, 3)))
        second: Depths = network()(*shown(sample, (0, 3, 1, 2)))
    assert (first.fine_HW - second.fine_HW).abs().max() < 1e-3 * interval_of(sample)


def test_a_world_that_is_moved_and_turned_changes_nothing(sample: SceneSample) -> None:
    angle = 0.4
    turn_33 = torch.tensor(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]], dtype=torch.float32
    )
    maps_V4HW, _, cameras, _ = shown(sample, range(5))
    away_3 = torch.tensor([40.0, -70.0, 25.0])
    rotation_V33 = cameras.rotation_V33 @ turn_33.T
    moved = replace(cameras, rotation_V33=rotation_V33, translation_V3=cameras.translation_V3 - rotation_V33 @ away_3)
    plane_HW = sample.middle + torch.zeros_like(sample.depth_HW)
    before, after = (warped(maps_V4HW[1:], each, plane_HW[None])[0] for each in (cameras, moved))
    torch.testing.assert_close(before, after, rtol=2e-3, atol=2e-3)


def test_what_lies_outside_of_every_mask_counts_for_nothing(sample: SceneSample) -> None:
    maps_V4HW, inside_VHW, cameras, range_2 = shown(sample, range(3))
    hidden_VHW = inside_VHW.clone()
    hidden_VHW[2] = 0
    other_V4HW = maps_V4HW.clone()
    other_V4HW[2] = 7.0
    with torch.no_grad():
        first: Depths = network()(maps_V4HW, hidden_VHW, cameras, range_2)
        second: Depths = network()(other_V4HW, hidden_VHW, cameras, range_2)
    assert torch.equal(first.fine_HW, second.fine_HW)


def test_freezing_and_dropout_do_what_they_say(sample: SceneSample) -> None:
    modifications = {"pretrained_weights": "ours", "custom_modifications": {"backbone_freezing": "partial"}}
    recipe = resolve(*ROW, {"architecture_config": modifications, "loss_config": {"regularization": {"dropout": 0.5}}})
    built = build_model(recipe, 0)
    assert isinstance(built, MultiViewNetwork)
    frozen = [not weights.requires_grad for stage in built.backbone.body for weights in stage.parameters()]
    assert frozen == [True, True, False, False, False, False]
    assert built.dropout.p == 0.5
