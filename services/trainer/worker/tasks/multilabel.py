"""Labels: what is on an image, several at once or nothing at all. Legend: B images, K classes."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from truscore.datasets import ImageRecord
from truscore.metrics.multilabel import (
    MultilabelPrediction,
    multilabel_diagnostics,
    multilabel_measure,
    multilabel_metrics,
)
from truscore.metrics.trivial import constant_labels
from truscore.zoo.losses.multilabel import multilabel_loss

from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.image_level import ImageLevelSpec, ImageLevelTask, make_image_level_task


def make(
    job: TrainingJob, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int
) -> ImageLevelTask[MultilabelPrediction]:
    """The task of an order."""
    return make_image_level_task(spec_of(job), job, evaluated, cache_limit_bytes)


def spec_of(job: TrainingJob) -> ImageLevelSpec[MultilabelPrediction]:
    def loss(_: nn.Module, raw: Tensor, target_BK: Tensor) -> Tensor:
        return multilabel_loss(raw, target_BK, job.recipe.loss_config)

    return ImageLevelSpec(
        target=partial(_target, classes=len(job.class_names)),
        loss=loss,
        image_result=_prediction,
        metrics=multilabel_metrics,
        diagnostics=partial(multilabel_diagnostics, class_names=job.class_names),
        measure=multilabel_measure,
        trivial=partial(_trivial, classes=len(job.class_names)),
    )


def _target(record: ImageRecord, classes: int) -> Tensor:
    """[K] of 0 and 1."""
    target_K = torch.zeros(classes)
    target_K[[label - 1 for label in record.labels or ()]] = 1.0
    return target_K


def _trivial(
    results: Sequence[MultilabelPrediction], training: Sequence[ImageRecord], classes: int
) -> dict[str, list[MultilabelPrediction]]:
    return constant_labels(results, [record.labels or () for record in training], classes)


def _prediction(image: int, target_K: Tensor, answers: Mapping[str, Tensor]) -> MultilabelPrediction:
    return MultilabelPrediction(
        image=image,
        target=tuple(value > 0.5 for value in target_K.tolist()),
        probabilities=tuple(answers["probabilities"].tolist()),
    )
