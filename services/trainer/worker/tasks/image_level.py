"""What tasks on an image as a whole have in common: batches, the loss's parts, results, diagnostics, pictures.

Legend: B images, C channels, S side of the square.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn
from truscore.augmentation import Sample, augment, policy_for
from truscore.datasets import ImageRecord
from truscore.metrics.comparison.bootstrap import Measure
from truscore.metrics.diagnostics import Diagnostics
from truscore.recipes import Recipe
from truscore.zoo.framing import Framed

from services.trainer.worker.pixels import job_pixels
from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.framed_images import Augment, FramedImages, FramedSample
from services.trainer.worker.tasks.image_captions import write_pictures
from services.trainer.worker.tasks.instance_segmentation import squared_norm
from services.trainer.worker.tasks.protocol import BatchEvaluation, Key

PICTURES = 6


class OfImage(Protocol):
    """A result: ``image`` is its image's index in the split."""

    @property
    def image(self) -> int: ...


ImageResult = TypeVar("ImageResult", bound=OfImage)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    image_BCSS: Tensor  # uint8
    target_B: Tensor  # one row for each image, as the kind of task reads it


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageLevelSpec(Generic[ImageResult]):
    """What one kind of whole-image task brings.

    ``target`` reads a record; ``loss`` takes the network, its raw outputs and targets, and is a mean over the images;
    ``image_result`` takes an image's index, its target and its row of the network's answers; ``measure`` and
    ``trivial`` are those of ``Task``, the latter with the records that are trained on.
    """

    target: Callable[[ImageRecord], Tensor]
    loss: Callable[[nn.Module, Tensor, Tensor], Tensor]
    image_result: Callable[[int, Tensor, Mapping[str, Tensor]], ImageResult]
    metrics: Callable[[Sequence[ImageResult]], dict[str, float]]
    diagnostics: Callable[[Sequence[ImageResult]], Diagnostics]
    measure: Callable[[Sequence[ImageResult]], Measure]
    trivial: Callable[[Sequence[ImageResult], Sequence[ImageRecord]], Mapping[str, Sequence[ImageResult]]]


class ImageLevelTask(Generic[ImageResult]):
    """A task on images as a whole. It satisfies ``Task``."""

    def __init__(
        self, kind: ImageLevelSpec[ImageResult], *, recipe: Recipe, training: FramedImages, validation: FramedImages
    ) -> None:
        self.training = training
        self.validation = validation
        self._spec = kind
        self._weight = recipe.loss_config.loss_weights.classification
        self._l2_weight = recipe.loss_config.regularization.l2_weight

    def collate(self, samples: Sequence[FramedSample]) -> Batch:
        return Batch(
            image_BCSS=torch.stack([sample.image_CSS for sample in samples]),
            target_B=torch.stack([sample.target for sample in samples if sample.target is not None]),
        )

    def to_device(self, batch: Batch, device: torch.device) -> Batch:
        return Batch(
            image_BCSS=batch.image_BCSS.to(device, non_blocking=True),
            target_B=batch.target_B.to(device, non_blocking=True),
        )

    def image_count(self, batch: Batch) -> int:
        return len(batch.image_BCSS)

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        network = getattr(model, "module", model)  # without what spreads it over processes
        # [B, outputs] in float32 whatever the network computes in: bfloat16 keeps eight bits of a logit.
        raw = model(_floats(batch)).float()
        parts = {"classification": self._weight * self._spec.loss(network, raw, batch.target_B)}
        if self._l2_weight:
            parts["l2"] = self._l2_weight * squared_norm(model)
        return parts

    def evaluate(self, model: nn.Module, batch: Batch, keys: Sequence[Key]) -> BatchEvaluation[ImageResult]:
        if not isinstance(model, Framed):
            raise TypeError(f"{type(model).__name__} can't be evaluated: it is no network for framed images")
        raw = model(_floats(batch)).float()
        loss = self._weight * self._spec.loss(model, raw, batch.target_B)
        # The answers an engine gets, not the raw outputs: what is measured is what is delivered.
        answers = {name: value.cpu() for name, value in model.answers(raw).items()}
        targets = batch.target_B.cpu()
        return BatchEvaluation(
            losses={"classification": loss.item()},
            image_results=[
                self._spec.image_result(key.index, targets[row], {name: value[row] for name, value in answers.items()})
                for row, key in enumerate(keys)
            ],
        )

    def metrics(self, image_results: Sequence[ImageResult]) -> dict[str, float]:
        return self._spec.metrics(image_results)

    def measure(self, image_results: Sequence[ImageResult]) -> Measure:
        return self._spec.measure(image_results)

    def trivial(self, image_results: Sequence[ImageResult]) -> Mapping[str, Sequence[ImageResult]]:
        return self._spec.trivial(image_results, self.training.records)

    def image_of(self, image_result: ImageResult) -> int:
        return image_result.image

    def report(self, model: nn.Module, image_results: Sequence[ImageResult], folder: Path) -> Mapping[str, Any]:
        diagnostics = self._spec.diagnostics(image_results)
        return {
            **diagnostics.to_plain(),
            "pictures": write_pictures(self.validation, diagnostics, folder, most=PICTURES),
        }


def make_image_level_task(
    kind: ImageLevelSpec[ImageResult], job: TrainingJob, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int
) -> ImageLevelTask[ImageResult]:
    """The task of a job, evaluated on a part of its images; ``cache_limit_bytes`` may be kept in memory."""
    recipe = job.recipe
    pixels = job_pixels(job)
    training, validation = (
        FramedImages(
            part,
            folder=job.images,
            image_size=recipe.image_size,
            augment=augmenting(job),
            cache_limit_bytes=cache_limit_bytes // 2,
            pixels=pixels,
            target=kind.target,
        )
        for part in (job.training, evaluated)
    )
    return ImageLevelTask(kind, recipe=recipe, training=training, validation=validation)


def augmenting(job: TrainingJob) -> Augment:
    """The option's policy on framed samples."""
    recipe = job.recipe
    policy = policy_for(recipe.category, recipe.option, job.class_names)

    def augmented(framed: FramedSample, epoch: int, index: int) -> FramedSample:
        sample = Sample(image_CHW=framed.image_CSS)
        return replace(
            # Draws follow from seed, epoch and index alone: workers and processes need no generators of their own.
            framed,
            image_CSS=augment(sample, policy=policy, seed=recipe.seed, epoch=epoch, index=index).image_CHW,
        )

    return augmented


def _floats(batch: Batch) -> Tensor:
    return batch.image_BCSS.to(torch.float32) / 255
