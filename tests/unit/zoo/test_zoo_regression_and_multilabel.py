"""Regression and multi-label networks: what they read, what they keep, what their heads look at."""

import pytest
import torch
from torch import Tensor
from truscore.recipes import InvalidConfig, Recipe, resolve
from truscore.zoo import build_model
from truscore.zoo.classification.multilabel import AttentionForEach, HeadForEach
from truscore.zoo.classification.network import MultiLabel, Regressor
from truscore.zoo.classification.statistics_cnn import statistics
from truscore.zoo.compilation import save_memory, stages

SHARPNESS = ("corner_analysis", "sharpness_rating")
DAMAGES = ("surface_analysis", "damage_classification")
REGRESSION = ("custom_cnn", "feature_pyramid")
MULTILABEL = ("multi_head_cnn", "attention_network")


def recipe_of(row: tuple[str, str], architecture: str, **sections: object) -> Recipe:
    return resolve(*row, architecture, {"image_size": 40, **sections})


@pytest.mark.parametrize("architecture", REGRESSION)
def test_a_scorer_answers_in_the_unit_of_the_dataset(architecture: str) -> None:
    network = build_model(recipe_of(SHARPNESS, architecture), 2).eval()
    assert isinstance(network, Regressor)
    network.standardise_by(torch.tensor([5.0, 100.0]), torch.tensor([2.0, 0.0]))
    with torch.no_grad():
        raw = network(torch.rand(3, 3, 40, 40))
        scores_BK = network.answers(raw)["scores"]
    assert scores_BK.shape == (3, 2)
    # A score that never varied has no deviation to be measured in: 1 stands for it.
    torch.testing.assert_close(scores_BK, torch.stack([raw[:, 0] * 2 + 5, raw[:, 1] + 100], dim=1))
    torch.testing.assert_close(network.standardised(scores_BK), raw, rtol=1e-4, atol=1e-4)


def test_the_unit_of_the_scores_is_saved_with_the_weights() -> None:
    network = build_model(recipe_of(SHARPNESS, "custom_cnn"), 1)
    assert isinstance(network, Regressor)
    network.standardise_by(torch.tensor([5.0]), torch.tensor([2.0]))
    again = build_model(recipe_of(SHARPNESS, "custom_cnn"), 1)
    again.load_state_dict(network.state_dict())
    assert isinstance(again, Regressor)
    assert (again.score_mean_K.item(), again.score_deviation_K.item()) == (5.0, 2.0)


def test_the_deviation_over_a_map_tells_the_sharp_from_the_soft() -> None:
    stripes = torch.arange(16) % 2
    sharp_BCHW = stripes.float().expand(1, 1, 16, 16)
    soft_BCHW = torch.full_like(sharp_BCHW, 0.5)
    sharp, soft = statistics(sharp_BCHW)[0], statistics(soft_BCHW)[0]
    assert sharp[0] == pytest.approx(soft[0].item())  # the mean doesn't
    assert sharp[1] == pytest.approx(0.5, abs=1e-3)
    assert soft[1] < 0.01


def test_the_gradient_of_a_flat_map_is_finite() -> None:
    map_BCHW = torch.zeros(1, 2, 4, 4, requires_grad=True)
    statistics(map_BCHW).sum().backward()
    assert map_BCHW.grad is not None
    assert map_BCHW.grad.isfinite().all()


@pytest.mark.parametrize("pyramid", ["standard", "enhanced"])
def test_a_pyramid_scorer_is_built_with_either_pyramid(pyramid: str) -> None:
    custom = {"custom_modifications": {"feature_pyramid": pyramid}}
    network = build_model(recipe_of(SHARPNESS, "feature_pyramid", architecture_config=custom), 1).eval()
    names = {name.split(".")[2] for name, _ in network.named_parameters() if name.startswith("backbone.fpn.")}
    assert ("down" in names) == (pyramid == "enhanced")
    with torch.no_grad():
        assert network(torch.rand(1, 3, 40, 40)).shape == (1, 1)


