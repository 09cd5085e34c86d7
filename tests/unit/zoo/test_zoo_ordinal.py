"""Graders: ordinal losses against hand values, answers that are in order, bodies that read published weights."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from truscore.catalog import row_of
from truscore.catalog.networks.configs import GraderConfig
from truscore.catalog.networks.ordinal import NETWORKS
from truscore.recipes import Recipe, resolve
from truscore.zoo import build_model
from truscore.zoo.classification.backbones import make_backbone
from truscore.zoo.classification.network import OrdinalClassifier
from truscore.zoo.classification.statistics_cnn import Standardise, StatisticsHead
from truscore.zoo.compilation import save_memory, stages
from truscore.zoo.losses.ordinal import (
    LOSSES,
    OrderedThresholds,
    coral_loss,
    corn_loss,
    exceedance,
    grade_probabilities,
    median_grade,
    ordinal_loss,
)
from truscore.zoo.pretrained import UnusableWeights, load_pretrained

SMALLEST = {"resnet": "resnet10_slim", "vision_transformer": "vit_compact", "efficientnet": "efficientnet_v2_slim"}
# Built by the code of their smaller relatives.
BACKBONES = {one.name: one.config.backbone for one in NETWORKS if isinstance(one.config, GraderConfig)}
LARGE = {"vit_b_16", "resnet50", "efficientnet_v2_s", "densenet121"}


def recipe_of(architecture: str = "resnet", **sections: object) -> Recipe:
    option = ("surface_analysis", "quality_rating") if architecture == "densenet" else ("corner_analysis", "")
    category, name = option[0], option[1] or "quality_classification"
    return resolve(category, name, architecture, {"image_size": 40, **sections})


def log_sigmoid(value: float) -> float:
    return -math.log1p(math.exp(-value))


def test_coral_asks_every_threshold_of_every_image() -> None:
    logits_BT = torch.tensor([[1.0, -2.0, 0.5]])
    # Grade 1 of 0 to 3 is beyond the first threshold and not beyond the other two.
    by_hand = -(log_sigmoid(1.0) + log_sigmoid(2.0) + log_sigmoid(-0.5))
    assert coral_loss(logits_BT, torch.tensor([1])).item() == pytest.approx(by_hand, rel=1e-6)


def test_corn_asks_a_threshold_only_of_images_beyond_the_one_before() -> None:
    logits_BT = torch.tensor([[1.0, -2.0, 0.5], [0.3, 0.7, -1.0]])
    first = -(log_sigmoid(1.0) + log_sigmoid(2.0))  # grade 1: beyond 0, not beyond 1, not asked about 2
    second = -log_sigmoid(-0.3)  # grade 0: not beyond 0, and that is all
    assert corn_loss(logits_BT, torch.tensor([1, 0])).item() == pytest.approx((first + second) / 2, rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_two_halves_of_a_batch_weigh_what_the_whole_does(loss: str) -> None:
    torch.manual_seed(0)
    raw, grade_B = torch.randn(6, 4), torch.randint(0, 4 if loss == "cross_entropy" else 5, (6,))
    halves = [ordinal_loss(raw[part], grade_B[part], loss) for part in (slice(0, 3), slice(3, 6))]
    torch.testing.assert_close(torch.stack(halves).mean(), ordinal_loss(raw, grade_B, loss))


def test_a_loss_that_is_none_of_theirs_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="corn, coral, cross_entropy"):
        ordinal_loss(torch.zeros(1, 2), torch.zeros(1, dtype=torch.int64), "dice_loss")


def test_corn_multiplies_conditional_probabilities() -> None:
    logits_BT = torch.tensor([[0.0, 0.0, 0.0]])
    beyond_BT = exceedance(logits_BT, "corn")
    torch.testing.assert_close(beyond_BT, torch.tensor([[0.5, 0.25, 0.125]]))
    torch.testing.assert_close(grade_probabilities(beyond_BT), torch.tensor([[0.5, 0.25, 0.125, 0.125]]))


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=9), loss=st.sampled_from(LOSSES))
def test_probabilities_are_in_order_and_sum_to_one_whatever_the_network_says(values: list[float], loss: str) -> None:
    raw = torch.tensor([values])
    # CORAL's thresholds are in order by construction, whatever score comes in.
    raw = OrderedThresholds(len(values))(raw[:, :1]) if loss == "coral" else raw
    beyond_BT = exceedance(raw, loss)
    assert (beyond_BT[:, 1:] <= beyond_BT[:, :-1] + 1e-6).all()
    probabilities_BK = grade_probabilities(beyond_BT)
    assert (probabilities_BK >= 0).all()
    assert probabilities_BK.sum().item() == pytest.approx(1.0, abs=1e-5)
    assert 0 <= int(median_grade(beyond_BT)) <= beyond_BT.shape[1]


def test_the_grade_is_the_median_of_the_probabilities() -> None:
    beyond_BT = torch.tensor([[0.9, 0.6, 0.2], [0.4, 0.3, 0.1], [0.99, 0.98, 0.97]])
    assert median_grade(beyond_BT).tolist() == [2, 0, 3]


def test_corals_biases_fall_after_any_step() -> None:
    torch.manual_seed(0)
    thresholds = OrderedThresholds(6)
    optimizer = torch.optim.SGD(thresholds.parameters(), lr=50.0)
    for _ in range(5):
        optimizer.zero_grad()
        coral_loss(thresholds(torch.randn(4, 1)), torch.tensor([6, 0, 6, 0])).backward()
        optimizer.step()
    falls_T = thresholds(torch.zeros(1, 1))[0]
    assert (falls_T[1:] <= falls_T[:-1]).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("architecture", ["resnet", "vision_transformer", "efficientnet", "densenet"])
def test_a_grader_answers_with_a_probability_for_each_grade(architecture: str, loss: str) -> None:
    torch.manual_seed(0)
    network = build_model(recipe_of(architecture, loss_config={"primary_loss": loss}), 7).eval()
    assert isinstance(network, OrdinalClassifier)
    with torch.no_grad():
        answers = network.answers(network(torch.rand(2, 3, 40, 40)))
    assert answers["probabilities"].shape == (2, 7)
    torch.testing.assert_close(answers["probabilities"].sum(dim=1), torch.ones(2))
    assert answers["grade_index"].shape == (2,)


@pytest.mark.parametrize("name", sorted(set(BACKBONES) - LARGE))
def test_a_backbone_gives_the_channels_it_says_at_sizes_that_are_no_multiple_of_its_stride(name: str) -> None:
    config = BACKBONES[name]
    backbone = make_backbone(config, image_size=50, pretrained=False, freezing="none", dropped=0.0).eval()
    with torch.no_grad():
        map_BChw = backbone(torch.rand(1, 3, 50, 50))
    assert map_BChw.shape[1] == config.channels
    assert {*config.early} <= {name for name, _ in backbone.body.named_children()}


@pytest.mark.parametrize("architecture", ["resnet", "vision_transformer", "efficientnet", "densenet"])
def test_from_scratch_nothing_is_normalised_over_the_batch(architecture: str) -> None:
    network = build_model(recipe_of(architecture), 3).eval()
    assert not [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    images = torch.rand(3, 3, 40, 40)
    with torch.no_grad():
        torch.testing.assert_close(network(images)[:1], network(images[:1]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("freezing", "moving"), [("none", True), ("partial", True), ("full", False)])
def test_frozen_stages_of_a_grader_hold_still(freezing: str, moving: bool) -> None:
    architecture = {"pretrained_weights": "w", "custom_modifications": {"backbone_freezing": freezing}}
    network = build_model(recipe_of(architecture_config=architecture), 3)
    network(torch.rand(2, 3, 40, 40)).sum().backward()
    body = network.get_submodule("backbone.body")
    moved = {name for name, weight in body.named_parameters() if weight.grad is not None}
    assert ("conv1.0.weight" in moved) == (freezing == "none")
    assert any(name.startswith("layer4.") for name in moved) == moving
    assert all(weight.grad is not None for weight in network.get_submodule("head").parameters())


@pytest.mark.parametrize("architecture", ["resnet", "vision_transformer", "efficientnet", "densenet"])
def test_a_grader_that_saves_memory_gives_the_same_gradients(architecture: str) -> None:
    sections = {"loss_config": {"regularization": {"dropout": 0.3}}}
    images = torch.rand(2, 3, 40, 40)

    def gradients(*, saving: bool) -> list[Tensor]:
        torch.manual_seed(3)
        network = build_model(recipe_of(architecture, **sections), 3)
        assert len(stages(network)) > 3
        if saving:
            save_memory(network)
        torch.manual_seed(4)
        network(images).square().sum().backward()
        return [weight.grad for weight in network.parameters() if weight.grad is not None]

    for plain, saved in zip(gradients(saving=False), gradients(saving=True), strict=True):
        assert torch.equal(plain, saved)


def test_the_specialised_head_sees_one_spot_among_many() -> None:
    torch.manual_seed(0)
    custom = {"custom_modifications": {"head_customization": "phoenix_specialized"}}
    head = build_model(recipe_of(architecture_config=custom), 3).eval().get_submodule("head")
    plain = build_model(recipe_of(), 3).eval().get_submodule("head")
    map_BChw = torch.zeros(1, 256, 8, 8)
    spot = map_BChw.clone()
    spot[0, :, 3, 3] = 5.0
    with torch.no_grad():
        moves = [(each(spot) - each(map_BChw)).abs().max().item() for each in (head, plain)]
    assert moves[0] > 2 * moves[1]


PUBLISHED: dict[str, tuple[str, Callable[[], nn.Module], Callable[[nn.Module, Tensor], Tensor]]] = {
    "vit_tiny_patch16": (
        "vision_transformer",
        lambda: timm.create_model("vit_tiny_patch16_224", pretrained=False),
        lambda net, image: net.forward_features(image)[:, 1:].transpose(1, 2).reshape(1, -1, 14, 14),
    ),
    "resnet18": (
        "resnet",
        torchvision.models.resnet18,
        lambda net, image: nn.Sequential(*list(net.children())[:-2])(image),
    ),
    "efficientnet_b0": ("efficientnet", torchvision.models.efficientnet_b0, lambda net, image: net.features(image)),
    "densenet121": ("densenet", torchvision.models.densenet121, lambda net, image: net.features(image).relu()),
}


@pytest.mark.parametrize("base", PUBLISHED)
def test_published_weights_do_here_what_they_do_there(base: str, tmp_path: Path) -> None:
    architecture, publish, features = PUBLISHED[base]
    torch.manual_seed(0)
    theirs = publish().eval()
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    config = {"base_architecture": base, "pretrained_weights": "w"}
    ours = build_model(recipe_of(architecture, image_size=224, architecture_config=config), 4).eval()
    loaded = load_pretrained(ours, tmp_path / "w.pth")
    assert loaded.matched == sum(name.startswith("backbone.") for name in ours.state_dict())
    image = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(ours.get_submodule("backbone")(image), features(theirs, image))


def test_torchvisions_transformer_is_read_by_name(tmp_path: Path) -> None:
    # vit_b_16 has these names; a network of its kind that is small enough for a test has them, too.
    theirs = torchvision.models.VisionTransformer(
        image_size=224, patch_size=16, num_layers=12, num_heads=3, hidden_dim=192, mlp_dim=768
    )
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    config = {"base_architecture": "vit_tiny_patch16", "pretrained_weights": "w"}
    ours = build_model(recipe_of("vision_transformer", image_size=224, architecture_config=config), 4)
    loaded = load_pretrained(ours, tmp_path / "w.pth")
    assert loaded.matched == sum(name.startswith("backbone.") for name in ours.state_dict())


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "w.pth")
    network = build_model(recipe_of("efficientnet", architecture_config={"pretrained_weights": "w"}), 4)
    with pytest.raises(UnusableWeights, match=r"w\.pth"):
        load_pretrained(network, tmp_path / "w.pth")


@pytest.mark.parametrize("name", ["nanodet_m_coco_guo-pu", "nanodet_m_ppe8_tesisnanodet"])
def test_nanodets_weights_fill_the_body_and_its_first_filters_read_red_first(name: str, shared_data: Path) -> None:
    path = shared_data / "weights" / f"{name}.pth"
    config = {"base_architecture": "shufflenet_v2_x1_0", "pretrained_weights": "nanodet"}
    network = build_model(recipe_of("efficientnet", architecture_config=config), 4)
    loaded = load_pretrained(network, path)
    own = network.state_dict()
    assert loaded.matched == sum(name.startswith("backbone.") for name in own)
    published = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    assert torch.equal(own["backbone.body.conv1.0.weight"], published["backbone.conv1.0.weight"].flip(1))
    assert torch.equal(own["backbone.body.stage2.0.branch1.0.weight"], published["backbone.stage2.0.branch1.0.weight"])


def test_the_default_network_of_a_grader_is_a_small_one() -> None:
    for architecture, base in SMALLEST.items():
        assert row_of("corner_analysis", "quality_classification", architecture).bases[0] == base


def test_features_are_read_in_deviations_from_their_mean_over_the_images_given() -> None:
    norm = Standardise(3)
    features_NF = torch.tensor([[1.0, 100.0, 0.0], [3.0, 300.0, 0.0], [5.0, 500.0, 0.0]])
    torch.testing.assert_close(norm(features_NF), features_NF.clamp(-5, 5))  # before it was given any
    norm.standardise_by(features_NF)
    by_hand = torch.tensor([-math.sqrt(1.5), 0.0, math.sqrt(1.5)])
    torch.testing.assert_close(norm(features_NF)[:, 0], by_hand)
    torch.testing.assert_close(norm(features_NF)[:, 1], by_hand)
    # What never varied among them: at least 0.3 of the median deviation counts, and no image is 5 deviations away.
    least = 0.3 * math.sqrt(8 / 3)
    assert norm(torch.tensor([[1.0, 100.0, least]]))[0, 2].item() == pytest.approx(1.0, rel=1e-5)
    assert norm(torch.tensor([[1.0, 100.0, 1e6]]))[0, 2].item() == 5.0


@pytest.mark.parametrize("loss", ["corn", "coral", "cross_entropy"])
@pytest.mark.parametrize("head", ["standard", "phoenix_specialized"])
def test_a_grader_can_read_every_stage_by_statistics_and_keeps_their_standards(loss: str, head: str) -> None:
    def network() -> OrdinalClassifier:
        custom = {"head_customization": head, "backbone_freezing": "full"}
        published = {"base_architecture": "statistics_efficientnet_lite0", "pretrained_weights": "imagenet"}
        recipe = recipe_of(
            "efficientnet",
            architecture_config={**published, "custom_modifications": custom},
            loss_config={"primary_loss": loss, "regularization": {"dropout": 0.5}},
        )
        built = build_model(recipe, 4)
        assert isinstance(built, OrdinalClassifier)
        return built

    model, image_BCSS = network(), torch.rand(4, 3, 40, 40)
    assert model.standardises
    grade_B = torch.tensor([3, 0, 2, 1])
    model.start_from([image_BCSS[:3], image_BCSS[3:]], grade_B)
    [statistics_head] = [module for module in model.modules() if isinstance(module, StatisticsHead)]
    with torch.no_grad():
        features_BF = statistics_head.features(model.backbone(model.normalised(image_BCSS)))
    channels = sum(width for _, width in BACKBONES["statistics_efficientnet_lite0"].levels)
    assert features_BF.shape == (4, (3 if head == "phoenix_specialized" else 3 + 4 * 4) * channels)
    torch.testing.assert_close(statistics_head.norm.mean_F, features_BF.mean(dim=0))
    again = network()
    again.load_state_dict(model.state_dict())
    assert torch.equal(model.eval()(image_BCSS), again.eval()(image_BCSS))
    if head == "standard":  # a linear head begins where a regression of the grades leads
        score_B = model.answers(model(image_BCSS))["probabilities"] @ torch.arange(4.0)
        assert torch.equal(score_B.argsort(), grade_B.argsort())


def test_a_body_that_stays_as_it_is_drops_no_branches() -> None:
    """With dropout for the head: a body in training says of an image what it says of it in use."""
    recipe = resolve("surface_analysis", "quality_rating", "efficientnet", {"image_size": 40}, profile="published")
    if recipe.architecture_config.pretrained_weights == "none":
        pytest.skip("the extra 'weights' is not installed")
    model = build_model(recipe, 4)
    assert not any(weights.requires_grad for weights in model.backbone.parameters())
    image_BCSS = torch.rand(2, 3, 40, 40)
    with torch.no_grad():
        trained = [level.clone() for level in model.train().backbone(image_BCSS)]
        used = model.eval().backbone(image_BCSS)
    assert all(torch.equal(one, other) for one, other in zip(trained, used, strict=True))
