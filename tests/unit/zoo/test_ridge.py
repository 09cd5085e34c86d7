"""The closed form that linear heads of graders begin at."""

import pytest
import torch
from torch import Tensor
from truscore.zoo.classification.ridge import STRENGTHS, LinearScore, ridge_score
from truscore.zoo.losses.ordinal import LOSSES, exceedance, median_grade

IMAGES, FEATURES, GRADES = 40, 300, 10


def graded(*, telling: float) -> tuple[Tensor, Tensor]:
    """Features [N, F] of which the first twenty tell the grade, and grades [N]."""
    draw = torch.Generator().manual_seed(1)
    grade_N = torch.arange(IMAGES) % GRADES
    features_NF = torch.randn(IMAGES, FEATURES, generator=draw)
    features_NF[:, :20] += telling * (grade_N[:, None] - 4.5)
    return features_NF, grade_N


def refitted_errors(features_NF: Tensor, grade_N: Tensor, strength: float) -> Tensor:
    """What each image is off by in a fit to all others, about the mean of all."""
    centred_N = grade_N.double() - grade_N.double().mean()
    kernel_NN = features_NF.double() @ features_NF.double().T / FEATURES
    errors = []
    for out in range(IMAGES):
        rest = torch.arange(IMAGES) != out
        inner = kernel_NN[rest][:, rest] + strength * torch.eye(IMAGES - 1, dtype=torch.float64)
        errors.append(centred_N[out] - kernel_NN[out, rest] @ torch.linalg.solve(inner, centred_N[rest]))
    return torch.stack(errors)


def test_the_deviation_is_that_of_images_left_out_at_the_best_strength() -> None:
    features_NF, grade_N = graded(telling=0.3)
    errors_N = min((refitted_errors(features_NF, grade_N, strength) for strength in STRENGTHS), key=mean_size)
    centred_N = grade_N.double() - grade_N.double().mean()
    guess_N = centred_N - errors_N
    stretched_N = guess_N * (centred_N.std(correction=0) / guess_N.std(correction=0)).clamp(1, 2)
    expected = (centred_N - stretched_N).square().mean().sqrt().item()
    assert ridge_score(features_NF, grade_N).deviation == pytest.approx(expected, rel=1e-6)


def mean_size(errors_N: Tensor) -> float:
    return errors_N.abs().mean().item()


def test_scores_of_unseen_images_reach_the_ends_of_the_scale() -> None:
    features_NF, grade_N = graded(telling=0.3)
    seen, unseen = torch.arange(IMAGES) < 20, torch.arange(IMAGES) >= 20
    score = ridge_score(features_NF[seen], grade_N[seen])
    found_N = features_NF[unseen].double() @ score.weight_F + score.offset
    assert (found_N - grade_N[unseen]).abs().mean() < 0.6 * (grade_N[unseen] - 4.5).abs().mean()
    assert found_N.std() > 0.8 * grade_N[unseen].double().std()


def test_features_that_say_nothing_leave_the_mean() -> None:
    features_NF, grade_N = graded(telling=0.0)
    score = ridge_score(features_NF, grade_N)
    unseen_NF = torch.randn(500, FEATURES, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert (unseen_NF @ score.weight_F).std() < 0.5 * grade_N.double().std()
    one = ridge_score(features_NF[:1], grade_N[:1])
    assert (one.offset, one.weight_F.abs().max().item()) == (0.0, 0.0)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("deviation", [0.3, 1.0, 2.5])
def test_a_score_gives_its_grade_under_every_loss(loss: str, deviation: float) -> None:
    slope, offset = LinearScore(weight_F=torch.zeros(1), offset=0.0, deviation=deviation).logits(loss, GRADES - 1)
    score_N1 = torch.arange(GRADES, dtype=torch.float64)[:, None]
    grade_N = median_grade(exceedance(score_N1 * slope + offset, loss))
    inner = slice(2, -2)  # a normal distribution is cut off at the ends of the scale
    assert grade_N[inner].tolist() == list(range(GRADES))[inner]
    assert (grade_N - torch.arange(GRADES)).abs().max() <= 1
