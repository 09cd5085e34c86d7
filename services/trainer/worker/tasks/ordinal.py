"""Grades: places on an ordered scale, one for each image. Legend: B images, K grades."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from truscore.datasets import ImageRecord
from truscore.metrics.ordinal import Graded, grade_evidence, grade_metrics
from truscore.zoo.losses.ordinal import ordinal_loss

from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.image_level import Kind, WholeImages, make_whole_images


def make(job: TrainingJob, judged: tuple[ImageRecord, ...], cache_limit_bytes: int) -> WholeImages[Graded]:
    """The task of an order. Raises Unusable where the classes are not grades."""
    if len(job.grades) != len(job.class_names) or len(job.grades) < 2:
        named = ", ".join(job.class_names[:8])
        raise InvalidJob(
            f"{job.recipe.option} learns grades, and the classes ({named}) are none: "
            "name them by numbers or condition words, or declare the number each stands for"
        )
    return make_whole_images(kind_of(job), job, judged, cache_limit_bytes)


def kind_of(job: TrainingJob) -> Kind[Graded]:
    primary_loss = job.recipe.loss_config.primary_loss

    def loss(_: nn.Module, raw: Tensor, grade_B: Tensor) -> Tensor:
        return ordinal_loss(raw, grade_B, primary_loss)

    return Kind(
        target=_place,
        loss=loss,
        verdict=_graded,
        metrics=partial(grade_metrics, grades=job.grades),
        evidence=partial(grade_evidence, grades=job.grades, names=job.class_names),
    )


def _place(record: ImageRecord) -> Tensor:
    """The grade's place on the scale, from 0."""
    (label,) = record.labels or ()
    return torch.tensor(label - 1)


def _graded(image: int, place: Tensor, answers: Mapping[str, Tensor]) -> Graded:
    return Graded(
        image=image,
        real=int(place),
        found=int(answers["grade_index"]),
        probabilities=tuple(answers["probabilities"].tolist()),
    )
