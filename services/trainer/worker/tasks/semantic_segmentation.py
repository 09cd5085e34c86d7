"""A class for each pixel: what finds damaged corners and worn edges.

Images are trained on as squares, and evaluated as engines get their answers: at the image's own size, so that metrics
of networks with different squares can be compared. Images of more than 1024 pixels a side are evaluated at 1024: above
it nothing changes but the time it takes.

Legend: B images, C channels, D damages, K = D + 1 classes with "nothing" as class 0, S side of the square, H, W of the
size that is evaluated at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from truscore.augmentation import Sample, augment, policy_for
from truscore.augmentation.pixel_labels import framed_labels, label_map
from truscore.configuration.recipe import Recipe
from truscore.datasets import ImageRecord
from truscore.metrics.comparison.bootstrap import Measure
from truscore.metrics.pixel_thresholds import ThresholdCounts, count_thresholds, threshold_diagrams
from truscore.metrics.segmentation import (
    PixelConfusion,
    count_pixels,
    segmentation_diagnostics,
    segmentation_measure,
    segmentation_metrics,
    without_damage,
)
from truscore.metrics.trivial import prior_mask
from truscore.zoo.framing import Framed
from truscore.zoo.losses.segmentation import pixel_losses
from truscore.zoo.resize import network_size, resize_antialiased

from services.trainer.worker.pixels import job_pixels
from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.framed_images import Augment, FramedImages, FramedSample
from services.trainer.worker.tasks.instance_segmentation import squared_norm
from services.trainer.worker.tasks.mask_overlays import write_overlay
from services.trainer.worker.tasks.protocol import BatchEvaluation, Key, Pictures

PICTURES = 6
EVALUATED_SIDE_PX = 1024
PRIOR_SIDE, PRIOR_IMAGES = 64, 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    image_BCSS: Tensor  # uint8
    labels_BSS: Tensor  # uint8, 255 where nothing is known


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelResult:
    """An image's counts of pixels: at the decided class, and over thresholds; None where there are no probabilities.
    ``candidates`` are those at each of ``metrics.damage_thresholds``, where one of them is to be chosen."""

    count_pixels: PixelConfusion
    count_thresholds: ThresholdCounts | None = None
    candidates: tuple[PixelConfusion, ...] = ()


class SemanticSegmentation:
    """The task of damage and wear detection. It satisfies ``Task``."""

    def __init__(self, *, recipe: Recipe, class_names: Sequence[str], training: Pictures, validation: Pictures) -> None:
        self.training = training
        self.validation = validation
        self.classes = len(class_names) + 1
        self._class_names = tuple(class_names)
        self._config = recipe.loss_config

    def collate(self, samples: Sequence[Any]) -> Any:
        """Of ``FramedSample``: a ``Batch``."""
        # [B, S, S]: squares are of one size, so they stack; no padding, no list.
        labels = [sample.labels_SS for sample in samples if sample.labels_SS is not None]
        return Batch(image_BCSS=torch.stack([sample.image_CSS for sample in samples]), labels_BSS=torch.stack(labels))

    def to_device(self, batch: Any, device: torch.device) -> Any:
        return Batch(
            # As uint8 over the bus: a quarter of the bytes of float32. It is divided by 255 on the device.
            image_BCSS=batch.image_BCSS.to(device, non_blocking=True),
            labels_BSS=batch.labels_BSS.to(device, non_blocking=True),
        )

    def image_count(self, batch: Batch) -> int:
        return len(batch.image_BCSS)

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        parts = self.weighted(model(unit_floats(batch.image_BCSS)), batch.labels_BSS)
        if l2_weight := self._config.regularization.l2_weight:
            parts["l2"] = l2_weight * squared_norm(model)
        return parts

    def evaluate(self, model: nn.Module, batch: Any, keys: Sequence[Key]) -> BatchEvaluation[PixelResult]:
        raw_BKSS = model(unit_floats(batch.image_BCSS))
        probability_BKSS = _answered(model, raw_BKSS)
        return BatchEvaluation(
            losses={name: part.item() for name, part in self.weighted(raw_BKSS, batch.labels_BSS).items()},
            image_results=[
                self._image_result(key.index, probability_KSS)
                for key, probability_KSS in zip(keys, probability_BKSS, strict=True)
            ],
        )

    def metrics(self, image_results: Sequence[PixelResult]) -> dict[str, float]:
        return segmentation_metrics([image_result.count_pixels for image_result in image_results])

    def measure(self, image_results: Sequence[PixelResult]) -> Measure:
        return segmentation_measure([image_result.count_pixels for image_result in image_results])

    def trivial(self, image_results: Sequence[PixelResult]) -> Mapping[str, Sequence[PixelResult]]:
        prior_gg = self._prior_mask()
        return {
            "empty_mask": [PixelResult(count_pixels=without_damage(one.count_pixels)) for one in image_results],
            "prior_mask": [self._prior_result(self.image_of(one), prior_gg) for one in image_results],
        }

    def image_of(self, image_result: PixelResult) -> int:
        return image_result.count_pixels.image

    def report(self, model: nn.Module, image_results: Sequence[PixelResult], folder: Path) -> Mapping[str, Any]:
        ordered = sorted(image_results, key=lambda image_result: image_result.count_pixels.image)
        diagnostics = segmentation_diagnostics(
            [image_result.count_pixels for image_result in ordered], self._class_names
        )
        counted = [image_result.count_thresholds for image_result in ordered if image_result.count_thresholds]
        curves = threshold_diagrams(counted, self._class_names)
        # The worst first; where fewer than PICTURES went wrong, the first of the others.
        shown = dict.fromkeys((*diagnostics.worst(PICTURES), *range(len(self.validation))))
        texts = {error.image: error.text for error in diagnostics.image_errors}
        pictures = [
            {**self._picture(model, index, folder / f"validation-{place:02d}.png"), "text": texts.get(index, "")}
            for place, index in enumerate(list(shown)[:PICTURES], start=1)
        ]
        return {"pictures": pictures, **replace(diagnostics, diagrams=(*diagnostics.diagrams, *curves)).to_plain()}

    def weighted(self, raw_BKSS: Tensor, labels_BSS: Tensor) -> dict[str, Tensor]:
        """The parts of the loss, as ``losses`` adds them up."""
        weight = self._config.loss_weights.mask_loss
        parts = pixel_losses(raw_BKSS, labels_BSS, self._config)
        return {name: weight * part for name, part in parts.items()}

    def _image_result(self, index: int, probability_KSS: Tensor) -> PixelResult:
        record = self.validation.records[index]
        # Probabilities are scaled, not classes: between two places the more probable one wins, as in an engine.
        probability_KHW = _at_evaluated_size(probability_KSS, record)
        target_HW = label_map(record, *probability_KHW.shape[1:])
        prediction_HW = probability_KHW.argmax(axis=0)
        return PixelResult(
            count_pixels=count_pixels(index, target_HW, prediction_HW, classes=self.classes),
            # Class 0 is "nothing": a threshold is for each damage against it.
            count_thresholds=count_thresholds(probability_KHW[1:], target_HW),
        )

    def _prior_mask(self) -> NDArray[np.uint8]:
        records = self.training.records
        # Spread over the split: masks of very many images take long to draw, and change an average little.
        chosen = sorted({round(place) for place in np.linspace(0, len(records) - 1, min(PRIOR_IMAGES, len(records)))})
        maps = [label_map(records[place], PRIOR_SIDE, PRIOR_SIDE) for place in chosen]
        return prior_mask(maps, classes=len(self._class_names))

    def _prior_result(self, index: int, prior_gg: NDArray[np.uint8]) -> PixelResult:
        record = self.validation.records[index]
        height, width = evaluated_size(record)
        prediction_HW = cv2.resize(prior_gg, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.int64)
        target_HW = label_map(record, height, width)
        return PixelResult(count_pixels=count_pixels(index, target_HW, prediction_HW, classes=self.classes))

    def prediction_of(self, model: nn.Module, index: int) -> NDArray[np.uint8]:
        """[H, W]: the decided classes of a validation image, at the size that it is evaluated at."""
        image_1CSS = unit_floats(self.validation[Key(epoch=0, index=index)].image_CSS[None])
        with torch.no_grad():
            answer_BKSS = _answered(model, model(image_1CSS.to(next(model.parameters()).device)))
        probability_KHW = _at_evaluated_size(answer_BKSS[0], self.validation.records[index])
        return np.asarray(probability_KHW.argmax(axis=0), dtype=np.uint8)

    def _picture(self, model: nn.Module, index: int, path: Path) -> dict[str, Any]:
        record = self.validation.records[index]
        prediction_HW = self.prediction_of(model, index)
        height, width = prediction_HW.shape
        sized_HWC = cv2.resize(self.validation.original(index), (width, height), interpolation=cv2.INTER_AREA)
        image_HWC = np.asarray(sized_HWC, dtype=np.uint8)
        write_overlay(image_HWC, target_HW=label_map(record, height, width), prediction_HW=prediction_HW, path=path)
        return {"file": path.name, "image": record.path}


def make(job: TrainingJob, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int) -> SemanticSegmentation:
    """The task of a job, evaluated on a part of its images; ``cache_limit_bytes`` may be kept in memory."""
    pixels = job_pixels(job)
    training, validation = (
        FramedImages(
            part,
            folder=job.images,
            image_size=job.recipe.image_size,
            augment=augmented(job),
            cache_limit_bytes=cache_limit_bytes // 2,
            pixels=pixels,
            pixel_labels=framed_labels,
        )
        for part in (job.training, evaluated)
    )
    return SemanticSegmentation(
        recipe=job.recipe, class_names=job.class_names, training=training, validation=validation
    )


def augmented(job: TrainingJob) -> Augment:
    """How a job's training samples are changed from epoch to epoch."""
    recipe = job.recipe
    policy = policy_for(recipe.category, recipe.option, job.class_names)

    def changed(framed: FramedSample, epoch: int, index: int) -> FramedSample:
        sample = Sample(image_CHW=framed.image_CSS, labels_HW=framed.labels_SS)
        made = augment(sample, policy=policy, seed=recipe.seed, epoch=epoch, index=index)
        return replace(framed, image_CSS=made.image_CHW, labels_SS=made.labels_HW)

    return changed


