"""Scores: measured numbers with a name, one or more for each image. Legend: B images, K scores."""

import math
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from truscore.datasets import ImageRecord
from truscore.metrics.regression import (
    RegressionPrediction,
    regression_diagnostics,
    regression_measure,
    regression_metrics,
)
from truscore.metrics.trivial import constant_scores
from truscore.zoo.classification.network import Regressor
from truscore.zoo.losses.regression import regression_loss

from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.image_level import ImageLevelSpec, ImageLevelTask, make_image_level_task


def make(
    job: TrainingJob, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int
) -> ImageLevelTask[RegressionPrediction]:
    """The task of an order."""
    return make_image_level_task(spec_of(job), job, evaluated, cache_limit_bytes)


def prepare(network: nn.Module, job: TrainingJob) -> None:
    """Give the network the mean and the deviation of each score over the training split.

    Raises InvalidJob for a score that no training image has.
    """
    if not isinstance(network, Regressor):
        raise TypeError(f"{type(network).__name__} measures no scores")
    scores_NK = torch.stack([_scores(record, job.class_names) for record in job.training]).double()
    known_NK = ~scores_NK.isnan()
    counts_K = known_NK.sum(dim=0)
    if unknown := [name for name, count in zip(job.class_names, counts_K.tolist(), strict=True) if not count]:
        raise InvalidJob(f"no training image has the score {unknown[0]!r}; take it away, or measure it on some more")
    mean_K = scores_NK.nan_to_num().sum(dim=0) / counts_K
    squares_NK = torch.where(known_NK, scores_NK - mean_K, 0.0).square()
    network.standardise_by(mean_K.float(), (squares_NK.sum(dim=0) / counts_K).sqrt().float())


def spec_of(job: TrainingJob) -> ImageLevelSpec[RegressionPrediction]:
    names, primary_loss = job.class_names, job.recipe.loss_config.primary_loss

    def loss(network: nn.Module, raw: Tensor, scores_BK: Tensor) -> Tensor:
        if not isinstance(network, Regressor):
            raise TypeError(f"{type(network).__name__} measures no scores")
        return regression_loss(raw, network.standardised(scores_BK), primary_loss)

    return ImageLevelSpec(
        target=partial(_scores, names=names),
        loss=loss,
        image_result=_prediction,
        metrics=partial(regression_metrics, score_names=names),
        diagnostics=partial(regression_diagnostics, score_names=names),
        measure=partial(regression_measure, score_names=names),
        trivial=partial(_trivial, names=names),
    )


def _scores(record: ImageRecord, names: Sequence[str]) -> Tensor:
    """[K], NaN where the record doesn't say."""
    known = dict(record.scores)
    return torch.tensor([known.get(name, float("nan")) for name in names])


def _trivial(
    results: Sequence[RegressionPrediction], training: Sequence[ImageRecord], names: Sequence[str]
) -> dict[str, list[RegressionPrediction]]:
    known = [[dict(record.scores)[name] for record in training if name in dict(record.scores)] for name in names]
    return constant_scores(results, known)


def _prediction(image: int, target_K: Tensor, answers: Mapping[str, Tensor]) -> RegressionPrediction:
    return RegressionPrediction(
        image=image,
        target=tuple(None if math.isnan(value) else value for value in target_K.tolist()),
        prediction=tuple(answers["scores"].tolist()),
    )
