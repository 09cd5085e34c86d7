"""Networks of reflectance on sets of lights: what must not matter doesn't, and gain is gain. B, L, P, 3 as there."""

import math

import pytest
import torch
from torch import Tensor
from truscore.catalog.networks import NETWORKS
from truscore.recipes import resolve
from truscore.zoo import build_model
from truscore.zoo.losses.reflectance import Target, reflectance_loss
from truscore.zoo.photometric.ggx import relit
from truscore.zoo.photometric.reflectance_network import Maps, ReflectanceNetwork, confidence_of

ROW = ("photometric_stereo", "reflectance_analysis")
ARCHITECTURES = ("reflectance_net",)
NEAR = 1e-4
Given = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


@pytest.fixture(params=ARCHITECTURES)
def network(request: pytest.FixtureRequest) -> ReflectanceNetwork:
    """With weights that have learnt something."""
    torch.manual_seed(3)
    built = build_model(resolve(*ROW, request.param), 0).eval()
    assert isinstance(built, ReflectanceNetwork)
    with torch.no_grad():
        for layer in (built.shape.head, built.weight, built.head):
            layer.weight.normal_(std=0.1)
    return built


def scene(lights: int = 9, pixels: int = 50) -> tuple[Given, Maps]:
    """Two objects that obey the law."""
    draw = torch.Generator().manual_seed(lights)
    turn_L = torch.arange(lights) * 2 * math.pi / lights
    high_L = 0.7 + 0.6 * torch.rand(lights, generator=draw)
    lights_L3 = torch.stack([high_L.cos() * turn_L.cos(), high_L.cos() * turn_L.sin(), high_L.sin()], dim=1)
    lights_BL3 = lights_L3.expand(2, -1, -1)
    normals_BP3 = 0.3 * torch.randn(2, pixels, 3, generator=draw)
    normals_BP3[..., 2] = 1
    normals_BP3 = torch.nn.functional.normalize(normals_BP3, dim=-1)
    albedo, rough, f0 = (torch.rand(2, pixels, generator=draw) for _ in range(3))
    maps = Maps(0.2 + 0.4 * albedo, 0.2 + 0.4 * rough, 0.04 + 0.1 * f0, normals_BP3, torch.ones(2, pixels))
    samples_BLP = relit(normals_BP3, *maps[:3], lights_BL3)
    return (samples_BLP, lights_BL3, torch.zeros(2, lights), torch.ones(2, lights), torch.ones(2, pixels)), maps


def asked(network: ReflectanceNetwork, given: Given) -> Maps:
    with torch.no_grad():
        answer: Maps = network(*given)
    return answer


def apart(first: Maps, second: Maps) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True))


def test_the_order_of_lights_and_lights_that_are_not_there_change_nothing(network: ReflectanceNetwork) -> None:
    (samples, lights, level, present, inside), _ = scene()
    before = asked(network, (samples, lights, level, present, inside))
    order = torch.tensor([3, 0, 6, 2, 8, 5, 1, 7, 4])
    assert apart(asked(network, (samples[:, order], lights[:, order], level, present, inside)), before) < NEAR
    padded = (
        torch.cat([samples, torch.rand(2, 3, 50)], dim=1),
        torch.cat([lights, torch.ones(2, 3, 3)], dim=1),
        torch.cat([level, torch.ones(2, 3)], dim=1),
        torch.cat([present, torch.zeros(2, 3)], dim=1),
        inside,
    )
    assert apart(asked(network, padded), before) < NEAR


def test_pixels_outside_and_other_objects_of_the_batch_change_nothing(network: ReflectanceNetwork) -> None:
    (samples, lights, level, present, inside), _ = scene()
    before = asked(network, (samples, lights, level, present, inside))
    wider = torch.cat([samples, torch.rand(2, 9, 7)], dim=2)
    after = asked(network, (wider, lights, level, present, torch.cat([inside, torch.zeros(2, 7)], dim=1)))
    assert apart(Maps(*(each[:, :50] for each in after)), before) < NEAR
    alone = asked(network, (samples[1:], lights[1:], level[1:], present[1:], inside[1:]))
    assert apart(alone, Maps(*(each[1:] for each in before))) < NEAR


