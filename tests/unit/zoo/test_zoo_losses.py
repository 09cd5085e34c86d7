"""Losses over what is said of an image as a whole, by hand."""

import math

import pytest
import torch
from truscore.configuration.recipe import LossConfig
from truscore.recipes import resolve
from truscore.zoo.losses.multilabel import multilabel_loss
from truscore.zoo.losses.regression import regression_loss


def loss_config(**parts: object) -> LossConfig:
    return resolve("surface_analysis", "damage_classification", "multi_head_cnn", {"loss_config": parts}).loss_config


def test_the_multilabel_cross_entropy_is_that_of_each_class_on_its_own() -> None:
    logits_BK, target_BK = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 0.0]])
    by_hand = (math.log1p(math.exp(-2.0)) + math.log1p(math.exp(-1.0))) / 2
    assert multilabel_loss(logits_BK, target_BK, loss_config()).item() == pytest.approx(by_hand, rel=1e-6)


def test_the_multilabel_focal_loss_weighs_easy_answers_down() -> None:
    config = loss_config(primary_loss="focal_loss", focal_loss_params={"alpha": 0.75, "gamma": 2.0})
    logits_BK, target_BK = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 0.0]])
    p_there, p_not = 1 / (1 + math.exp(-2.0)), 1 / (1 + math.exp(-1.0))
    by_hand = -(0.75 * (1 - p_there) ** 2 * math.log(p_there) + 0.25 * (1 - p_not) ** 2 * math.log(p_not)) / 2
    assert multilabel_loss(logits_BK, target_BK, config).item() == pytest.approx(by_hand, rel=1e-5)


def test_regression_losses_by_hand() -> None:
    prediction_BK = torch.tensor([[0.5, 3.0], [1.0, 0.0]])
    target_BK = torch.tensor([[0.0, 1.0], [1.0, math.nan]])
    # Half the square up to 1, then the distance less a half; the second image has one known score, met exactly.
    assert regression_loss(prediction_BK, target_BK, "smooth_l1").item() == pytest.approx(((0.125 + 1.5) / 2 + 0.0) / 2)
    assert regression_loss(prediction_BK, target_BK, "mean_squared_error").item() == pytest.approx(
        ((0.25 + 4.0) / 2 + 0.0) / 2
    )


@pytest.mark.parametrize("loss", ["smooth_l1", "mean_squared_error"])
def test_a_score_that_is_not_known_has_no_gradient(loss: str) -> None:
    prediction_BK = torch.tensor([[0.5, 3.0]], requires_grad=True)
    regression_loss(prediction_BK, torch.tensor([[0.0, math.nan]]), loss).backward()
    assert prediction_BK.grad is not None
    assert prediction_BK.grad[0, 0] != 0
    assert prediction_BK.grad[0, 1] == 0