def unit_floats(image_BCSS: Tensor) -> Tensor:
    """From uint8 to 0 to 1."""
    return image_BCSS.to(torch.float32) / 255


def _answered(model: nn.Module, raw_BKSS: Tensor) -> Tensor:
    if not isinstance(model, Framed):
        raise TypeError(f"{type(model).__name__} can't be evaluated: it has no answers to its raw outputs")
    return model.answers(raw_BKSS)["probabilities"]


def _at_evaluated_size(map_KSS: Tensor, record: ImageRecord) -> NDArray[np.float32]:
    """[K, H, W]: the part of the square that shows the image, at the size that is evaluated at."""
    height, width = evaluated_size(record)
    inner_h, inner_w = network_size(record.height, record.width, image_size=map_KSS.shape[-1])
    # In whole precision even where the network computes in half of it.
    with torch.autocast(map_KSS.device.type, enabled=False):
        sized_KHW = resize_antialiased(map_KSS[:, :inner_h, :inner_w].float(), height, width)
    answer: NDArray[np.float32] = sized_KHW.cpu().numpy()
    return answer


def evaluated_size(record: ImageRecord) -> tuple[int, int]:
    """Height and width."""
    evaluated_side = min(EVALUATED_SIDE_PX, max(record.height, record.width))
    return network_size(record.height, record.width, image_size=evaluated_side)
