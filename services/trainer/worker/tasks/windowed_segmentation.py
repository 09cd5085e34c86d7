"""A class for each pixel, learnt from windows at native resolution and found tile by tile.

Whole pictures are evaluated as exported files answer for them; those of more than 1024 pixels a side are compared at
1024, as in ``semantic_segmentation``, but the network sees all their pixels.

Legend: B images, C channels, K classes with "nothing" as class 0, H, W sides of a picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from truscore.augmentation.pixel_labels import label_map
from truscore.configuration.recipe import Recipe
from truscore.datasets import ImageRecord
from truscore.metrics.damage_thresholds import THRESHOLDS, best_threshold
from truscore.metrics.pixel_thresholds import count_thresholds
from truscore.metrics.segmentation import PixelConfusion, count_pixels
from truscore.zoo.framing import Framed
from truscore.zoo.resize import resize_antialiased
from truscore.zoo.segmentation.tiling import TileAnswers, TiledPicture

from services.trainer.worker.pixels import job_pixels
from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.protocol import BatchEvaluation, Key
from services.trainer.worker.tasks.semantic_segmentation import (
    Batch,
    PixelResult,
    SemanticSegmentation,
    augmented,
    evaluated_size,
    unit_floats,
)
from services.trainer.worker.tasks.windows import Picture, WindowedImages

_LEAST_PROBABILITY = 1e-7


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureBatch:
    """Whole pictures [C, H, W], uint8, each of its own size."""

    images: tuple[Tensor, ...]


class WindowedSegmentation(SemanticSegmentation):
    """It satisfies ``Task`` and ``ChoosesThreshold``."""

    def __init__(
        self, *, recipe: Recipe, class_names: Sequence[str], training: WindowedImages, validation: WindowedImages
    ) -> None:
        super().__init__(recipe=recipe, class_names=class_names, training=training, validation=validation)
        self._pictures = validation

    def collate(self, samples: Sequence[object]) -> Any:
        """A ``Batch`` of windows, or a ``PictureBatch``."""
        if isinstance(samples[0], Picture):
            return PictureBatch(images=tuple(one.image_CHW for one in samples if isinstance(one, Picture)))
        return super().collate(samples)

    def to_device(self, batch: Batch | PictureBatch, device: torch.device) -> Any:
        if isinstance(batch, PictureBatch):
            return PictureBatch(images=tuple(image.to(device, non_blocking=True) for image in batch.images))
        return super().to_device(batch, device)

    def evaluate(
        self, model: nn.Module, batch: Batch | PictureBatch, keys: Sequence[Key]
    ) -> BatchEvaluation[PixelResult]:
        if not isinstance(batch, PictureBatch):
            return super().evaluate(model, batch, keys)
        tiled = self._tiled(model)
        losses: dict[str, float] = {}
        image_results = []
        for key, image_CHW in zip(keys, batch.images, strict=True):
            record = self.validation.records[key.index]
            probability_KHW = _at_evaluated_size(tiled.undecided(unit_floats(image_CHW)), record)
            target_HW = label_map(record, *probability_KHW.shape[1:])
            for name, part in self._losses_of(probability_KHW, target_HW).items():
                losses[name] = losses.get(name, 0.0) + part / len(keys)
            image_results.append(self._result_of(key.index, probability_KHW.cpu().numpy(), target_HW, tiled.threshold))
        return BatchEvaluation(losses=losses, image_results=image_results)

    def choose_threshold(self, network: nn.Module, image_results: Sequence[PixelResult]) -> list[PixelResult]:
        """Set the network's threshold to the best for these; gives the results at it."""
        place = best_threshold([one.candidates for one in image_results])
        network.get_buffer("damage_threshold").fill_(THRESHOLDS[place])
        return [replace(one, count_pixels=one.candidates[place]) for one in image_results]

    def prediction_of(self, model: nn.Module, index: int) -> NDArray[np.uint8]:
        tiled = self._tiled(model)
        with torch.no_grad():
            image_CHW = unit_floats(self._pictures.picture(index).image_CHW.to(tiled.ramp_R.device))
            probability_KHW = _at_evaluated_size(tiled.undecided(image_CHW), self.validation.records[index])
        return _decision(probability_KHW.cpu().numpy(), tiled.threshold)

    def _tiled(self, model: nn.Module) -> TiledPicture:
        if not isinstance(model, Framed):
            raise TypeError(f"{type(model).__name__} can't go over a picture in tiles: accepted is what takes squares")
        threshold = float(model.get_buffer("damage_threshold"))
        tiled = TiledPicture(TileAnswers(model), classes=self.classes, side=model.image_size, threshold=threshold)
        return tiled.to(model.mean_C11.device)

    def _losses_of(self, probability_KHW: Tensor, target_HW: NDArray[np.uint8]) -> dict[str, float]:
        # The logarithm of probabilities is as good as the scores that they came from: losses take a softmax first.
        raw_1KHW = probability_KHW.clamp(min=_LEAST_PROBABILITY).log()[None]
        labels_1HW = torch.from_numpy(target_HW).to(raw_1KHW.device)[None]
        return {name: part.item() for name, part in self.weighted(raw_1KHW, labels_1HW).items()}

    def _result_of(
        self, index: int, probability_KHW: NDArray[np.float32], target_HW: NDArray[np.uint8], threshold: float
    ) -> PixelResult:
        damage_HW, best_HW = _odds(probability_KHW)
        known: dict[int, PixelConfusion] = {}

        def counted(at: float) -> PixelConfusion:
            found_HW = damage_HW >= at
            # Masks of different thresholds are nested: as many pixels are the same pixels, and need counting once.
            size = int(found_HW.sum())
            if size not in known:
                prediction_HW = np.where(found_HW, best_HW, 0).astype(np.uint8)
                known[size] = count_pixels(index, target_HW, prediction_HW, classes=self.classes)
            return known[size]

        return PixelResult(
            count_pixels=counted(threshold),
            count_thresholds=count_thresholds(probability_KHW[1:], target_HW),
            candidates=tuple(counted(at) for at in THRESHOLDS),
        )


def make(job: TrainingJob, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int) -> WindowedSegmentation:
    """The task of a job, evaluated on a part of its images; ``cache_limit_bytes`` may be kept in memory."""
    pixels = job_pixels(job)
    training, validation = (
        WindowedImages(
            part,
            folder=job.images,
            side=job.recipe.image_size,
            seed=job.recipe.seed,
            augment=augmented(job),
            cache_limit_bytes=cache_limit_bytes // 2,
            pixels=pixels,
        )
        for part in (job.training, evaluated)
    )
    return WindowedSegmentation(
        recipe=job.recipe, class_names=job.class_names, training=training, validation=validation
    )


def _decision(probability_KHW: NDArray[np.float32], threshold: float) -> NDArray[np.uint8]:
    """[H, W]: the most probable damage where any is at least as probable as the threshold, else 0."""
    damage_HW, best_HW = _odds(probability_KHW)
    return np.where(damage_HW >= threshold, best_HW, 0).astype(np.uint8)


def _odds(probability_KHW: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Both [H, W]: the probability of damage of whatever class, and which is the most probable of them, from 1."""
    return 1.0 - probability_KHW[0], probability_KHW[1:].argmax(axis=0) + 1


def _at_evaluated_size(probability_KHW: Tensor, record: ImageRecord) -> Tensor:
    height, width = evaluated_size(record)
    if probability_KHW.shape[1:] == (height, width):
        return probability_KHW.float()
    with torch.autocast(probability_KHW.device.type, enabled=False):
        return resize_antialiased(probability_KHW.float(), height, width)
