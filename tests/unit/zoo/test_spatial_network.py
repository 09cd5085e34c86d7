"""A set network that sees what lies around a pixel: that it does, and what must not matter. B, L, P, H, W, 3 as
there."""

import math

import pytest
import torch
from torch import Tensor
from truscore.recipes import resolve
from truscore.zoo import build_model
from truscore.zoo.photometric.set_network import SetNetwork
from truscore.zoo.photometric.spatial_network import SpatialSetNetwork
from truscore.zoo.photometric.spatial_windows import TypicalSample, WindowAnswers, WindowedNormals

Given = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
ROW = ("photometric_stereo", "surface_normal_estimation", "ps_net")
SMALL = {"architecture_config": {"base_architecture": "spatial_set_network"}}
H, W = 22, 27
NEAR = 1e-5


def network(*, learnt: bool) -> SpatialSetNetwork:
    """With weights that have learnt something, or as it begins."""
    torch.manual_seed(3)
    built = build_model(resolve(*ROW, SMALL), 0).eval()
    assert isinstance(built, SpatialSetNetwork)
    if learnt:
        with torch.no_grad():
            for weights in (built.head.weight, built.trust.weight):
                weights.normal_(std=0.1)
    return built


@pytest.fixture(scope="module")
def learnt() -> SpatialSetNetwork:
    return network(learnt=True)


def scene(lights: int = 7, *, height: int = H, width: int = W) -> Given:
    """Two objects of slopes in no order with gloss and noise, of which no pixel is explained by Lambert's law."""
    draw = torch.Generator().manual_seed(lights)
    turn_L = torch.arange(lights) * 2 * math.pi / lights
    lights_L3 = torch.stack([0.6 * turn_L.cos(), 0.6 * turn_L.sin(), torch.full((lights,), 0.8)], dim=1)
    normals_BP3 = 0.3 * torch.randn(2, height * width, 3, generator=draw)
    normals_BP3[..., 2] = 1
    normals_BP3 = torch.nn.functional.normalize(normals_BP3, dim=-1)
    half_L3 = torch.nn.functional.normalize(lights_L3 + torch.tensor([0.0, 0.0, 1.0]), dim=-1)
    samples_BLP = 0.4 * torch.einsum("bpc,lc->blp", normals_BP3, lights_L3).clamp(min=0)
    samples_BLP = samples_BLP + 0.3 * torch.einsum("bpc,lc->blp", normals_BP3, half_L3).clamp(min=0) ** 60
    samples_BLP = samples_BLP + 0.05 * torch.rand(samples_BLP.shape, generator=draw)
    inside_BHW = torch.rand(2, height, width, generator=draw) < 0.9
    given = (samples_BLP, lights_L3.expand(2, -1, -1), torch.zeros(2, lights), torch.ones(2, lights))
    return (*given, inside_BHW.float())


def asked(built: SpatialSetNetwork, given: Given) -> Tensor:
    with torch.no_grad():
        answer: Tensor = built(*given)
    return answer


def furthest(one_BHW3: Tensor, other_BHW3: Tensor, inside_BHW: Tensor) -> float:
    """Of pixels that are inside."""
    return float(((one_BHW3 - other_BHW3).abs().amax(dim=-1) * inside_BHW).max())


def test_before_anything_is_learnt_it_is_the_robust_solver_as_the_set_network_is() -> None:
    pixelwise = build_model(resolve(*ROW), 0).eval()
    assert isinstance(pixelwise, SetNetwork)
    given = scene()
    with torch.no_grad():
        expected_BP3 = pixelwise(*given[:4], given[4].flatten(1))
    assert (asked(network(learnt=False), given).flatten(1, 2) - expected_BP3).abs().max() < NEAR


def test_the_full_recipe_builds_it_with_two_million_weights() -> None:
    built = build_model(resolve(*ROW, profile="full"), 0)
    assert isinstance(built, SpatialSetNetwork)
    assert 1.9e6 < sum(weights.numel() for weights in built.parameters()) < 2.1e6