def test_turning_the_lights_turns_the_normals_and_leaves_the_reflectance(network: ReflectanceNetwork) -> None:
    given, _ = scene()
    turn = math.radians(35)
    turn_33 = torch.tensor([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1.0]])
    before, after = asked(network, given), asked(network, (given[0], given[1] @ turn_33.T, *given[2:]))
    assert apart(after._replace(normals_BP3=before.normals_BP3), before) < NEAR
    assert (after.normals_BP3 - before.normals_BP3 @ turn_33.T).abs().max() < NEAR


def test_twice_the_exposure_is_twice_the_albedo_and_twice_the_f0(network: ReflectanceNetwork) -> None:
    given, _ = scene()
    bright = (given[0] > 0.01).all(dim=1).all(dim=0)
    given = (given[0][..., bright], *given[1:4], given[4][:, bright])
    before, after = asked(network, given), asked(network, (2 * given[0], *given[1:]))
    assert torch.allclose(after.albedo_BP, 2 * before.albedo_BP, rtol=1e-3)
    assert torch.allclose(after.f0_BP, 2 * before.f0_BP, rtol=1e-2, atol=1e-4)
    assert torch.allclose(after.roughness_BP, before.roughness_BP, rtol=1e-3)


def test_every_network_is_built_with_its_own_sizes() -> None:
    for architecture, base in ((row, base) for row, bases in BASES.items() for base in bases):
        recipe = resolve(*ROW, architecture, {"architecture_config": {"base_architecture": base}})
        assert sum(weights.numel() for weights in build_model(recipe, 0).parameters()) == NETWORKS[base].parameters


BASES = {"reflectance_net": ("reflectance_network", "reflectance_network_wide")}


def target_of(given: Given, maps: Maps, *, held: float = 1.0) -> Target:
    return Target(
        normals_BP3=maps.normals_BP3,
        albedo_BP=maps.albedo_BP,
        roughness_BP=maps.roughness_BP,
        f0_BP=maps.f0_BP,
        inside_BP=given[4],
        level_BLP=given[0],
        lights_BL3=given[1],
        held_BL=torch.full_like(given[2], held),
    )


def test_the_loss_of_the_truth_is_nothing_and_a_wrong_gain_shows_only_in_what_is_rendered() -> None:
    given, maps = scene()
    assert reflectance_loss(maps, target_of(given, maps), "log_l1_rendering").item() == pytest.approx(0, abs=1e-3)
    brighter = maps._replace(albedo_BP=2 * maps.albedo_BP, f0_BP=2 * maps.f0_BP)
    assert reflectance_loss(brighter, target_of(given, maps), "log_l1").item() < 0.05
    assert reflectance_loss(brighter, target_of(given, maps), "log_l1_rendering").item() > 0.5
    assert reflectance_loss(brighter, target_of(given, maps, held=0), "log_l1_rendering").item() < 0.05


def test_a_roughness_off_by_a_factor_costs_its_logarithm_where_anything_is_mirrored() -> None:
    given, maps = scene()
    rougher = maps._replace(roughness_BP=1.5 * maps.roughness_BP)
    factor = math.log(1.5)
    expected = 0.5 * factor + 0.1 * factor  # its own, and what a spread of 1 makes of it
    assert reflectance_loss(rougher, target_of(given, maps), "log_l1").item() == pytest.approx(expected, abs=1e-3)
    plain = maps._replace(f0_BP=0 * maps.f0_BP)
    loss = reflectance_loss(plain._replace(roughness_BP=rougher.roughness_BP), target_of(given, plain), "log_l1")
    assert loss.item() == pytest.approx(0, abs=1e-3)


def test_confidence_is_the_share_that_a_laplace_distribution_has_within_a_factor() -> None:
    draw = torch.distributions.Laplace(0.0, 0.2).sample((20_000,))  # type: ignore[no-untyped-call]
    share = (draw.abs() < math.log(1.25)).float().mean().item()
    assert confidence_of(torch.tensor([0.2])).item() == pytest.approx(share, abs=0.02)
