"""Surface normals of objects under many lights. A sample is an object: some of its pixels under all or some lights.

Legend: B objects, L lights, P pixels, 3 the axes x right, y UP, z to the camera.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from truscore.datasets import ImageRecord
from truscore.metrics.comparison.bootstrap import Measure
from truscore.metrics.normals import (
    ObjectNormals,
    angular_errors,
    object_diagnostics,
    object_measure,
    object_metrics,
)
from truscore.photometric_stereo import cauchy_shading, least_squares
from truscore.recipes import Recipe
from truscore.zoo.losses.normals import normal_loss
from truscore.zoo.photometric.set_network import SetNetwork

from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.instance_segmentation import squared_norm
from services.trainer.worker.tasks.lit_objects import LitObjects, LitPixels, LitSample, training_and_validation
from services.trainer.worker.tasks.normal_pictures import write_normals
from services.trainer.worker.tasks.protocol import BatchEvaluation, Key

PICTURES = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Objects of different numbers of lights and pixels, filled up with lights that are not ``present`` and pixels that
    are not ``inside``."""

    samples_BLP: Tensor
    lights_BL3: Tensor
    level_BL: Tensor
    present_BL: Tensor
    inside_BP: Tensor
    normals_BP3: Tensor


class NormalEstimation:
    """The task of surface normals. It satisfies ``Task``."""

    def __init__(self, *, recipe: Recipe, training: LitObjects[Any, Any], validation: LitObjects[Any, Any]) -> None:
        self.training = training
        self.validation = validation
        self._config = recipe.loss_config

    def collate(self, samples: Sequence[Any]) -> Any:
        return filled_up(samples)

    def to_device(self, batch: Any, device: torch.device) -> Any:
        return moved_to(batch, device)

    def image_count(self, batch: Any) -> int:
        return len(batch.samples_BLP)

    def losses(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
        parts = {"classification": self._loss(self._answered(model, batch), batch)}
        if l2_weight := self._config.regularization.l2_weight:
            parts["l2"] = l2_weight * squared_norm(model)
        return parts

    def evaluate(self, model: nn.Module, batch: Any, keys: Sequence[Key]) -> BatchEvaluation[ObjectNormals]:
        prediction_BP3 = self._answered(model, batch)
        inside_BP = self._truth(batch)[1].cpu().numpy() > 0
        prediction = prediction_BP3.float().cpu().numpy()
        return BatchEvaluation(
            losses={"classification": self._loss(prediction_BP3, batch).item()},
            image_results=[
                self._result(key.index, prediction[row][inside_BP[row]], int(batch.present_BL[row].sum()))
                for row, key in enumerate(keys)
            ],
        )

    def metrics(self, image_results: Sequence[ObjectNormals]) -> dict[str, float]:
        return object_metrics(image_results)

    def measure(self, image_results: Sequence[ObjectNormals]) -> Measure:
        return object_measure(image_results)

    def trivial(self, image_results: Sequence[ObjectNormals]) -> Mapping[str, Sequence[ObjectNormals]]:
        """The classical solvers, which learn nothing, and a surface that is flat."""
        found: dict[str, list[ObjectNormals]] = {name: [] for name in SOLVERS}
        for result in image_results:
            sample = self._pixels(result.image)
            for name, solve in SOLVERS.items():
                found[name].append(self._result(result.image, solve(sample), result.lights))
        return found

    def image_of(self, image_result: ObjectNormals) -> int:
        return self.validation.first[image_result.image]

    def report(self, model: nn.Module, image_results: Sequence[ObjectNormals], folder: Path) -> Mapping[str, Any]:
        diagnostics = object_diagnostics(image_results)
        pictures = []
        for place, error in enumerate(diagnostics.shown(PICTURES), start=1):
            sample = self.validation[Key(epoch=0, index=error.image)]
            with torch.no_grad():
                batch = self.to_device(self.collate([sample]), next(model.parameters()).device)
                prediction_P3 = self._answered(model, batch)[0].cpu().numpy()
            path = folder / f"validation-{place:02d}.png"
            prediction_P3 = prediction_P3[self._truth(batch)[1][0].cpu().numpy() > 0]
            write_normals(self._pixels(error.image), prediction_P3, self.validation.size_of(error.image), path)
            record = self.validation.records[error.image]
            pictures.append({"file": path.name, "image": record.path, "text": error.text})
        return {**diagnostics.to_plain(), "pictures": pictures}

    def _answered(self, model: nn.Module, batch: Any) -> Tensor:
        """Unit normals [B, P, 3]."""
        network = getattr(model, "module", model)  # without what spreads it over processes
        if not isinstance(network, SetNetwork):
            raise TypeError(f"{type(network).__name__} estimates no normals; accepted: SetNetwork")
        # Whole precision: solving three by three in half of it loses the small angles that are learnt here.
        with torch.autocast(batch.samples_BLP.device.type, enabled=False):
            normals_BP3: Tensor = model(
                batch.samples_BLP, batch.lights_BL3, batch.level_BL, batch.present_BL, batch.inside_BP
            )
        return normals_BP3

    def _truth(self, batch: Any) -> tuple[Tensor, Tensor]:
        """The true normals [B, P, 3], and 1 for each pixel that is inside [B, P]."""
        return batch.normals_BP3, batch.inside_BP

    def _pixels(self, index: int) -> LitSample:
        """What the object of the validation split is evaluated on."""
        pixels: LitSample = self.validation[Key(epoch=0, index=index)]
        return pixels

    def _loss(self, prediction_BP3: Tensor, batch: Any) -> Tensor:
        loss = normal_loss(prediction_BP3.float(), *self._truth(batch), self._config.primary_loss)
        return self._config.loss_weights.classification * loss

    def _result(self, index: int, prediction_P3: np.ndarray, lights: int) -> ObjectNormals:
        target_P3 = self._pixels(index).normals_P3.numpy()
        errors_N = angular_errors(prediction_P3, target_P3).astype(np.float32)
        return ObjectNormals(image=index, name=self.validation.names[index], lights=lights, errors_N=errors_N)


def filled_up(samples: Sequence[LitSample]) -> Batch:
    """Objects as one batch, as many lights and pixels as the largest has."""
    padded = partial(pad_sequence, batch_first=True)
    shapes = [sample.samples_LP.shape for sample in samples]
    samples_BLP = torch.zeros(len(samples), max(lights for lights, _ in shapes), max(pixels for _, pixels in shapes))
    for place, (sample, (lights, pixels)) in enumerate(zip(samples, shapes, strict=True)):
        samples_BLP[place, :lights, :pixels] = sample.samples_LP
    return Batch(
        samples_BLP=samples_BLP,
        lights_BL3=padded([sample.lights_L3 for sample in samples]),
        level_BL=padded([sample.level_L for sample in samples]),
        present_BL=padded([torch.ones(len(sample.level_L)) for sample in samples]),
        inside_BP=padded([torch.ones(len(sample.normals_P3)) for sample in samples]),
        normals_BP3=padded([sample.normals_P3 for sample in samples]),
    )


def moved_to(batch: Batch, device: torch.device) -> Batch:
    moved = {one.name: getattr(batch, one.name).to(device, non_blocking=True) for one in fields(batch)}
    return replace(batch, **moved)


def _least_squares(sample: LitSample) -> np.ndarray:
    return least_squares(*_numbers(sample)).normals_N3


def _black_level_cauchy(sample: LitSample) -> np.ndarray:
    return cauchy_shading(*_numbers(sample), black_level=sample.level_L.double().numpy()).normals_N3


def _flat(sample: LitSample) -> np.ndarray:
    return np.tile(np.array([0.0, 0.0, 1.0]), (sample.samples_LP.shape[1], 1))


SOLVERS = {"flat_surface": _flat, "least_squares": _least_squares, "black_level_cauchy": _black_level_cauchy}


def _numbers(sample: LitSample) -> tuple[np.ndarray, np.ndarray]:
    return sample.samples_LP.T.double().numpy(), sample.lights_L3.double().numpy()


def count_objects(job: TrainingJob) -> int:
    """Objects that the training split has views of."""
    return len({record.light.object for record in job.training if record.light is not None})


def make(job: TrainingJob, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int) -> NormalEstimation:
    """The task of a job, evaluated on a part of its objects; ``cache_limit_bytes`` may be kept in memory."""
    training, validation = training_and_validation(LitPixels, job, evaluated, cache_limit_bytes)
    return NormalEstimation(recipe=job.recipe, training=training, validation=validation)
