"""Labels: what is on an image, several at once or nothing at all. Legend: B images, K classes."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from truscore.datasets import ImageRecord
from truscore.metrics.multilabel import Labelled, multilabel_evidence, multilabel_metrics
from truscore.zoo.losses.multilabel import multilabel_loss

from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.image_level import Kind, WholeImages, make_whole_images


def make(job: TrainingJob, judged: tuple[ImageRecord, ...], cache_limit_bytes: int) -> WholeImages[Labelled]:
    """The task of an order."""
    return make_whole_images(kind_of(job), job, judged, cache_limit_bytes)


def kind_of(job: TrainingJob) -> Kind[Labelled]:
    def loss(_: nn.Module, raw: Tensor, there_BK: Tensor) -> Tensor:
        return multilabel_loss(raw, there_BK, job.recipe.loss_config)

    return Kind(
        target=partial(_there, classes=len(job.class_names)),
        loss=loss,
        verdict=_labelled,
        metrics=multilabel_metrics,
        evidence=partial(multilabel_evidence, class_names=job.class_names),
    )


def _there(record: ImageRecord, classes: int) -> Tensor:
    """[K] of 0 and 1."""
    there_K = torch.zeros(classes)
    there_K[[label - 1 for label in record.labels or ()]] = 1.0
    return there_K


def _labelled(image: int, there_K: Tensor, answers: Mapping[str, Tensor]) -> Labelled:
    return Labelled(
        image=image,
        real=tuple(value > 0.5 for value in there_K.tolist()),
        probabilities=tuple(answers["probabilities"].tolist()),
    )
