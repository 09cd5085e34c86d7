"""What holds of every network that finds instances, at its smallest."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from truscore.catalog.networks import NETWORKS
from truscore.catalog.networks.configs import DetectorConfig
from truscore.catalog.networks.network import Network
from truscore.recipes import Recipe, recipe_to_json, resolve
from truscore.zoo import build_model
from truscore.zoo.checkpoint import load_checkpoint_model
from truscore.zoo.compilation import save_memory, stages
from truscore.zoo.detection.detectron2 import AlignedRoIAlign, CaffeTransform, UnroundedAnchors
from truscore.zoo.detection.pyramid import PathAggregationNetwork, PyramidBackbone
from truscore.zoo.losses.detection import binary_loss
from truscore.zoo.pretrained import load_pretrained

Batch = tuple[list[Tensor], list[dict[str, Tensor]]]

DENSE = {
    "yolo": ("border_detection", "single_class", "yolo"),
    "retinanet": ("border_detection", "single_class", "retinanet"),
}
MASKED = {
    "detectron2": ("border_detection", "dual_class", "detectron2"),
    "fpn": ("surface_analysis", "defect_detection", "fpn"),
    "swin_transformer": ("surface_analysis", "defect_detection", "swin_transformer"),
    "convnext": ("surface_analysis", "defect_detection", "convnext"),
}
ROWS = DENSE | MASKED
PARTS = {
    "yolo": {"classification", "objectness", "box"},
    "retinanet": {"classification", "box"},
    **{name: {"classification", "objectness", "box", "proposal_box", "mask"} for name in MASKED},
}
FROM_WEIGHTS = {"pretrained_weights": "imagenet.pth"}


def recipe_of(name: str, **sections: Any) -> Recipe:
    """Without a second stage, which has tests of its own."""
    architecture = dict(sections.pop("architecture_config", {}))
    custom = {"head_customization": "standard", **architecture.get("custom_modifications", {})}
    architecture["custom_modifications"] = custom
    return resolve(*ROWS[name], {"image_size": 64, "architecture_config": architecture, **sections})


def built(recipe: Recipe, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build_model(recipe, 2)


def losses(model: nn.Module, batch: Batch, seed: int = 3) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    images, targets = batch
    parts: dict[str, Tensor] = model.train()(images, [dict(target) for target in targets])
    return parts


def gradients(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    model.zero_grad()
    torch.stack(list(losses(model, batch).values())).sum().backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


def trained_names(model: nn.Module) -> set[str]:
    return {name for name, weight in model.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize("name", ROWS)
def test_a_detector_gives_finite_losses_by_name_and_a_gradient_to_every_weight(name: str, batch: Batch) -> None:
    model = built(recipe_of(name))
    parts = losses(model, batch)
    assert set(parts) == PARTS[name]
    assert all(part.isfinite() for part in parts.values())
    moved = gradients(model, batch)
    assert set(moved) == trained_names(model)
    assert all(value.isfinite().all() for value in moved.values())


@pytest.mark.parametrize("name", [*DENSE, "detectron2"])
def test_a_detector_trains_on_an_image_with_nothing_on_it(name: str) -> None:
    nothing = {
        "boxes": torch.zeros(0, 4),
        "labels": torch.zeros(0, dtype=torch.int64),
        "masks": torch.zeros(0, 64, 64, dtype=torch.uint8),
    }
    model = built(recipe_of(name))
    empty = ([torch.rand(3, 64, 64)], [nothing])
    assert all(part.isfinite() for part in losses(model, empty).values())
    # Processes that train together have to agree on which weights have gradients.
    assert set(gradients(model, empty)) == trained_names(model)


@pytest.mark.parametrize("name", ROWS)
def test_a_detector_validates_in_one_pass_and_comes_back_from_its_checkpoint(
    name: str, batch: Batch, tmp_path: Path
) -> None:
    recipe = recipe_of(name)
    model = built(recipe).eval()
    images, targets = batch
    with torch.no_grad():
        parts, found = model.losses_and_detections(images, [dict(target) for target in targets])
    content = {"model": model.state_dict(), "recipe": recipe_to_json(recipe), "class_names": ["one", "two"]}
    torch.save(content, tmp_path / "c.pt")
    loaded, its_recipe, _ = load_checkpoint_model(tmp_path / "c.pt")
    with torch.no_grad():
        plain = loaded(images)
    assert its_recipe == recipe
    assert set(parts) == PARTS[name]
    assert not any(module.training for module in model.modules())
    assert all(torch.equal(one[key], other[key]) for one, other in zip(found, plain, strict=True) for key in one)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("freezing", ["partial", "full"])
def test_freezing_keeps_the_early_stages_of_any_detector_still(name: str, freezing: str) -> None:
    custom = {"backbone_freezing": freezing}
    model = built(recipe_of(name, architecture_config={**FROM_WEIGHTS, "custom_modifications": custom}))
    body = {key for key, _ in model.named_parameters() if key.startswith("backbone.body.")}
    frozen = body - trained_names(model)
    assert frozen == body if freezing == "full" else set() < frozen < body
    # What is frozen comes before what is trained.
    state = [weight.requires_grad for stage in stages(model) for weight in stage.parameters()]
    assert state == sorted(state)
    assert trained_names(model) - body


@pytest.mark.parametrize("name", ROWS)
def test_weights_of_a_published_body_are_found_for_any_detector(name: str, tmp_path: Path) -> None:
    recipe = recipe_of(name, architecture_config=FROM_WEIGHTS)
    source, start = built(recipe).state_dict(), "backbone.body."
    body = {key.removeprefix(start): value for key, value in source.items() if key.startswith(start)}
    torch.save(body, tmp_path / "body.pth")
    model = built(recipe, seed=9)
    assert load_pretrained(model, tmp_path / "body.pth").matched == len(body)
    own = model.state_dict()
    first = "conv1.weight"  # Detectron2's is turned to its own order of colours
    assert all(torch.equal(own[start + key], value) for key, value in body.items() if key != first)


@pytest.mark.parametrize("name", ["yolo", "swin_transformer", "convnext"])
def test_saving_memory_changes_nothing_that_a_detector_learns(name: str, batch: Batch) -> None:
    plain, saving = built(recipe_of(name)), built(recipe_of(name))
    save_memory(saving)
    one, other = gradients(plain, batch), gradients(saving, batch)
    assert all(torch.equal(value, other[key]) for key, value in one.items())


@pytest.mark.parametrize("name", [*DENSE, "swin_transformer"])
def test_the_enhanced_pyramid_is_there_for_any_detector(name: str, batch: Batch) -> None:
    kinds = {}
    for kind in ("standard", "enhanced"):
        model = built(recipe_of(name, architecture_config={"custom_modifications": {"feature_pyramid": kind}}))
        kinds[kind] = isinstance(model.backbone.fpn, PathAggregationNetwork)
        assert set(gradients(model, batch)) == trained_names(model)
    assert kinds == {"standard": False, "enhanced": True}


@pytest.mark.parametrize("name", DENSE)
def test_dropout_is_in_the_head_of_a_dense_detector_while_it_trains(name: str, batch: Batch) -> None:
    model = built(recipe_of(name, loss_config={"regularization": {"dropout": 0.5}}))
    one, other = losses(model, batch, seed=1), losses(model, batch, seed=2)
    assert one["classification"] != other["classification"]
    with torch.no_grad():
        reported = [model.eval().losses_and_detections(batch[0], list(batch[1]))[0]["classification"] for _ in range(2)]
    assert reported[0] == reported[1]


@pytest.mark.parametrize("name", DENSE)
def test_boxes_of_a_dense_detector_are_in_pixels_of_the_image_given(name: str) -> None:
    model = built(recipe_of(name)).eval()
    model.score_thresh = 0.0
    for branch in model.head if name == "yolo" else ():
        nn.init.constant_(branch.objectness.bias, 2.0)
        nn.init.constant_(branch.classes.bias, 2.0)
    with torch.no_grad():
        (found,) = model([torch.rand(3, 300, 200)])
    assert found["boxes"][:, 3].max() > 100
    assert found["boxes"][:, [0, 2]].max() <= 200
    assert found["boxes"][:, [1, 3]].max() <= 300
    assert set(found["labels"].tolist()) <= {1, 2}
    assert found["scores"].tolist() == sorted(found["scores"].tolist(), reverse=True)


@pytest.mark.parametrize("name", DENSE)
def test_primary_loss_and_focus_change_what_a_dense_detector_is_taught(name: str, batch: Batch) -> None:
    reported = {}
    for kind, params in (("cross_entropy", {}), ("focal_loss", {}), ("focal_loss", {"gamma": 4.0})):
        loss_config = {"primary_loss": kind, **({"focal_loss_params": params} if params else {})}
        reported[kind, *params] = losses(built(recipe_of(name, loss_config=loss_config)), batch)[
            "classification"
        ].item()
    assert reported["focal_loss", "gamma"] < reported["focal_loss",] < reported["cross_entropy",]


def test_a_binary_focal_loss_without_focus_is_half_the_entropy() -> None:
    config = recipe_of("retinanet", loss_config={"focal_loss_params": {"alpha": 0.5, "gamma": 0.0}}).loss_config
    logits, wanted = torch.randn(40, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 2 * 1.0
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    torch.testing.assert_close(binary_loss(logits, wanted, config), entropy / 2)


def test_a_focal_loss_of_what_is_certain_has_a_slope_at_any_focus() -> None:
    config = recipe_of("retinanet", loss_config={"focal_loss_params": {"gamma": 0.5}}).loss_config
    logits = torch.tensor([40.0, -40.0], requires_grad=True)
    binary_loss(logits, torch.tensor([1.0, 0.0]), config).sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_detectron2_is_fed_blue_first_from_0_to_255_without_the_mean() -> None:
    image_CHW = torch.zeros(3, 4, 4)
    image_CHW[0] = 1.0
    fed_CHW = CaffeTransform(64).normalize(image_CHW)
    assert fed_CHW[:, 0, 0].tolist() == pytest.approx([-103.530, -116.280, 255 - 123.675], abs=1e-3)


def test_detectron2s_anchors_keep_their_fractions() -> None:
    (anchors_A4,) = UnroundedAnchors(((32.0,),), ((0.5, 1.0, 2.0),)).cell_anchors
    # Detectron2's own: DefaultAnchorGenerator(sizes=[[32]], aspect_ratios=[[0.5, 1, 2]], strides=[4]).
    expected = [[-22.6274, -11.3137, 22.6274, 11.3137], [-16, -16, 16, 16], [-11.3137, -22.6274, 11.3137, 22.6274]]
    torch.testing.assert_close(anchors_A4, torch.tensor(expected), atol=1e-4, rtol=0)


def test_detectron2_pools_half_a_pixel_aside_and_in_the_order_of_the_regions() -> None:
    across_HW = torch.arange(16.0).expand(16, 16)
    levels = {"0": across_HW[None, None], "1": across_HW[None, None, ::2, ::2] * 1.0}
    boxes = [torch.tensor([[0.0, 0.0, 60.0, 60.0], [16.0, 16.0, 32.0, 32.0], [4.0, 4.0, 60.0, 60.0]])]
    pooler = AlignedRoIAlign((4, 8), 2)
    pooled_RC22 = pooler(levels, boxes, [(64, 64)])
    # A feature's value is its column, whose centre lies half a pixel further: 16 to 32 px are columns 4 to 8.
    assert pooled_RC22[1, 0, 0].tolist() == pytest.approx([4.5, 6.5])
    assert pooled_RC22[0, 0, 0, 0] < pooled_RC22[2, 0, 0, 0]


@pytest.mark.parametrize("name", MASKED)
def test_what_is_found_in_an_image_does_not_depend_on_the_image_before(name: str) -> None:
    first, second = built(recipe_of(name)).eval(), built(recipe_of(name)).eval()
    low_CHW, square_CHW = torch.rand(3, 40, 160), torch.rand(3, 64, 64)
    with torch.no_grad():
        low, square = first([low_CHW])[0], first([square_CHW])[0]
        again_square, again_low = second([square_CHW])[0], second([low_CHW])[0]
    for found, again in ((low, again_low), (square, again_square)):
        assert len(found["boxes"])
        assert all(torch.equal(found[key], again[key]) for key in found)


@pytest.mark.parametrize("network", [each for each in NETWORKS.values() if isinstance(each.config, DetectorConfig)])
def test_the_strides_of_a_network_are_those_of_its_maps(network: Network) -> None:
    with torch.device("meta"):
        backbone = PyramidBackbone(network.config, pyramid="standard", norm=nn.BatchNorm2d).eval()
        maps = list(backbone(torch.zeros(1, 3, 256, 128)).values())
    sides = [tuple(level_BCHW.shape[-2:]) for level_BCHW in maps[: len(network.config.stages)]]
    assert sides == [(256 // stride, 128 // stride) for stride in network.config.strides]


def test_detectron2s_strides_are_in_the_first_convolution_of_a_stage(small_recipe: Callable[..., Recipe]) -> None:
    overrides = {"architecture_config": {"base_architecture": "detectron2_mask_rcnn_r50_fpn"}}
    body = build_model(resolve("border_detection", "dual_class", "detectron2", overrides), 2).backbone.body
    for name in ("layer2", "layer3", "layer4"):
        block = body[name][0]
        assert (block.conv1.stride, block.conv2.stride, block.downsample[0].stride) == ((2, 2), (1, 1), (2, 2))
