"""Segmenters, very small: shapes, gradients, what each key changes, and published weights."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from truscore.configuration.recipe import FocalLossParams, LossConfig, LossWeights, Regularization
from truscore.recipes import Recipe, recipe_to_json, resolve
from truscore.zoo import build_model, load_checkpoint_model
from truscore.zoo.compilation import compile_stages, save_memory, stages
from truscore.zoo.losses.segmentation import pixel_losses
from truscore.zoo.pretrained import UnusableWeights, load_pretrained
from truscore.zoo.segmentation.segmenter import groups_of

WEIGHTS = Path(__file__).parents[4] / "shared/data/weights/nanodet_m_coco_guo-pu.pth"
ARCHITECTURES = ("u_net", "deeplabv3", "segment_anything")
FROM_WEIGHTS = {"architecture_config": {"pretrained_weights": "imagenet"}}


def recipe_of(architecture: str, *, size: int = 32, **sections: Any) -> Recipe:
    return resolve("corner_analysis", "damage_detection", architecture, {"image_size": size, **sections})


def built(recipe: Recipe, *, classes: int = 2, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return build_model(recipe, classes)


def images(size: int = 32, count: int = 2) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def labels(size: int = 32, count: int = 2) -> Tensor:
    return torch.randint(0, 3, (count, size, size), generator=torch.Generator().manual_seed(2))


def gradients(model: nn.Module, recipe: Recipe) -> dict[str, Tensor]:
    model.train().zero_grad()
    parts = pixel_losses(model(images(recipe.image_size)), labels(recipe.image_size), recipe.loss_config)
    torch.stack(list(parts.values())).sum().backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("size", [32, 45])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_pixel_of_a_square_of_any_side_gets_probabilities(architecture: str, size: int) -> None:
    model = built(recipe_of(architecture, size=size)).eval()
    with torch.no_grad():
        probabilities = model.answers(model(images(size)))["probabilities"]
    assert probabilities.shape == (2, 3, size, size)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(2, size, size))
    assert probabilities[:, 0].mean() > 0.8, "damage is rare before anything is learned"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_everything_that_is_trained_gets_a_gradient(architecture: str) -> None:
    recipe = recipe_of(architecture)
    model = built(recipe)
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert set(gradients(model, recipe)) == trained


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_batch_in_parts_has_the_gradient_of_the_whole(architecture: str) -> None:
    """So that accumulated steps equal large ones, and a last batch of one image is no special case."""
    recipe = recipe_of(architecture)
    model = built(recipe).double()
    for module in model.modules():
        assert not isinstance(module, nn.BatchNorm2d)
    whole = gradients_of_parts(model, recipe, [slice(0, 3)])
    parts = gradients_of_parts(model, recipe, [slice(0, 2), slice(2, 3)])
    for name, gradient in whole.items():
        torch.testing.assert_close(parts[name], gradient, rtol=1e-3, atol=1e-5)


def gradients_of_parts(model: nn.Module, recipe: Recipe, parts: list[slice]) -> dict[str, Tensor]:
    model.train().zero_grad()
    for part in parts:
        batch = images(count=3)[part].double()
        losses = pixel_losses(model(batch), labels(count=3)[part], recipe.loss_config)
        (torch.stack(list(losses.values())).sum() * len(batch) / 3).backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_checkpoint_gives_the_segmenter_it_was(architecture: str, tmp_path: Path) -> None:
    recipe = recipe_of(architecture)
    model = built(recipe).eval()
    content = {"model": model.state_dict(), "recipe": recipe_to_json(recipe), "class_names": ["wear", "scratch"]}
    torch.save(content, tmp_path / "c.pt")
    loaded, its_recipe, class_names = load_checkpoint_model(tmp_path / "c.pt")
    assert (its_recipe, class_names) == (recipe, ("wear", "scratch"))
    with torch.no_grad():
        assert torch.equal(model(images()), loaded(images()))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_freezing_keeps_early_stages_or_the_whole_body_still(architecture: str) -> None:
    frozen = {}
    for freezing in ("none", "partial", "full"):
        custom = {"pretrained_weights": "ours.pth", "custom_modifications": {"backbone_freezing": freezing}}
        body = built(recipe_of(architecture, architecture_config=custom)).backbone.body
        frozen[freezing] = [not weight.requires_grad for weight in body.parameters()]
    assert not any(frozen["none"])
    assert all(frozen["full"])
    share = sum(frozen["partial"]) / len(frozen["partial"])
    assert 0 < share < 1
    assert frozen["partial"][0]
    assert not frozen["partial"][-1]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_dropout_acts_while_training_only(architecture: str) -> None:
    model = built(recipe_of(architecture, loss_config={"regularization": {"dropout": 0.5}}))
    with torch.no_grad():
        assert not torch.equal(model.train()(images()), model(images()))
        assert torch.equal(model.eval()(images()), model(images()))


@pytest.mark.parametrize("base", ["u_net_shufflenet_v2", "u_net_efficientnet_lite0_slim"])
def test_the_specialized_head_weighs_what_it_takes_over(base: str) -> None:
    custom = {"head_customization": "phoenix_specialized"}
    network = {"base_architecture": base}
    recipe = recipe_of("u_net", architecture_config={**network, "custom_modifications": custom})
    model, plain = built(recipe), built(recipe_of("u_net", architecture_config=network))
    added = set(model.state_dict()) - set(plain.state_dict())
    assert added
    assert all(".attention" in name for name in added)
    assert set(gradients(model, recipe)) == {name for name, _ in model.named_parameters()}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_saving_memory_or_compiling_a_segmenter_keeps_names_and_gradients(architecture: str) -> None:
    recipe = recipe_of(architecture)
    plain, saving, compiled = built(recipe), built(recipe), built(recipe)
    save_memory(saving)
    compile_stages(compiled, "default")
    assert len(stages(plain)) >= 3
    assert list(compiled.state_dict()) == list(saving.state_dict()) == list(plain.state_dict())
    expected = gradients(plain, recipe)
    assert all(torch.equal(value, expected[name]) for name, value in gradients(saving, recipe).items())


def test_the_stages_of_sam_are_its_blocks() -> None:
    model = built(recipe_of("segment_anything"))
    assert len(stages(model)) == 1 + 4 + 1


def test_published_weights_of_a_body_start_a_u_net() -> None:
    if not WEIGHTS.exists():
        pytest.skip(f"{WEIGHTS} is not there")
    model = built(recipe_of("u_net", **FROM_WEIGHTS))
    loaded = load_pretrained(model, WEIGHTS)
    body = [name for name in model.state_dict() if name.startswith("backbone.body.")]
    published = torch.load(WEIGHTS, map_location="cpu", weights_only=True)["state_dict"]
    assert loaded.matched == len(body)
    stage = model.backbone.body.stage2[0].branch1[0].weight
    assert torch.equal(stage, published["backbone.stage2.0.branch1.0.weight"])


@pytest.mark.parametrize(
    ("architecture", "start"),
    [("u_net", ""), ("u_net", "encoder."), ("deeplabv3", "features."), ("deeplabv3", "backbone.")],
)
def test_backbones_are_found_in_files_of_whole_segmenters(architecture: str, start: str, tmp_path: Path) -> None:
    recipe = recipe_of(architecture, **FROM_WEIGHTS)
    source = built(recipe).state_dict()
    inside = "backbone.body."
    body = {start + name.removeprefix(inside): value for name, value in source.items() if name.startswith(inside)}
    head = {"classifier.4.weight": torch.rand(21, 256, 1, 1)} if start in {"encoder.", "backbone."} else {}
    torch.save({**body, **head}, tmp_path / "w.pth")
    model = built(recipe, seed=9)
    assert load_pretrained(model, tmp_path / "w.pth").matched == len(body)
    assert all(
        torch.equal(value, source[name]) for name, value in model.backbone.state_dict(prefix="backbone.").items()
    )


def test_weights_of_our_own_start_the_head_as_well(tmp_path: Path) -> None:
    recipe = recipe_of("u_net", **FROM_WEIGHTS)
    source = built(recipe)
    torch.save({"model": source.state_dict()}, tmp_path / "w.pth")
    loaded = load_pretrained(built(recipe, seed=9), tmp_path / "w.pth")
    assert loaded.matched == loaded.total


SAM = {"pretrained_weights": "ours.pth"}


@pytest.mark.parametrize("kind", ["transformers", "safetensors", "meta"])
def test_sam_reads_transformers_and_metas_names(kind: str, tmp_path: Path) -> None:
    recipe = recipe_of("segment_anything", architecture_config=SAM)
    source = built(recipe)
    published = as_published(source.state_dict())
    path = tmp_path / "sam.pth"
    if kind == "safetensors":
        save_file({name: value.contiguous() for name, value in published.items()}, path)
    else:
        torch.save(as_meta(published) if kind == "meta" else published, path)
    model = built(recipe, seed=9)
    loaded = load_pretrained(model, path)
    # Only the classes' own tokens are new.
    assert loaded.total - loaded.matched == 1
    own = model.state_dict()
    expected = {**source.state_dict(), "bias_D": torch.zeros(2), "prompts.class_embed.weight": None}
    assert all(value is None or torch.equal(own[name], value) for name, value in expected.items())


def test_sam_stretches_its_places_to_another_size(tmp_path: Path) -> None:
    source = built(recipe_of("segment_anything", size=64, architecture_config=SAM))
    nn.init.normal_(source.backbone.body.pos_embed)
    torch.save(as_published(source.state_dict()), tmp_path / "sam.pth")
    model = built(recipe_of("segment_anything", size=32, architecture_config=SAM), seed=9)
    loaded = load_pretrained(model, tmp_path / "sam.pth")
    assert loaded.total - loaded.matched == 1
    assert model.backbone.body.pos_embed.shape == (1, 4, 4, 96)
    mean = source.backbone.body.pos_embed[0].mean(dim=(0, 1))
    torch.testing.assert_close(model.backbone.body.pos_embed[0].mean(dim=(0, 1)), mean, rtol=0, atol=0.1)


def as_published(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our SAM's weights under transformers' names, with the parts that we leave out."""
    theirs = {}
    for name, value in ours.items():
        if name.startswith("backbone.body."):
            theirs["vision_encoder." + name.removeprefix("backbone.body.")] = value
        elif name.startswith("decoder."):
            theirs["mask_decoder." + name.removeprefix("decoder.")] = value
    theirs["mask_decoder.mask_tokens.weight"] = torch.cat([ours["decoder.mask_tokens.weight"], torch.rand(3, 64)])
    theirs["mask_decoder.iou_prediction_head.proj_in.weight"] = torch.rand(8, 64)
    places = ours["prompts.shared_embedding.positional_embedding"]
    theirs["prompt_encoder.shared_embedding.positional_embedding"] = places
    theirs["prompt_encoder.no_mask_embed.weight"] = ours["prompts.no_mask_embed.weight"]
    corners = (torch.rand(1, 64), torch.rand(1, 64), *ours["prompts.corner_embed.weight"].split(1))
    return theirs | {f"prompt_encoder.point_embed.{n}.weight": corner for n, corner in enumerate(corners)}