def test_a_neighbour_changes_an_answer_as_far_as_the_context_reaches_and_no_further(learnt: SpatialSetNetwork) -> None:
    samples, lights, level, present, _ = scene(height=60, width=60)
    inside = torch.ones(2, 60, 60)
    changed = samples.clone()
    # Its samples under other lights: what is typical of it and of the object stays.
    changed[..., 60 * 30 + 30] = changed[..., 60 * 30 + 30].roll(3, dims=1)
    before = asked(learnt, (samples, lights, level, present, inside))
    moved_HW = (asked(learnt, (changed, lights, level, present, inside)) - before).abs().amax(dim=(0, 3))
    assert moved_HW[29:32, 29:32].min() > 10 * NEAR
    assert moved_HW[30, 36] > NEAR
    moved_HW[30 - 22 : 31 + 22, 30 - 22 : 31 + 22] = 0
    assert moved_HW.max() < 1e-6


def test_what_lies_outside_and_a_larger_rectangle_change_nothing(learnt: SpatialSetNetwork) -> None:
    samples, lights, level, present, inside = scene()
    before = asked(learnt, (samples, lights, level, present, inside))
    outside = samples.reshape(2, 7, H, W) * inside[:, None] + (1 - inside[:, None]) * torch.rand(2, 7, H, W)
    assert furthest(asked(learnt, (outside.flatten(2), lights, level, present, inside)), before, inside) < NEAR
    for down, across in ((1, 2), (5, 3)):
        wider = torch.rand(2, 7, H + down, W + across)
        wider[..., :H, :W] = samples.reshape(2, 7, H, W)
        room = torch.nn.functional.pad(inside, (0, across, 0, down))
        after = asked(learnt, (wider.flatten(2), lights, level, present, room))
        assert furthest(after[:, :H, :W], before, inside) < NEAR


def test_the_order_of_lights_lights_that_are_not_there_and_other_objects_change_nothing(
    learnt: SpatialSetNetwork,
) -> None:
    samples, lights, level, present, inside = scene()
    before = asked(learnt, (samples, lights, level, present, inside))
    order = torch.tensor([3, 0, 6, 2, 5, 1, 4])
    after = asked(learnt, (samples[:, order], lights[:, order], level, present, inside))
    assert furthest(after, before, inside) < NEAR
    padded = (
        torch.cat([samples, torch.rand(2, 3, H * W)], dim=1),
        torch.cat([lights, torch.ones(2, 3, 3)], dim=1),
        torch.cat([level, torch.ones(2, 3)], dim=1),
        torch.cat([present, torch.zeros(2, 3)], dim=1),
        inside,
    )
    assert furthest(asked(learnt, padded), before, inside) < NEAR
    alone = asked(learnt, (samples[1:], lights[1:], level[1:], present[1:], inside[1:]))
    assert furthest(alone, before[1:], inside[1:]) < NEAR


def test_exposure_changes_nothing(learnt: SpatialSetNetwork) -> None:
    samples, *rest = scene()
    brighter = asked(learnt, (2 * samples.clamp(min=0.01), *rest))  # type: ignore[arg-type]
    assert furthest(brighter, asked(learnt, (samples.clamp(min=0.01), *rest)), rest[3]) < 1e-3  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(70, 45), (61, 32), (9, 67)])
def test_windows_say_what_the_whole_says(learnt: SpatialSetNetwork, size: tuple[int, int]) -> None:
    samples, lights, level, present, inside = scene(lights=5, height=size[0], width=size[1])
    windowed = WindowedNormals(WindowAnswers(learnt), TypicalSample(), window=8)
    with torch.no_grad():
        found_HW3 = windowed(samples[0].reshape(5, *size), lights[0], level[0], present[0], inside[0])
    whole_BHW3 = asked(learnt, (samples[:1], lights[:1], level[:1], present[:1], inside[:1]))
    assert found_HW3.shape == (*size, 3)
    assert furthest(found_HW3[None], whole_BHW3, inside[:1]) < NEAR