def test_a_network_without_a_pyramid_refuses_another_pyramid() -> None:
    custom = {"custom_modifications": {"feature_pyramid": "enhanced"}}
    with pytest.raises(InvalidConfig, match="feature_pyramid"):
        recipe_of(SHARPNESS, "custom_cnn", architecture_config=custom)


@pytest.mark.parametrize("architecture", MULTILABEL)
def test_a_multi_label_network_answers_each_class_on_its_own(architecture: str) -> None:
    torch.manual_seed(0)
    network = build_model(recipe_of(DAMAGES, architecture), 5).eval()
    assert isinstance(network, MultiLabel)
    with torch.no_grad():
        raw = network(torch.rand(2, 3, 40, 40))
        answers = network.answers(raw)
    torch.testing.assert_close(answers["probabilities"], raw.sigmoid())
    assert raw.shape == (2, 5)


def test_each_class_has_a_head_that_the_others_do_not_touch() -> None:
    torch.manual_seed(0)
    head = HeadForEach(8, 3, dropout=0.0)
    map_BChw = torch.rand(2, 8, 4, 4)
    head(map_BChw)[:, 1].sum().backward()
    grad = head.look[0].weight.grad
    assert isinstance(grad, Tensor)
    of_each = grad.unflatten(0, (3, -1)).abs().sum(dim=(1, 2, 3, 4))
    assert of_each[1] > 0
    assert of_each[[0, 2]].tolist() == [0.0, 0.0]


def test_attention_finds_one_place_that_the_mean_thins_out() -> None:
    head = AttentionForEach(1, 1, dropout=0.0, share=0.5)
    with torch.no_grad():
        head.out.weight.fill_(1.0)
        assert head.out.bias is not None
        head.out.bias.zero_()
        map_BChw = torch.zeros(1, 1, 4, 4)
        map_BChw[0, 0, 2, 1] = 8.0
        logit = head(map_BChw).item()
    # The mean is 8 / 16; every temperature of at least 1 gives the place nearly all of the weight of its own answer.
    assert logit == pytest.approx(0.5 + 0.5 * 8.0, rel=0.01)


def test_attention_over_a_map_that_is_the_same_everywhere_is_its_mean() -> None:
    head = AttentionForEach(3, 2, dropout=0.0, share=0.5)
    map_BChw = torch.rand(1, 3, 1, 1).expand(1, 3, 5, 5)
    with torch.no_grad():
        torch.testing.assert_close(head(map_BChw), 1.5 * head.out(map_BChw)[:, :, 0, 0])


@pytest.mark.parametrize(
    ("row", "architecture"), [(SHARPNESS, name) for name in REGRESSION] + [(DAMAGES, name) for name in MULTILABEL]
)
def test_a_network_that_saves_memory_gives_the_same_gradients(row: tuple[str, str], architecture: str) -> None:
    def gradients(*, saving: bool) -> list[Tensor]:
        torch.manual_seed(3)
        network = build_model(recipe_of(row, architecture), 3)
        assert len(stages(network)) > 3
        if saving:
            save_memory(network)
        torch.manual_seed(4)
        network(torch.rand(2, 3, 40, 40)).square().sum().backward()
        return [weight.grad for weight in network.parameters() if weight.grad is not None]

    for plain, saved in zip(gradients(saving=False), gradients(saving=True), strict=True):
        assert torch.equal(plain, saved)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_dropout_is_in_the_head_of_every_network(dropout: float) -> None:
    for row, architecture in ((SHARPNESS, "custom_cnn"), (DAMAGES, "multi_head_cnn"), (DAMAGES, "attention_network")):
        loss = {"regularization": {"dropout": dropout}}
        network = build_model(recipe_of(row, architecture, loss_config=loss), 2)
        rates = [module.p for module in network.get_submodule("head").modules() if isinstance(module, torch.nn.Dropout)]
        assert rates == [dropout]
