"""A surface through the normals of a set of views. B, L, P, H, W, 3 as there."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from truscore.photometric_stereo import integrate_poisson
from truscore.recipes import resolve
from truscore.zoo import build_model
from truscore.zoo.losses.depth import DepthTarget, depth_loss
from truscore.zoo.photometric.integration import between, edges_inside, integrable, integrated, normals_of, slopes
from truscore.zoo.photometric.light_refit import LightRefit
from truscore.zoo.photometric.surface_network import Surface, SurfaceNetwork

ROWS = (
    ("photometric_stereo", "depth_reconstruction", "depth_net"),
    ("photometric_stereo", "surface_normal_estimation", "neural_surface_reconstruction"),
)
BOTH = pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2])
Given = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
H, W = 18, 23
DOWN_HW, ACROSS_HW = (values.float() for values in torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij"))


def network(*, learnt: bool, row: tuple[str, str, str] = ROWS[0]) -> SurfaceNetwork:
    """With weights that have learnt something, or as it begins."""
    torch.manual_seed(3)
    built = build_model(resolve(*row), 0).eval()
    assert isinstance(built, SurfaceNetwork)
    if learnt:
        with torch.no_grad():
            for weights in (built.head.weight, built.edges.last.weight, built.refinement.last.weight):
                weights.normal_(std=0.1)
    return built


def scene(lights: int = 7, *, gloss: float = 0.3) -> tuple[Given, Tensor]:
    """A bell under a ring of lights, seen within an ellipse, and its height [1, H, W]."""
    height_HW = 3 * torch.exp(-((ACROSS_HW - 10) ** 2 + (DOWN_HW - 8) ** 2) / 40)
    normals_BHW3 = normals_of(height_HW[None], edges_inside(torch.ones(1, H, W)))
    turn_L = torch.arange(lights) * 2 * math.pi / lights
    lights_L3 = torch.stack([0.6 * turn_L.cos(), 0.6 * turn_L.sin(), torch.full((lights,), 0.8)], dim=1)
    half_L3 = torch.nn.functional.normalize(lights_L3 + torch.tensor([0.0, 0.0, 1.0]), dim=-1)
    samples_BLP = 0.5 * torch.einsum("bhwc,lc->blhw", normals_BHW3, lights_L3).clamp(min=0).flatten(2)
    samples_BLP = samples_BLP + gloss * (torch.einsum("bhwc,lc->blhw", normals_BHW3, half_L3).flatten(2) ** 60)
    inside_BHW = (((ACROSS_HW - 11) / 10) ** 2 + ((DOWN_HW - 9) / 8) ** 2 < 1).float()[None]
    return (samples_BLP, lights_L3[None], torch.zeros(1, lights), torch.ones(1, lights), inside_BHW), height_HW[None]


def asked(built: SurfaceNetwork, given: Given) -> Surface:
    with torch.no_grad():
        answer: Surface = built(*given)
    return answer


def test_before_anything_is_learnt_it_is_poisson_s_equation_over_the_normals_within_the_mask() -> None:
    given, height_BHW = scene(gloss=0.0)
    inside_HW = given[4][0].bool()
    found_HW = asked(network(learnt=False), given).height_BHW[0]
    true_HW = height_BHW[0] - height_BHW[0][inside_HW].mean()
    assert (found_HW - found_HW[inside_HW].mean() - true_HW)[inside_HW].abs().max() < 0.06  # slopes are means of both
    assert (found_HW[~inside_HW] == 0).all()
    assert found_HW[inside_HW].mean().abs() < 1e-5


@pytest.mark.parametrize("holes", [False, True])
def test_the_equation_within_the_network_is_that_of_the_solver(holes: bool) -> None:
    rng = np.random.default_rng(5)
    normals_HW3 = rng.normal(size=(31, 26, 3)) * 0.2 + (0, 0, 1)
    normals_HW3 /= np.linalg.norm(normals_HW3, axis=-1, keepdims=True)
    mask_HW = rng.random((31, 26)) < (0.9 if holes else 2)
    mask_HW[5], mask_HW[:, 5] = True, True  # one piece
    edges = edges_inside(torch.from_numpy(mask_HW.astype(float))[None])
    target = between(*slopes(torch.from_numpy(normals_HW3)[None]), torch.ones(1, 31, 26, dtype=torch.float64))
    found_HW = integrated(target, edges)[0].numpy()
    expected_HW = integrate_poisson(normals_HW3, mask_HW)
    connected_HW = np.isfinite(expected_HW) & (np.abs(found_HW - found_HW[mask_HW].mean() - expected_HW) < 1e-4)
    assert connected_HW[mask_HW].mean() > 0.97  # single pixels that holes cut off lie anywhere


def test_gradients_of_slopes_and_weights_are_those_of_the_surface() -> None:
    draw = torch.Generator().manual_seed(1)
    shapes = ((1, 6, 4), (1, 5, 5))
    target = [torch.randn(shape, generator=draw, dtype=torch.float64, requires_grad=True) for shape in shapes]
    weight = [torch.rand(shape, generator=draw, dtype=torch.float64).add(0.2).requires_grad_() for shape in shapes]
    pull_BHW = torch.randn((1, 6, 5), generator=draw, dtype=torch.float64)

    def pulled(*parts: Tensor) -> Tensor:
        return (integrated((parts[0], parts[1]), (parts[2], parts[3])) * pull_BHW).sum()

    assert torch.autograd.gradcheck(pulled, (*target, *weight), atol=1e-4)


@BOTH
def test_the_order_of_lights_and_lights_that_are_not_there_change_nothing(row: tuple[str, str, str]) -> None:
    built, ((samples, lights, level, present, inside), _) = network(learnt=True, row=row), scene()
    before_BHW = asked(built, (samples, lights, level, present, inside)).height_BHW
    order = torch.tensor([3, 0, 6, 2, 5, 1, 4])
    after_BHW = asked(built, (samples[:, order], lights[:, order], level, present, inside)).height_BHW
    assert (after_BHW - before_BHW).abs().max() < 1e-4
    padded = (
        torch.cat([samples, torch.rand(1, 3, H * W)], dim=1),
        torch.cat([lights, torch.ones(1, 3, 3)], dim=1),
        torch.cat([level, torch.ones(1, 3)], dim=1),
        torch.cat([present, torch.zeros(1, 3)], dim=1),
        inside,
    )
    assert (asked(built, padded).height_BHW - before_BHW).abs().max() < 1e-4


@BOTH
def test_what_lies_outside_and_a_larger_rectangle_change_nothing(row: tuple[str, str, str]) -> None:
    built, ((samples, lights, level, present, inside), _) = network(learnt=True, row=row), scene()
    inside = inside[:, :, :-1]
    cut_BLP = samples.reshape(1, 7, H, W)[..., :-1].flatten(2)
    before_BHW = asked(built, (cut_BLP, lights, level, present, inside)).height_BHW
    wider_BLHW = torch.rand(1, 7, H + 4, W + 2)
    wider_BLHW[:, :, :H, : W - 1] = samples.reshape(1, 7, H, W)[..., :-1]
    wider_BHW = torch.nn.functional.pad(inside, (0, 3, 0, 4))
    after_BHW = asked(built, (wider_BLHW.flatten(2), lights, level, present, wider_BHW)).height_BHW
    there_HW = inside[0].bool()
    difference = (after_BHW[:, :H, : W - 1] - before_BHW)[0][there_HW]
    assert (difference - difference.mean()).abs().max() < 1e-4


def test_the_normals_are_those_of_the_height_where_no_edge_is_cut() -> None:
    given, _ = scene()
    surface = asked(network(learnt=False), given)
    of_height_BHW3 = normals_of(surface.height_BHW, edges_inside(given[4]))
    assert torch.allclose(surface.normals_BHW3, of_height_BHW3, atol=1e-5)
    assert torch.allclose(surface.normals_BHW3.norm(dim=-1), torch.ones(1, H, W), atol=1e-5)


def test_an_edge_that_does_not_count_leaves_the_slope_to_the_other_side() -> None:
    height_BHW = torch.tensor([[[0.0, 1.0, 9.0, 10.0]]])
    weight = (torch.tensor([[[1.0, 1e-6, 1.0]]]), torch.zeros(1, 0, 4))
    slope_BHW = -normals_of(height_BHW, weight)[..., 0] / normals_of(height_BHW, weight)[..., 2]
    assert torch.allclose(slope_BHW, torch.ones(1, 1, 4), atol=1e-4)


def test_normals_of_a_surface_are_left_alone_and_noise_loses_what_no_surface_has() -> None:
    flat_BHW = torch.ones(1, H, W)
    normals_BHW3 = normals_of(2 * torch.sin(ACROSS_HW / 5)[None] + DOWN_HW / 9, edges_inside(flat_BHW))
    assert (integrable(normals_BHW3, flat_BHW) - normals_BHW3).norm(dim=-1)[:, :, 2:-2].max() < 0.02
    noisy_BHW3 = torch.nn.functional.normalize(
        normals_BHW3 + 0.05 * torch.randn(1, H, W, 3, generator=torch.Generator().manual_seed(0)), dim=-1
    )
    apart, left = ((each - normals_BHW3).norm(dim=-1).mean() for each in (noisy_BHW3, integrable(noisy_BHW3, flat_BHW)))
    assert left < 0.7 * apart


def test_lights_that_are_off_are_moved_towards_the_truth_and_hardly_those_of_a_plane() -> None:
    rest_HW = 9**2 - (ACROSS_HW - 11) ** 2 - (DOWN_HW - 9) ** 2
    inside_BHW = (rest_HW > 8).float()[None]
    ball_HW3 = torch.stack([ACROSS_HW - 11, 9 - DOWN_HW, rest_HW.clamp(min=0.1).sqrt()], dim=-1) / 9
    (_, lights_BL3, level_BL, present_BL, _), _ = scene(lights=8)
    draw = torch.Generator().manual_seed(4)
    off_BL3 = torch.nn.functional.normalize(lights_BL3 + 0.06 * torch.randn(1, 8, 3, generator=draw), dim=-1)
    refit = LightRefit()
    torch.nn.init.constant_(refit.trust[2].bias, 20.0)  # all of the way

    def moved(normals_HW3: Tensor) -> Tensor:
        samples_BLP = 0.7 * torch.einsum("hwc,blc->blhw", normals_HW3, lights_BL3).clamp(min=0).flatten(2)
        with torch.no_grad():
            found_BL3: Tensor = refit(samples_BLP, off_BL3, level_BL, present_BL, inside_BHW)
        return found_BL3

    before, after = ((each - lights_BL3).norm(dim=-1).mean() for each in (off_BL3, moved(ball_HW3)))
    assert after < 0.8 * before
    flat_HW3 = torch.tensor([0.0, 0.0, 1.0]).expand(H, W, 3)
    assert (moved(flat_HW3) - off_BL3).norm(dim=-1).mean() < 0.3 * before  # a plane says nothing of its lights


def test_losses_of_known_depths() -> None:
    """Ten micrometres off on half of the pixels, a checkerboard that no plane takes away; a tilt, which one does."""
    checked_HW = ((ACROSS_HW + DOWN_HW) % 2)[None]
    depth_BHW, known_BHW = torch.zeros(1, H, W), torch.ones(1, H, W)
    flat = normals_of(depth_BHW, edges_inside(known_BHW))
    target = DepthTarget(depth_BHW=depth_BHW, normals_BHW3=flat, known_BHW=known_BHW, pitch_B=torch.tensor([20.0]))
    height_BHW = (0.5 * checked_HW + 0.1 * ACROSS_HW).requires_grad_()
    assert depth_loss(height_BHW, flat, target, "depth").item() == pytest.approx(5, abs=0.1)
    logarithm = depth_loss(height_BHW, flat, target, "log_depth")
    assert logarithm.item() == pytest.approx(math.log(6), abs=0.02)
    turned = torch.tensor([0.6, 0.0, 0.8]).expand(1, H, W, 3)
    with_normals = depth_loss(height_BHW, turned, target, "log_depth_and_normals")
    assert (with_normals - logarithm).item() == pytest.approx(math.log1p(math.hypot(0.6, 0.2) / 0.005), abs=0.01)
    logarithm.backward()
    assert height_BHW.grad is not None
    assert torch.isfinite(height_BHW.grad).all()
