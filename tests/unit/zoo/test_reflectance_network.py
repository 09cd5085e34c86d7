"""Networks of reflectance on sets of lights: what must not matter doesn't, and gain is gain. B, L, P, 3 as there."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from truscore.catalog.networks import NETWORKS
from truscore.recipes import resolve
from truscore.zoo import build_model
from truscore.zoo.losses.reflectance import Target, reflectance_loss
from truscore.zoo.photometric.brdf_network import BrdfNetwork, solved_by_cofactors, told_of_roughness
from truscore.zoo.photometric.ggx import angles_of, relit
from truscore.zoo.photometric.reflectance_network import Maps, ReflectanceNetwork, confidence_of

ROW = ("photometric_stereo", "reflectance_analysis")
BASES = {
    "reflectance_net": ("reflectance_network", "reflectance_network_wide"),
    "brdf_estimation": ("brdf_network", "brdf_network_wide"),
}
NEAR = 1e-4
Given = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


@pytest.fixture(params=tuple(BASES))
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
    assert reflectance_loss(maps, target_of(given, maps), "log_l1_rendering").item() == pytest.approx(0, abs=1e-2)
    brighter = maps._replace(albedo_BP=2 * maps.albedo_BP, f0_BP=2 * maps.f0_BP)
    assert reflectance_loss(brighter, target_of(given, maps), "log_l1").item() < 0.05
    assert reflectance_loss(brighter, target_of(given, maps), "log_l1_rendering").item() > 0.5
    assert reflectance_loss(brighter, target_of(given, maps, held=0), "log_l1_rendering").item() < 0.05


def test_a_roughness_off_by_a_factor_costs_its_logarithm_where_anything_is_mirrored() -> None:
    given, maps = scene()
    rougher = maps._replace(roughness_BP=1.5 * maps.roughness_BP)
    factor = math.log(1.5)
    expected = 0.5 * factor + 0.1 * factor  # its own, and what a spread of 1 makes of it
    assert reflectance_loss(rougher, target_of(given, maps), "log_l1").item() == pytest.approx(expected, abs=1e-2)
    plain = maps._replace(f0_BP=0 * maps.f0_BP)
    loss = reflectance_loss(plain._replace(roughness_BP=rougher.roughness_BP), target_of(given, plain), "log_l1")
    assert loss.item() == pytest.approx(0, abs=1e-2)


def test_confidence_is_the_share_that_a_laplace_distribution_has_within_a_factor() -> None:
    draw = torch.distributions.Laplace(0.0, 0.2).sample((20_000,))  # type: ignore[no-untyped-call]
    share = (draw.abs() < math.log(1.25)).float().mean().item()
    assert confidence_of(torch.tensor([0.2])).item() == pytest.approx(share, abs=0.02)


def random_system(draw: torch.Generator) -> tuple[Tensor, Tensor]:
    slopes = torch.randn(4, 5, 9, 3, generator=draw)
    return slopes, torch.einsum("bplr,bplc->bprc", slopes, slopes)


def test_systems_of_three_are_solved_as_a_solver_does_and_tell_of_roughness_what_others_leave() -> None:
    draw = torch.Generator().manual_seed(4)
    _, system_BP33 = random_system(draw)
    held_BP3, pull_BP3 = torch.rand(4, 5, 3, generator=draw), torch.randn(4, 5, 3, generator=draw)
    system = tuple(system_BP33[..., row, column] for row in range(3) for column in range(row, 3))
    whole_BP33 = system_BP33 + torch.diag_embed(held_BP3)
    expected = torch.linalg.solve(whole_BP33, pull_BP3[..., None])[..., 0]
    assert torch.allclose(solved_by_cofactors(system, held_BP3, pull_BP3), expected, rtol=1e-3, atol=1e-5)
    without = system_BP33 + torch.diag_embed(held_BP3 * torch.tensor([1.0, 0.0, 1.0]))
    left = torch.linalg.inv(without)[..., 1, 1]
    assert torch.allclose(told_of_roughness(system, held_BP3), 1 / left, rtol=1e-2)


def test_a_fit_goes_from_a_wrong_start_to_what_samples_show_and_is_the_surer_the_more_there_are() -> None:
    """Under the true normals: what is wrong with them no roughness mends. A start with much confidence stays."""
    errors, spreads = {}, {}
    for lights in (12, 40):
        given, truth = scene(lights=lights)
        for name, confidence, held in (("free", 1.0, -4.0), ("held", -5.0, 9.0)):
            network = fit(confidence, held)
            with torch.no_grad():
                first = network.first(*given)
                angles = angles_of(truth.normals_BP3, given[1])
                # Nothing has learnt yet which highlights count: all do.
                fitted = network.fitted(replace(first, angles=angles, weights_BLP=first.seen.lit_BLP))
            for key, maps in (("start", first.maps), (name, fitted)):
                apart_BP = maps.roughness_BP.log() - truth.roughness_BP.log()
                errors[key, lights] = apart_BP.abs().median().item()
            spreads[name, lights] = fitted.spread_BP.median().item()
            assert (fitted.spread_BP <= first.maps.spread_BP).all()
    assert errors["free", 12] < 0.5 * errors["start", 12]
    assert errors["free", 40] < 0.2 * errors["start", 40]
    assert errors["held", 40] == pytest.approx(errors["start", 40], rel=0.05)
    assert spreads["free", 40] < spreads["free", 12]


def fit(confidence: float, held: float) -> BrdfNetwork:
    """Untrained, with long steps."""
    network = build_model(resolve(*ROW, "brdf_estimation"), 0).eval()
    assert isinstance(network, BrdfNetwork)
    with torch.no_grad():
        network.rate.fill_(3.0)
        network.seen_share.fill_(0.0)
        network.precision.bias.fill_(held)
        network.head.bias[5] = confidence
    return network
