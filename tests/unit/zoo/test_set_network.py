"""A network on sets of lights: what must not matter doesn't, and what turns, turns with it. B, L, P, 3 as there."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from truscore.catalog.networks import NETWORKS
from truscore.recipes import resolve
from truscore.zoo import build_model
from truscore.zoo.losses.normals import normal_loss
from truscore.zoo.photometric.set_network import SetNetwork

Given = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
ROW = ("photometric_stereo", "surface_normal_estimation", "ps_net")
NEAR = 1e-5


@pytest.fixture(scope="module")
def network() -> SetNetwork:
    """With weights that have learnt something, so that it says more than the solver that it begins with."""
    torch.manual_seed(3)
    built = build_model(resolve(*ROW), 0).eval()
    assert isinstance(built, SetNetwork)
    with torch.no_grad():
        for weights in (built.head.weight, built.trust.weight):
            weights.normal_(std=0.1)
    return built


def scene(lights: int = 7, pixels: int = 60, *, gloss: float = 0.3) -> tuple[Given, Tensor]:
    """Glossy pixels with shadows, as two objects have them, and their normals."""
    draw = torch.Generator().manual_seed(lights)
    turn_L = torch.arange(lights) * 2 * math.pi / lights
    low_L = 0.6 + 0.5 * torch.rand(lights, generator=draw)
    lights_L3 = torch.stack([low_L.cos() * turn_L.cos(), low_L.cos() * turn_L.sin(), low_L.sin()], dim=1)
    normals_BP3 = 0.4 * torch.randn(2, pixels, 3, generator=draw)
    normals_BP3[..., 2] = 1
    normals_BP3 = torch.nn.functional.normalize(normals_BP3, dim=-1)
    half_L3 = torch.nn.functional.normalize(lights_L3 + torch.tensor([0.0, 0.0, 1.0]), dim=-1)
    samples_BLP = 0.5 * torch.einsum("bpc,lc->blp", normals_BP3, lights_L3).clamp(min=0)
    samples_BLP = samples_BLP + gloss * torch.einsum("bpc,lc->blp", normals_BP3, half_L3).clamp(min=0) ** 60
    both = (samples_BLP, lights_L3.expand(2, -1, -1), torch.zeros(2, lights), torch.ones(2, lights))
    return (*both, torch.ones(2, pixels)), normals_BP3


def asked(network: SetNetwork, given: Given) -> Tensor:
    with torch.no_grad():
        answer: Tensor = network(*given)
    return answer


def test_normals_are_of_length_one_and_the_noise_free_law_of_lambert_is_met_before_anything_is_learnt() -> None:
    untrained = build_model(resolve(*ROW), 0).eval()
    given, normals_BP3 = scene(gloss=0.0)
    found_BP3 = asked(untrained, given)  # type: ignore[arg-type]
    assert torch.allclose(found_BP3.norm(dim=-1), torch.ones(2, 60), atol=NEAR)
    assert (found_BP3 - normals_BP3).norm(dim=-1).max() < math.radians(0.1)


def test_the_order_of_lights_and_lights_that_are_not_there_change_nothing(network: SetNetwork) -> None:
    (samples, lights, level, present, inside), _ = scene()
    before = asked(network, (samples, lights, level, present, inside))
    order = torch.tensor([3, 0, 6, 2, 5, 1, 4])
    after = asked(network, (samples[:, order], lights[:, order], level, present, inside))
    assert (after - before).abs().max() < NEAR
    junk = torch.rand(2, 3, 60)
    padded = (
        torch.cat([samples, junk], dim=1),
        torch.cat([lights, torch.ones(2, 3, 3)], dim=1),
        torch.cat([level, torch.ones(2, 3)], dim=1),
        torch.cat([present, torch.zeros(2, 3)], dim=1),
        inside,
    )
    assert (asked(network, padded) - before).abs().max() < NEAR


def test_pixels_outside_and_other_objects_of_the_batch_change_nothing(network: SetNetwork) -> None:
    (samples, lights, level, present, inside), _ = scene()
    before = asked(network, (samples, lights, level, present, inside))
    wider = (torch.cat([samples, torch.rand(2, 7, 9)], dim=2), lights, level, present)
    after = asked(network, (*wider, torch.cat([inside, torch.zeros(2, 9)], dim=1)))
    assert (after[:, :60] - before).abs().max() < NEAR
    alone = asked(network, (samples[1:], lights[1:], level[1:], present[1:], inside[1:]))
    assert (alone - before[1:]).abs().max() < NEAR


@pytest.mark.parametrize("mirrored", [False, True])
def test_turning_or_mirroring_the_lights_turns_or_mirrors_the_normals(network: SetNetwork, mirrored: bool) -> None:
    given, _ = scene()
    turn = math.radians(35)
    turn_33 = torch.tensor([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1.0]])
    if mirrored:
        turn_33 = turn_33 @ torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    turned = (given[0], given[1] @ turn_33.T, *given[2:])
    assert (asked(network, turned) - asked(network, given) @ turn_33.T).abs().max() < 5 * NEAR


def test_exposure_changes_nothing(network: SetNetwork) -> None:
    """As long as nothing falls below half a step of eight bits."""
    given, _ = scene(gloss=0.5)
    brighter = (2 * given[0], *given[1:])
    lit = (given[0] > 0.5 / 255) == (2 * given[0] > 0.5 / 255)
    same = lit.all(dim=1)
    assert same.any()
    assert (asked(network, brighter) - asked(network, given))[same].abs().max() < 1e-3


def test_a_black_level_is_taken_off_and_a_level_below_zero_put_back(network: SetNetwork) -> None:
    (samples, lights, level, present, inside), _ = scene(gloss=0.0)
    bright = (samples > 0.1).all(dim=1)
    before = asked(network, (samples, lights, level, present, inside))
    for added in (0.05, -0.05):
        after = asked(network, ((samples + added).clamp(min=0), lights, level + added, present, inside))
        assert (after - before)[bright].abs().max() < 1e-3


def test_every_network_of_the_row_is_built_with_its_own_sizes() -> None:
    for base in ("set_network", "set_network_wide"):
        recipe = resolve(*ROW, {"architecture_config": {"base_architecture": base}})
        counted = sum(weights.numel() for weights in build_model(recipe, 0).parameters())
        assert counted == NETWORKS[base].parameters


@pytest.mark.parametrize(
    ("name", "angle_deg", "expected"),
    [("angular", 60, 1.0), ("cosine", 60, 0.5), ("log_angular", 60, math.log(1 + 1 / 0.005))],
)
def test_losses_of_known_angles(name: str, angle_deg: float, expected: float) -> None:
    turn = math.radians(angle_deg)
    target = torch.tensor([[[0.0, 0.0, 1.0]] * 2])
    prediction = torch.tensor([[[math.sin(turn), 0.0, math.cos(turn)], [1.0, 0.0, 0.0]]], requires_grad=True)
    # The second pixel is outside of the object: it neither counts nor gets a gradient.
    loss = normal_loss(prediction, target, torch.tensor([[1.0, 0.0]]), name)
    assert loss.item() == pytest.approx(expected, abs=1e-4)
    loss.backward()
    assert prediction.grad is not None
    assert np.count_nonzero(prediction.grad[0, 0]) > 0
    assert not prediction.grad[0, 1].any()
