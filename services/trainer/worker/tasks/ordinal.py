"""Grades: places on an ordered scale, one for each image. Legend: B images, K grades."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from truscore.datasets import ImageRecord
from truscore.metrics.ordinal import OrdinalPrediction, ordinal_diagnostics, ordinal_measure, ordinal_metrics
from truscore.metrics.trivial import constant_grades
from truscore.zoo.classification.network import OrdinalClassifier
from truscore.zoo.losses.ordinal import ordinal_loss

from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.image_level import ImageLevelSpec, ImageLevelTask, make_image_level_task

STARTED_FROM = 512  # training images, up to twice as many, evenly spread: each goes through the body once


def make(
    job: TrainingJob, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int
) -> ImageLevelTask[OrdinalPrediction]:
    """The task of an order. Raises InvalidJob where the classes are not grades."""
    if len(job.grades) != len(job.class_names) or len(job.grades) < 2:
        named = ", ".join(job.class_names[:8])
        raise InvalidJob(
            f"{job.recipe.option} learns grades, and the classes ({named}) are none: "
            "name them by numbers or condition words, or declare the number each stands for"
        )
    return make_image_level_task(spec_of(job), job, evaluated, cache_limit_bytes)


def prepare(network: nn.Module, job: TrainingJob) -> None:
    """Give a network that reads standardised features their mean and deviation over the training split, and a linear
    head its start.

    Raises InvalidJob where the classes are not grades.
    """
    if not isinstance(network, OrdinalClassifier) or not network.standardises:
        return
    records = job.training[:: max(1, len(job.training) // STARTED_FROM)]
    images = make(job, records, 0).validation
    # One at a time: squares of 384 pixels, and all stages of them at once.
    network.start_from(
        (images.loaded(at).image_CSS[None].float() / 255 for at in range(len(images))),
        torch.stack([_place(record) for record in records]),
    )


def spec_of(job: TrainingJob) -> ImageLevelSpec[OrdinalPrediction]:
    primary_loss = job.recipe.loss_config.primary_loss

    def loss(_: nn.Module, raw: Tensor, grade_B: Tensor) -> Tensor:
        return ordinal_loss(raw, grade_B, primary_loss)

    return ImageLevelSpec(
        target=_place,
        loss=loss,
        image_result=_prediction,
        metrics=partial(ordinal_metrics, grades=job.grades),
        diagnostics=partial(ordinal_diagnostics, grades=job.grades, names=job.class_names),
        measure=partial(ordinal_measure, grades=job.grades),
        trivial=partial(_trivial, classes=len(job.class_names)),
    )


def _place(record: ImageRecord) -> Tensor:
    """The grade's place on the scale, from 0."""
    (label,) = record.labels or ()
    return torch.tensor(label - 1)


def _trivial(
    results: Sequence[OrdinalPrediction], training: Sequence[ImageRecord], classes: int
) -> dict[str, list[OrdinalPrediction]]:
    return constant_grades(results, [int(_place(record)) for record in training], classes)


def _prediction(image: int, place: Tensor, answers: Mapping[str, Tensor]) -> OrdinalPrediction:
    return OrdinalPrediction(
        image=image,
        target=int(place),
        prediction=int(answers["grade_index"]),
        probabilities=tuple(answers["probabilities"].tolist()),
    )
