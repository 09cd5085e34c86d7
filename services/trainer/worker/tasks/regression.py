"""Scores: measured numbers with a name, one or more for each image. Legend: B images, K scores."""

import math
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from truscore.datasets import ImageRecord
from truscore.metrics.regression import Scored, score_evidence, score_metrics
from truscore.zoo.classification.network import Scorer
from truscore.zoo.losses.regression import regression_loss

from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.image_level import Kind, WholeImages, make_whole_images


def make(job: TrainingJob, judged: tuple[ImageRecord, ...], cache_limit_bytes: int) -> WholeImages[Scored]:
    """The task of an order."""
    return make_whole_images(kind_of(job), job, judged, cache_limit_bytes)


def prepare(network: nn.Module, job: TrainingJob) -> None:
    """Give the network the mean and the deviation of each score over the training split.

    Raises Unusable for a score that no training image has.
    """
    if not isinstance(network, Scorer):
        raise TypeError(f"{type(network).__name__} measures no scores")
    scores_NK = torch.stack([_scores(record, job.class_names) for record in job.training]).double()
    known_NK = ~scores_NK.isnan()
    counts_K = known_NK.sum(dim=0)
    if unknown := [name for name, count in zip(job.class_names, counts_K.tolist(), strict=True) if not count]:
        raise InvalidJob(f"no training image has the score {unknown[0]!r}; take it away, or measure it on some more")
    mean_K = scores_NK.nan_to_num().sum(dim=0) / counts_K
    squares_NK = torch.where(known_NK, scores_NK - mean_K, 0.0).square()
    network.standardise_by(mean_K.float(), (squares_NK.sum(dim=0) / counts_K).sqrt().float())


def kind_of(job: TrainingJob) -> Kind[Scored]:
    names, primary_loss = job.class_names, job.recipe.loss_config.primary_loss

    def loss(network: nn.Module, raw: Tensor, scores_BK: Tensor) -> Tensor:
        if not isinstance(network, Scorer):
            raise TypeError(f"{type(network).__name__} measures no scores")
        return regression_loss(raw, network.standardised(scores_BK), primary_loss)

    return Kind(
        target=partial(_scores, names=names),
        loss=loss,
        verdict=_scored,
        metrics=partial(score_metrics, score_names=names),
        evidence=partial(score_evidence, score_names=names),
    )


def _scores(record: ImageRecord, names: Sequence[str]) -> Tensor:
    """[K], NaN where the record doesn't say."""
    known = dict(record.scores)
    return torch.tensor([known.get(name, float("nan")) for name in names])


def _scored(image: int, real_K: Tensor, answers: Mapping[str, Tensor]) -> Scored:
    return Scored(
        image=image,
        real=tuple(None if math.isnan(value) else value for value in real_K.tolist()),
        found=tuple(answers["scores"].tolist()),
    )