META = (
    ("vision_encoder.layers.", "image_encoder.blocks."),
    ("vision_encoder.", "image_encoder."),
    ("patch_embed.projection.", "patch_embed.proj."),
    ("neck.conv1.", "neck.0."),
    ("neck.layer_norm1.", "neck.1."),
    ("neck.conv2.", "neck.2."),
    ("neck.layer_norm2.", "neck.3."),
    (".layer_norm_final_attn.", ".norm_final_attn."),
    (".layer_norm", ".norm"),
    ("upscale_conv1.", "output_upscaling.0."),
    ("upscale_layer_norm.", "output_upscaling.1."),
    ("upscale_conv2.", "output_upscaling.3."),
    ("hypernetworks_mlps.0.layers.0.", "hypernetworks_mlps.0.layers.1."),
    ("hypernetworks_mlps.0.proj_in.", "hypernetworks_mlps.0.layers.0."),
    ("hypernetworks_mlps.0.proj_out.", "hypernetworks_mlps.0.layers.2."),
    ("point_embed.", "point_embeddings."),
    ("shared_embedding.positional_embedding", "pe_layer.positional_encoding_gaussian_matrix"),
)


def as_meta(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    named = {}
    for name, value in published.items():
        for theirs, metas in META:
            name = name.replace(theirs, metas)  # noqa: PLW2901
        named[name] = value
    assert "image_encoder.blocks.3.norm2.bias" in named
    assert "mask_decoder.output_upscaling.3.weight" in named
    return named


def test_weights_of_another_network_do_not_start_a_segmenter(tmp_path: Path) -> None:
    torch.save({"backbone.conv1.weight": torch.rand(64, 3, 7, 7)}, tmp_path / "odd.pth")
    with pytest.raises(UnusableWeights, match=r"odd\.pth"):
        load_pretrained(built(recipe_of("u_net", **FROM_WEIGHTS)), tmp_path / "odd.pth")


def config(loss: str, *, gamma: float = 2.0) -> LossConfig:
    return LossConfig(
        primary_loss=loss,
        loss_weights=LossWeights(classification=1.0, bbox_regression=1.0, mask_loss=1.0),
        focal_loss_params=FocalLossParams(alpha=0.25, gamma=gamma),
        regularization=Regularization(l2_weight=0.0, dropout=0.0),
    )


# One image of two pixels, nothing and damage, and of a third of which nothing is known.
LOGITS = torch.tensor([[[[math.log(3.0), 0.0, 5.0]], [[0.0, 0.0, -5.0]]]])  # damage: 1/4, 1/2, hardly
LABELS = torch.tensor([[[0, 1, 255]]], dtype=torch.uint8)


def test_cross_entropy_is_a_mean_over_the_known_pixels() -> None:
    parts = pixel_losses(LOGITS, LABELS, config("cross_entropy"))
    assert parts["mask_cross_entropy"].item() == pytest.approx((-math.log(0.75) - math.log(0.5)) / 2)


def test_focal_loss_weighs_damage_by_alpha_and_what_is_certain_less() -> None:
    parts = pixel_losses(LOGITS, LABELS, config("focal_loss"))
    nothing, damage = 0.75 * 0.25**2 * -math.log(0.75), 0.25 * 0.5**2 * -math.log(0.5)
    assert parts["mask_focal"].item() == pytest.approx((nothing + damage) / 2)


def test_dice_loss_is_one_less_the_overlap_beside_cross_entropy() -> None:
    parts = pixel_losses(LOGITS, LABELS, config("dice_loss"))
    assert parts["mask_dice"].item() == pytest.approx(1 - 2 * 0.5 / (0.75 + 1))
    assert parts.keys() == {"mask_dice", "mask_cross_entropy"}


def test_an_image_without_damage_or_without_any_known_pixel_gives_finite_losses() -> None:
    for label in (0, 255):
        unknown = torch.full_like(LABELS, label)
        for loss in ("cross_entropy", "focal_loss", "dice_loss"):
            logits = LOGITS.clone().requires_grad_()
            torch.stack(list(pixel_losses(logits, unknown, config(loss)).values())).sum().backward()
            assert torch.isfinite(logits.grad).all()
            assert label == 0 or (logits.grad == 0).all()


@pytest.mark.parametrize(("channels", "groups"), [(24, 8), (58, 2), (116, 4), (17, 1)])
def test_channels_are_parted_evenly(channels: int, groups: int) -> None:
    assert groups_of(channels) == groups


def test_a_focal_loss_certain_to_the_last_bit_has_a_finite_gradient() -> None:
    logits = torch.tensor([[[[200.0]], [[-200.0]]]], requires_grad=True)
    pixel_losses(logits, torch.zeros(1, 1, 1), config("focal_loss", gamma=0.5))["mask_focal"].backward()
    assert torch.isfinite(logits.grad).all()
