"""Depths of objects under many lights. A sample is an object: a rectangle of its pixels under all or some lights.

Legend: B objects, L lights, H, W sides of a rectangle, 3 the axes x right, y UP, z to the camera.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from truscore.datasets import ImageRecord
from truscore.metrics.comparison.bootstrap import Measure
from truscore.metrics.depth import ObjectDepth, depth_diagnostics, depth_errors, depth_measure, depth_metrics
from truscore.photometric_stereo import cauchy_shading, integrate_bilateral, integrate_poisson
from truscore.recipes import Recipe
from truscore.zoo.losses.depth import DepthTarget, depth_loss
from truscore.zoo.photometric.integration import edges_inside, normals_of
from truscore.zoo.photometric.surface_network import Surface

from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.depth_pictures import write_depth
from services.trainer.worker.tasks.instance_segmentation import squared_norm
from services.trainer.worker.tasks.lit_objects import LitObjects, training_and_validation
from services.trainer.worker.tasks.lit_surfaces import (
    LitSurfaces,
    SurfaceSample,
    collate,
    surface_of,
    to_device,
)
from services.trainer.worker.tasks.protocol import BatchEvaluation, Key

PICTURES = 6


class DepthEstimation:
    """The task of depths. It satisfies ``Task``."""

    def __init__(self, *, recipe: Recipe, training: LitObjects[Any, Any], validation: LitObjects[Any, Any]) -> None:
        self.training = training
        self.validation = validation
        self._config = recipe.loss_config

    def collate(self, samples: Sequence[Any]) -> Any:
        return collate(samples)

    def to_device(self, batch: Any, device: torch.device) -> Any:
        return to_device(batch, device)

    def image_count(self, batch: Any) -> int:
        return len(batch.samples_BLP)

    def losses(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
        parts = {"classification": self._loss(surface_of(model, batch), batch)}
        if l2_weight := self._config.regularization.l2_weight:
            parts["l2"] = l2_weight * squared_norm(model)
        return parts

    def evaluate(self, model: nn.Module, batch: Any, keys: Sequence[Key]) -> BatchEvaluation[ObjectDepth]:
        surface = surface_of(model, batch)
        height_BHW = surface.height_BHW.double().cpu().numpy()
        return BatchEvaluation(
            losses={"classification": self._loss(surface, batch).item()},
            image_results=[self._result(key.index, height_BHW[row]) for row, key in enumerate(keys)],
        )

    def metrics(self, image_results: Sequence[ObjectDepth]) -> dict[str, float]:
        return depth_metrics(image_results)

    def measure(self, image_results: Sequence[ObjectDepth]) -> Measure:
        return depth_measure(image_results)

    def trivial(self, image_results: Sequence[ObjectDepth]) -> Mapping[str, Sequence[ObjectDepth]]:
        """A surface that is flat, and the robust solver's normals integrated: nothing of that is learnt."""
        found: dict[str, list[ObjectDepth]] = {name: [] for name in ("flat_surface", *INTEGRATIONS)}
        for result in image_results:
            sample = self.validation[Key(epoch=0, index=result.image)]
            found["flat_surface"].append(self._result(result.image, np.zeros(tuple(sample.inside_HW.shape))))
            normals_HW3 = _solved(sample)
            for name, integrate in INTEGRATIONS.items():
                height_HW = np.nan_to_num(integrate(normals_HW3, sample.inside_HW.numpy() > 0))
                found[name].append(self._result(result.image, height_HW))
        return found

    def image_of(self, image_result: ObjectDepth) -> int:
        return self.validation.first[image_result.image]

    def report(self, model: nn.Module, image_results: Sequence[ObjectDepth], folder: Path) -> Mapping[str, Any]:
        diagnostics = depth_diagnostics(image_results)
        pictures = []
        for place, error in enumerate(diagnostics.shown(PICTURES), start=1):
            sample = self.validation[Key(epoch=0, index=error.image)]
            with torch.no_grad():
                batch = self.to_device(self.collate([sample]), next(model.parameters()).device)
                height_HW = self._height(model, batch)
            path = folder / f"validation-{place:02d}.png"
            write_depth(sample, height_HW, path)
            record = self.validation.records[error.image]
            pictures.append({"file": path.name, "image": record.path, "text": error.text})
        return {**diagnostics.to_plain(), "pictures": pictures}

    def _height(self, model: nn.Module, batch: Any) -> np.ndarray:
        """Of the only sample of a batch, in its pixels' pitches."""
        height_HW: np.ndarray = surface_of(model, batch).height_BHW[0].double().cpu().numpy()
        return height_HW

    def _loss(self, surface: Surface, batch: Any) -> Tensor:
        target = DepthTarget(
            depth_BHW=batch.depth_BHW,
            normals_BHW3=normals_of(batch.depth_BHW, edges_inside(batch.known_BHW)),
            known_BHW=batch.known_BHW,
            pitch_B=batch.pitch_B,
        )
        loss = depth_loss(surface.height_BHW, surface.normals_BHW3, target, self._config.primary_loss)
        return self._config.loss_weights.classification * loss

    def _result(self, index: int, height_HW: np.ndarray) -> ObjectDepth:
        """``height_HW`` may reach beyond the object's own rectangle, as it does in a batch."""
        sample = self.validation[Key(epoch=0, index=index)]
        known_HW = sample.known_HW.numpy() > 0
        height, width = known_HW.shape
        errors_N, angles_N = depth_errors(
            height_HW[:height, :width] * sample.pitch_um,
            sample.depth_HW.double().numpy() * sample.pitch_um,
            known_HW,
            pitch_um=sample.pitch_um,
        )
        return ObjectDepth(
            image=index,
            name=self.validation.names[index],
            lights=len(sample.lights_L3),
            errors_N=errors_N.astype(np.float32),
            angles_N=angles_N.astype(np.float32),
        )


INTEGRATIONS = {"poisson": integrate_poisson, "bilateral": integrate_bilateral}


def _solved(sample: SurfaceSample) -> np.ndarray:
    inside_HW = sample.inside_HW.numpy() > 0
    samples_NL = sample.samples_LHW.double().numpy()[:, inside_HW].T
    shading = cauchy_shading(samples_NL, sample.lights_L3.double().numpy(), black_level=sample.level_L.double().numpy())
    normals_HW3 = np.zeros((*inside_HW.shape, 3))
    normals_HW3[..., 2] = 1.0
    normals_HW3[inside_HW] = shading.normals_N3
    return normals_HW3


def make(job: TrainingJob, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int) -> DepthEstimation:
    """The task of a job, evaluated on a part of its objects; ``cache_limit_bytes`` may be kept in memory."""
    training, validation = training_and_validation(LitSurfaces, job, evaluated, cache_limit_bytes, learnt="depth")
    return DepthEstimation(recipe=job.recipe, training=training, validation=validation)
