"""What recipes ask of Mask R-CNN, and what they get."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import maskrcnn_resnet50_fpn
from torchvision.ops import Conv2dNormActivation, FrozenBatchNorm2d, sigmoid_focal_loss
from truscore.recipes import Recipe, resolve
from truscore.zoo import build_model
from truscore.zoo.checkpoint import UnusableCheckpoint, load_checkpoint_model
from truscore.zoo.compilation import compile_stages, save_memory
from truscore.zoo.detection.pyramid import PathAggregationNetwork
from truscore.zoo.losses.detection import softmax_focal_loss
from truscore.zoo.pretrained import UnusableWeights, load_pretrained

Batch = tuple[list[Tensor], list[dict[str, Tensor]]]
MakeRecipe = Callable[..., Recipe]
FROM_WEIGHTS = {"pretrained_weights": "ours"}


def built(recipe: Recipe, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build_model(recipe, 2)


def losses(model: nn.Module, batch: Batch, seed: int = 3) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    parts: dict[str, Tensor] = model.train()(*batch)
    return parts


def gradients(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    model.zero_grad()
    torch.stack(list(losses(model, batch).values())).sum().backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


def trained_names(model: nn.Module) -> set[str]:
    return {name for name, weight in model.named_parameters() if weight.requires_grad}


def test_it_gives_five_finite_losses_and_a_gradient_to_every_weight(small_recipe: MakeRecipe, batch: Batch) -> None:
    model = built(small_recipe())
    parts = losses(model, batch)
    assert set(parts) == {"classification", "objectness", "box", "proposal_box", "mask"}
    assert all(part.isfinite() for part in parts.values())
    assert set(gradients(model, batch)) == trained_names(model)


def test_an_image_with_nothing_on_it_can_be_trained_on(small_recipe: MakeRecipe) -> None:
    nothing = {
        "boxes": torch.zeros(0, 4),
        "labels": torch.zeros(0, dtype=torch.int64),
        "masks": torch.zeros(0, 64, 64, dtype=torch.uint8),
    }
    parts = losses(built(small_recipe()), ([torch.rand(3, 64, 64)], [nothing]))
    assert all(part.isfinite() for part in parts.values())


def test_boxes_are_in_pixels_of_the_image_given(small_recipe: MakeRecipe) -> None:
    model = built(small_recipe()).eval()
    with torch.no_grad():
        (found,) = model([torch.rand(3, 300, 200)])
    assert found["masks"].shape[1:] == (1, 300, 200)
    assert found["boxes"][:, 2].max() > 64
    assert found["boxes"][:, [0, 2]].max() <= 200
    assert found["boxes"][:, [1, 3]].max() <= 300


def test_validation_in_one_pass_gives_the_detections_of_a_plain_call(small_recipe: MakeRecipe, batch: Batch) -> None:
    model = built(small_recipe(loss_config={"regularization": {"dropout": 0.5}})).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        parts, found = model.losses_and_detections(*batch)
        plain = model(batch[0])
    assert set(parts) == {"classification", "objectness", "box", "proposal_box", "mask"}
    assert all(torch.equal(one[key], other[key]) for one, other in zip(found, plain, strict=True) for key in one)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module.training for module in model.modules())


def test_the_full_network_has_the_names_and_shapes_of_torchvisions(small_recipe: MakeRecipe) -> None:
    recipe = resolve("border_detection", "dual_class", "", FULL_FROM_WEIGHTS)
    ours = {name: tuple(value.shape) for name, value in build_model(recipe, 90).state_dict().items()}
    stock = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=91)
    theirs = {name: tuple(value.shape) for name, value in stock.state_dict().items()}
    theirs = {name: shape for name, shape in theirs.items() if not name.endswith("num_batches_tracked")}
    assert ours == theirs


FULL_FROM_WEIGHTS = {
    "architecture_config": {
        "base_architecture": "mask_rcnn_resnet50_fpn",
        "pretrained_weights": "coco",
        "custom_modifications": {"head_customization": "standard"},
    }
}


@pytest.mark.parametrize("freezing", ["none", "partial", "full"])
def test_freezing_keeps_the_stages_it_names_still(small_recipe: MakeRecipe, batch: Batch, freezing: str) -> None:
    custom = {"backbone_freezing": freezing}
    model = built(small_recipe(architecture_config={**FROM_WEIGHTS, "custom_modifications": custom}))
    body = {name for name, _ in model.named_parameters() if name.startswith("backbone.body.")}
    frozen = body - trained_names(model)
    early = {name for name in body if int(name.split(".")[2]) <= 3}
    assert frozen == {"none": set(), "partial": early, "full": body}[freezing]
    assert set(gradients(model, batch)) == trained_names(model)


def test_no_norm_looks_at_the_batch(small_recipe: MakeRecipe) -> None:
    def kinds(recipe: Recipe) -> set[type[nn.Module]]:
        return {type(module) for module in built(recipe).modules() if "Norm" in type(module).__name__} - {
            Conv2dNormActivation
        }

    assert kinds(small_recipe()) == {nn.GroupNorm}
    assert kinds(small_recipe(architecture_config=FROM_WEIGHTS)) == {FrozenBatchNorm2d}


def test_the_enhanced_pyramid_carries_fine_levels_up_to_coarse_ones(small_recipe: MakeRecipe, batch: Batch) -> None:
    enhanced = built(small_recipe(architecture_config={"custom_modifications": {"feature_pyramid": "enhanced"}}))
    assert isinstance(enhanced.backbone.fpn, PathAggregationNetwork)
    with torch.no_grad():
        levels = enhanced.eval().backbone(torch.rand(1, 3, 64, 96))
        standard = built(small_recipe()).eval().backbone(torch.rand(1, 3, 64, 96))
    assert {name: level.shape for name, level in levels.items()} == {n: level.shape for n, level in standard.items()}
    assert set(gradients(enhanced, batch)) == trained_names(enhanced)


def test_the_specialized_head_of_defects_draws_masks_twice_as_fine(batch: Batch) -> None:
    sides = {}
    for kind in ("standard", "phoenix_specialized"):
        custom = {"architecture_config": {"custom_modifications": {"head_customization": kind}}, "image_size": 64}
        model = built(resolve("surface_analysis", "defect_detection", "fpn", custom))
        roi = model.roi_heads
        sides[kind] = roi.mask_predictor(roi.mask_head(torch.rand(2, 64, 14, 14))).shape[-1]
        assert set(gradients(model, batch)) == trained_names(model)
    assert sides == {"standard": 28, "phoenix_specialized": 56}


@pytest.mark.parametrize("head", ["standard", "phoenix_specialized"])
def test_dropout_drops_units_of_the_head_while_training_only(small_recipe: MakeRecipe, head: str) -> None:
    custom = {"custom_modifications": {"head_customization": head}}
    recipe = small_recipe(architecture_config=custom, loss_config={"regularization": {"dropout": 0.5}})
    box_head = built(recipe).roi_heads.box_head
    regions = torch.rand(4, 64, 7, 7)
    assert not torch.equal(box_head.train()(regions), box_head(regions))
    assert torch.equal(box_head.eval()(regions), box_head(regions))


def test_a_focal_loss_counts_what_is_certain_less(small_recipe: MakeRecipe, batch: Batch) -> None:
    plain = losses(built(small_recipe()), batch)
    focal = losses(built(small_recipe(loss_config={"primary_loss": "focal_loss"})), batch)
    assert focal["classification"] < plain["classification"]
    assert all(torch.equal(focal[name], plain[name]) for name in plain if name != "classification")


def test_the_focal_loss_of_two_classes_is_the_sigmoid_one() -> None:
    torch.manual_seed(0)
    logits_R2, labels_R = torch.randn(50, 2), torch.randint(0, 2, (50,))
    margin_R = logits_R2[:, 1] - logits_R2[:, 0]
    expected = sigmoid_focal_loss(margin_R, labels_R.float(), alpha=0.25, gamma=2.0, reduction="mean")
    ours = softmax_focal_loss(logits_R2, labels_R, alpha=0.25, gamma=2.0)
    torch.testing.assert_close(ours, expected)


def test_a_focal_loss_without_focus_is_half_the_cross_entropy() -> None:
    torch.manual_seed(0)
    logits_RK, labels_R = torch.randn(20, 3), torch.randint(0, 3, (20,))
    ours = softmax_focal_loss(logits_RK, labels_R, alpha=0.5, gamma=0.0)
    torch.testing.assert_close(ours, nn.functional.cross_entropy(logits_RK, labels_R) / 2)


@pytest.mark.parametrize("wrapping", ["bare", "state_dict", "model"])
def test_weights_are_put_in_by_name_and_shape(small_recipe: MakeRecipe, tmp_path: Path, wrapping: str) -> None:
    recipe = small_recipe(architecture_config=FROM_WEIGHTS)
    source = build_model(recipe, 5).state_dict()
    torch.save(source if wrapping == "bare" else {wrapping: source}, tmp_path / "w.pth")
    model = built(recipe, seed=9)
    heads = {name: value.clone() for name, value in model.state_dict().items() if "predictor" in name}
    loaded = load_pretrained(model, tmp_path / "w.pth")
    own = model.state_dict()
    assert all(torch.equal(own[name], source[name]) for name in own if name.startswith("backbone."))
    other_classes = [name for name, value in source.items() if value.shape != own[name].shape]
    assert loaded.total - loaded.matched == len(other_classes) > 0
    assert all(torch.equal(own[name], heads[name]) for name in other_classes)


def test_weights_of_a_body_alone_are_found(small_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = small_recipe(architecture_config=FROM_WEIGHTS)
    source = build_model(recipe, 2).state_dict()
    start = "backbone.body."
    body = {f"features.{n.removeprefix(start)}": value for n, value in source.items() if n.startswith(start)}
    torch.save(body, tmp_path / "body.pth")
    assert load_pretrained(built(recipe, seed=9), tmp_path / "body.pth").matched == len(body)


def test_weights_under_torchvisions_old_names_are_found(tmp_path: Path) -> None:
    recipe = resolve("border_detection", "dual_class", "", FULL_FROM_WEIGHTS)
    model = build_model(recipe, 2)
    old = {_old_name(name): value for name, value in model.state_dict().items()}
    assert {"roi_heads.mask_head.mask_fcn1.weight", "backbone.fpn.inner_blocks.0.bias"} < set(old)
    assert "rpn.head.conv.weight" in old
    torch.save(old, tmp_path / "old.pth")
    loaded = load_pretrained(model, tmp_path / "old.pth")
    assert loaded.matched == loaded.total


def _old_name(name: str) -> str:
    parts = name.split(".")
    if name.startswith("backbone.fpn."):
        return ".".join([*parts[:4], parts[5]])
    if name.startswith("rpn.head.conv."):
        return ".".join([*parts[:3], parts[5]])
    if name.startswith("roi_heads.mask_head."):
        return f"roi_heads.mask_head.mask_fcn{int(parts[2]) + 1}.{parts[4]}"
    return name


@pytest.mark.parametrize("content", ["other network", "not tensors", "text"])
def test_weights_that_do_not_fit_are_refused_by_name(small_recipe: MakeRecipe, tmp_path: Path, content: str) -> None:
    path = tmp_path / "odd.pth"
    if content == "text":
        path.write_text("no weights")
    else:
        torch.save({"layer1.0.conv1.weight": torch.rand(2)} if content == "other network" else [1, 2], path)
    with pytest.raises(UnusableWeights, match=r"odd\.pth"):
        load_pretrained(built(small_recipe()), path)


def test_saving_memory_keeps_less_and_changes_nothing(small_recipe: MakeRecipe, batch: Batch) -> None:
    plain, saving = built(small_recipe()), built(small_recipe())
    save_memory(saving)
    kept_bytes = {}
    results = {}
    for name, model in (("plain", plain), ("saving", saving)):
        kept_bytes[name] = 0

        def count(value: Tensor, name: str = name) -> Tensor:
            kept_bytes[name] += value.nbytes
            return value

        with torch.autograd.graph.saved_tensors_hooks(count, lambda value: value):
            results[name] = gradients(model, batch)
    assert kept_bytes["saving"] < 0.8 * kept_bytes["plain"]
    assert all(torch.equal(value, results["saving"][key]) for key, value in results["plain"].items())
    assert all(torch.equal(value, saving.state_dict()[key]) for key, value in plain.state_dict().items())


def test_saving_memory_shows_a_batch_to_batch_norms_once(batch: Batch) -> None:
    def network() -> nn.Module:
        torch.manual_seed(0)
        body = nn.Sequential(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()))
        return nn.ModuleDict({"backbone": nn.ModuleDict({"body": body})})

    plain, saving = network(), network()
    save_memory(saving)
    for model in (plain, saving):
        model.train().backbone.body(torch.stack(batch[0])).square().sum().backward()
    assert all(torch.equal(value, saving.state_dict()[name]) for name, value in plain.state_dict().items())
    assert plain.state_dict()["backbone.body.0.1.num_batches_tracked"] == 1


def test_weights_without_the_statistics_of_their_norms_are_refused(small_recipe: MakeRecipe, tmp_path: Path) -> None:
    torch.save(built(small_recipe()).state_dict(), tmp_path / "ours.pth")
    with pytest.raises(UnusableWeights, match="running_mean"):
        load_pretrained(built(small_recipe(architecture_config=FROM_WEIGHTS)), tmp_path / "ours.pth")


def test_compiling_keeps_the_weights_and_their_names(small_recipe: MakeRecipe) -> None:
    plain, compiled = built(small_recipe()), built(small_recipe())
    compile_stages(compiled, "max_autotune")
    save_memory(compiled)
    assert list(compiled.state_dict()) == list(plain.state_dict())
    for stage in compiled.backbone.body.children():
        # Computed again compiled: the compiled function is inside the one that forgets.
        assert hasattr(stage.forward.args[0], "_torchdynamo_orig_callable")


def test_a_checkpoint_comes_back_as_the_network_it_was(small_recipe: MakeRecipe, batch: Batch, tmp_path: Path) -> None:
    from truscore.recipes import recipe_to_json

    recipe = small_recipe()
    model = built(recipe).eval()
    content = {"model": model.state_dict(), "recipe": recipe_to_json(recipe), "class_names": ["outer", "inner"]}
    torch.save(content, tmp_path / "c.pt")
    loaded, its_recipe, class_names = load_checkpoint_model(tmp_path / "c.pt")
    assert (its_recipe, class_names, loaded.training) == (recipe, ("outer", "inner"), False)
    with torch.no_grad():
        ours, theirs = model(batch[0]), loaded(batch[0])
    assert all(torch.equal(one[key], other[key]) for one, other in zip(ours, theirs, strict=True) for key in one)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("executed",)


@pytest.mark.parametrize("content", ["code", "text", "empty", "another dictionary"])
def test_a_file_that_is_no_checkpoint_is_refused(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.pt"
    if content in {"text", "empty"}:
        path.write_text("no checkpoint" if content == "text" else "")
    else:
        torch.save(Evil() if content == "code" else {"weights": 1}, path)
    with pytest.raises(UnusableCheckpoint, match=r"c\.pt"):
        load_checkpoint_model(path)
    assert "executed" not in capsys.readouterr().out
