"""A network that finds its lights: what must not matter doesn't. B objects, L lights, P pixels, H and W sides."""

import math

import pytest
import torch
from torch import Tensor
from truscore.catalog.networks import NETWORKS
from truscore.recipes import resolve
from truscore.zoo import build_model
from truscore.zoo.losses.lights import light_loss
from truscore.zoo.photometric.light_network import (
    DIRECTIONS,
    LEAST_Z,
    SeenLights,
    covariance_of,
    mean_lights,
    spread_directions,
)
from truscore.zoo.photometric.uncalibrated_network import UncalibratedNormals, UncalibratedSetNetwork
from truscore.zoo.photometric.weighted_solve import shading_of, unit, weighted_solve

ROW = ("photometric_stereo", "surface_normal_estimation", "ps_net_uncalibrated")
NEAR = 1e-5
HEIGHT, WIDTH = 36, 28


@pytest.fixture(scope="module")
def network() -> UncalibratedSetNetwork:
    """With weights that have learnt something, so that it says more than the solver that it begins with; of lights the
    scene's own: under those of new weights, which all stand in one direction, normals would be rounding errors."""
    torch.manual_seed(3)
    built = build_model(resolve(*ROW), 0)
    assert isinstance(built, UncalibratedSetNetwork)
    samples, present, inside = views()
    lights_BL3 = scene_lights().expand(2, -1, -1)
    optimizer = torch.optim.Adam(built.lights.parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        seen = built.lights(samples, present, inside)
        light_loss(seen, lights_BL3, built.lights.choices_K3, present).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        for weights in (built.head.weight, built.trust.weight):
            weights.normal_(std=0.1)
    return built.eval()


def scene_lights() -> Tensor:
    """Directions times intensities [L, 3]."""
    turn_L = torch.arange(7) * 2 * math.pi / 7
    low_L = 0.8 + 0.3 * (3 * turn_L).cos()
    lights_L3 = torch.stack([low_L.cos() * turn_L.cos(), low_L.cos() * turn_L.sin(), low_L.sin()], dim=1)
    return lights_L3 * (1 + 0.3 * turn_L.sin())[:, None]


def views() -> tuple[Tensor, Tensor, Tensor]:
    """Two glossy ellipsoids before a black ground: samples, present, inside."""
    intensity_L = scene_lights().norm(dim=1)
    lights_L3 = scene_lights() / intensity_L[:, None]
    down_HW, across_HW = torch.meshgrid(
        torch.linspace(-1.1, 1.1, HEIGHT), torch.linspace(-1.1, 1.1, WIDTH), indexing="ij"
    )
    rest_HW = 1 - down_HW**2 - across_HW**2
    normals_HW3 = torch.stack([across_HW, -down_HW, rest_HW.clamp(min=0.05).sqrt()], dim=-1)
    normals_HW3 = torch.nn.functional.normalize(normals_HW3, dim=-1)
    half_L3 = torch.nn.functional.normalize(lights_L3 + torch.tensor([0.0, 0.0, 1.0]), dim=-1)
    shade_LHW = 0.5 * torch.einsum("hwc,lc->lhw", normals_HW3, lights_L3).clamp(min=0)
    gloss_LHW = 0.3 * torch.einsum("hwc,lc->lhw", normals_HW3, half_L3).clamp(min=0) ** 60
    inside_HW = (rest_HW > 0.1).float()
    both = torch.stack([shade_LHW, shade_LHW + gloss_LHW]) * inside_HW * intensity_L[:, None, None]
    return both.flatten(2), torch.ones(2, 7), inside_HW.expand(2, -1, -1)


def asked(network: UncalibratedSetNetwork, given: tuple[Tensor, Tensor, Tensor]) -> UncalibratedNormals:
    with torch.no_grad():
        found: UncalibratedNormals = network(*given)
    return found


def apart(found: UncalibratedNormals, other: UncalibratedNormals, inside_BHW: Tensor) -> float:
    """The largest difference of normals that are inside, of directions and of intensities."""
    inside_BP1 = inside_BHW.flatten(1)[..., None]
    pairs = (
        (found.normals_BP3 * inside_BP1, other.normals_BP3 * inside_BP1),
        (found.lights.directions_BL3, other.lights.directions_BL3),
        (found.lights.intensities_BL, other.lights.intensities_BL),
    )
    return max(float((one - another).abs().max()) for one, another in pairs)


def of_lights(found: UncalibratedNormals, chosen: Tensor) -> UncalibratedNormals:
    lights = found.lights
    return UncalibratedNormals(
        normals_BP3=found.normals_BP3,
        lights=SeenLights(
            directions_BL3=lights.directions_BL3[:, chosen],
            intensities_BL=lights.intensities_BL[:, chosen],
            first_BL3=lights.first_BL3[:, chosen],
            scores_BLK=lights.scores_BLK[:, chosen],
        ),
    )


def test_it_learns_the_lights_of_a_scene(network: UncalibratedSetNetwork) -> None:
    found = asked(network, views()).lights
    true_L3 = scene_lights()
    cosines_BL = (found.directions_BL3 * torch.nn.functional.normalize(true_L3, dim=1)).sum(dim=-1)
    assert cosines_BL.clamp(max=1).acos().rad2deg().mean() < 10
    off_BL = (found.intensities_BL.log() - true_L3.norm(dim=1).log() + true_L3.norm(dim=1).log().mean()).abs()
    assert off_BL.mean() < 0.15


def test_what_it_says_are_unit_vectors_and_intensities_beside_one_another(network: UncalibratedSetNetwork) -> None:
    found = asked(network, views())
    for vectors in (found.normals_BP3, found.lights.directions_BL3):
        assert torch.allclose(vectors.norm(dim=-1), torch.ones(()), atol=NEAR)
    assert torch.allclose(found.lights.intensities_BL.log().mean(dim=1), torch.zeros(2), atol=NEAR)


def test_the_order_of_views_and_views_that_are_not_there_change_nothing(network: UncalibratedSetNetwork) -> None:
    samples, present, inside = views()
    before = asked(network, (samples, present, inside))
    order = torch.tensor([3, 0, 6, 2, 5, 1, 4])
    # Rounding of a score of tens, through its softmax, moves a covariance by more than a direction.
    assert apart(asked(network, (samples[:, order], present, inside)), of_lights(before, order), inside) < 5 * NEAR
    junk = torch.cat([samples, torch.rand(2, 3, samples.shape[2])], dim=1)
    padded = asked(network, (junk, torch.cat([present, torch.zeros(2, 3)], dim=1), inside))
    assert apart(of_lights(padded, torch.arange(7)), before, inside) < NEAR


def test_what_lies_around_the_object_and_other_objects_of_the_batch_change_nothing(
    network: UncalibratedSetNetwork,
) -> None:
    samples, present, inside = views()
    before = asked(network, (samples, present, inside))
    room = torch.rand(2, 7, HEIGHT + 9, WIDTH + 4)
    room[:, :, 5 : 5 + HEIGHT, 3 : 3 + WIDTH] = samples.unflatten(2, (HEIGHT, WIDTH))  # type: ignore[no-untyped-call]
    mask = torch.zeros(2, HEIGHT + 9, WIDTH + 4)
    mask[:, 5 : 5 + HEIGHT, 3 : 3 + WIDTH] = inside
    after = asked(network, (room.flatten(2), present, mask))
    within = mask[0].flatten() > 0
    assert (after.normals_BP3[:, within] - before.normals_BP3[:, inside[0].flatten() > 0]).abs().max() < NEAR
    assert (after.lights.directions_BL3 - before.lights.directions_BL3).abs().max() < NEAR
    alone = asked(network, (samples[1:], present[1:], inside[1:]))
    assert (alone.lights.directions_BL3 - before.lights.directions_BL3[1:]).abs().max() < NEAR


def test_a_brighter_lamp_is_said_to_be_brighter_by_as_much(network: UncalibratedSetNetwork) -> None:
    """Of the views themselves only ratios are looked at, so that the rest stays near."""
    samples, present, inside = views()
    factor_L = torch.tensor([1.0, 1.3, 0.8, 1.0, 1.0, 1.0, 1.0])
    before, after = (asked(network, (each, present, inside)) for each in (samples, samples * factor_L[:, None]))
    grown_L = (after.lights.intensities_BL / before.lights.intensities_BL)[0]
    assert torch.allclose(grown_L / grown_L[0], factor_L, rtol=0.1)


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_lights_that_nothing_tells_leave_a_flat_surface(share: float) -> None:
    """All fixed directions are as likely as one another, or nearly: single lights differ by noise, and normals that
    were solved under them as if they were known would be noise's own."""
    torch.manual_seed(3)
    network = build_model(resolve(*ROW), 0).eval()
    assert isinstance(network, UncalibratedSetNetwork)
    with torch.no_grad():
        network.lights.direction.weight.mul_(share)
    samples, present, inside = views()
    found = asked(network, (samples, present, inside))
    off_BP = found.normals_BP3[..., 2].clamp(max=1).acos().rad2deg() * inside.flatten(1)
    assert off_BP.max() < 2
    assert found.lights.directions_BL3[..., 2].min() > 0.99


def test_lights_that_are_sure_are_solved_under_as_known_ones() -> None:
    lights_L3 = torch.nn.functional.normalize(scene_lights(), dim=1)
    sure_BL33 = covariance_of(40 * (lights_L3 @ spread_directions(DIRECTIONS).T)[None], spread_directions(DIRECTIONS))
    assert sure_BL33.abs().max() == 0
    vague_BL33 = covariance_of(torch.zeros(1, 7, DIRECTIONS), spread_directions(DIRECTIONS))
    normals_BP3 = torch.nn.functional.normalize(torch.tensor([[[0.3, -0.4, 0.8], [0.0, 0.2, 0.9]]]), dim=-1)
    values_BLP = shading_of(normals_BP3, lights_L3[None])
    given = (values_BLP, torch.ones_like(values_BLP))
    plain_BP3 = weighted_solve(*given, lights_L3[None])
    assert torch.equal(
        weighted_solve(*given, mean_lights(lights_L3[None], sure_BL33), covariance_BL33=sure_BL33), plain_BP3
    )
    drawn_BP3 = weighted_solve(*given, mean_lights(lights_L3[None], vague_BL33), covariance_BL33=vague_BL33)
    assert (unit(drawn_BP3)[..., 2] > unit(plain_BP3)[..., 2] + 0.01).all()


def test_choices_are_spread_over_the_half_sphere_before_the_camera() -> None:
    choices_K3 = spread_directions(DIRECTIONS)
    assert torch.allclose(choices_K3.norm(dim=1), torch.ones(DIRECTIONS), atol=NEAR)
    assert choices_K3[:, 2].min() > LEAST_Z - 0.01
    nearest_K = (choices_K3 @ choices_K3.T - 2 * torch.eye(DIRECTIONS)).amax(dim=1).acos().rad2deg()
    assert 8 < nearest_K.min() <= nearest_K.max() < 16


def test_the_loss_of_lights_is_least_where_they_are_and_does_not_know_how_bright_all_are() -> None:
    choices_K3 = spread_directions(DIRECTIONS)
    true_BL3 = torch.nn.functional.normalize(
        torch.tensor([[[0.3, 0.2, 0.9], [-0.5, 0.1, 0.8], [0.0, -0.4, 0.7]]]), dim=-1
    )
    intensity_BL = torch.tensor([[0.8, 1.0, 1.25]])
    scores_BLK = 40 * (true_BL3 @ choices_K3.T)
    present_BL = torch.tensor([[1.0, 1.0, 0.0]])

    def loss(directions_BL3: Tensor, intensities_BL: Tensor) -> float:
        seen = SeenLights(
            directions_BL3=directions_BL3,
            intensities_BL=intensities_BL,
            first_BL3=directions_BL3 * intensities_BL[..., None],
            scores_BLK=scores_BLK,
        )
        return float(light_loss(seen, true_BL3 * intensity_BL[..., None], choices_K3, present_BL))

    best = loss(true_BL3, intensity_BL)
    assert loss(true_BL3, 3 * intensity_BL) == pytest.approx(best, abs=1e-5)
    # The third light is not there.
    assert loss(true_BL3, intensity_BL * torch.tensor([[1.0, 1.0, 9.0]])) == pytest.approx(best, abs=1e-5)
    # A first light that is twice as bright puts both off their mean by half of that.
    assert loss(true_BL3, intensity_BL * torch.tensor([[2.0, 1.0, 1.0]])) == pytest.approx(
        best + math.log(2) / 2, abs=1e-4
    )
    turned_BL3 = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])
    assert loss(turned_BL3, intensity_BL) > best + 0.5


def test_every_network_of_the_row_is_built_with_its_own_sizes() -> None:
    for base in ("uncalibrated_set_network", "uncalibrated_set_network_wide"):
        recipe = resolve(*ROW, {"architecture_config": {"base_architecture": base}})
        counted = sum(weights.numel() for weights in build_model(recipe, 0).parameters())
        assert counted == NETWORKS[base].parameters
