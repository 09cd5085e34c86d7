"""Albedo, roughness and F0 of objects under many lights. A sample is an object, every fourth of whose lights is held
out: the network does not see it, and the surface is re-lit under it.

Legend: B objects, L lights, P pixels, 3 the axes x right, y UP, z to the camera, or albedo, roughness, F0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from truscore.datasets import ImageRecord
from truscore.metrics.comparison.bootstrap import Measure
from truscore.metrics.reflectance import (
    ObjectReflectance,
    object_diagnostics,
    object_measure,
    object_metrics,
    reflectance_figures,
)
from truscore.recipes import Recipe
from truscore.zoo.losses.reflectance import Target, reflectance_loss
from truscore.zoo.photometric.reflectance_network import Maps, ReflectanceNetwork, confidence_of

from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.instance_segmentation import squared_norm
from services.trainer.worker.tasks.lit_objects import LitSample, ReflectivePixels, training_and_validation
from services.trainer.worker.tasks.normals import Batch, filled_up, moved_to
from services.trainer.worker.tasks.protocol import BatchEvaluation, Key
from services.trainer.worker.tasks.reflectance_pictures import write_reflectance
from services.trainer.worker.tasks.reflectance_solvers import SOLVERS, Found, held_lights, relighting_of

PICTURES = 6
MOST_OBJECTS = 32  # of the training split that the usual roughness is taken from


@dataclass(frozen=True, kw_only=True, slots=True)
class LitBatch:
    """Objects filled up to one size, what is known of them, and which of their lights are held out."""

    views: Batch
    reflectance_BP3: Tensor
    held_BL: Tensor


class ReflectanceEstimation:
    """The task of reflectance. It satisfies ``Task``."""

    def __init__(self, *, recipe: Recipe, training: ReflectivePixels, validation: ReflectivePixels) -> None:
        self.training = training
        self.validation = validation
        self._config = recipe.loss_config

    def collate(self, samples: Sequence[LitSample]) -> LitBatch:
        return LitBatch(
            views=filled_up(samples),
            reflectance_BP3=pad_sequence([sample.reflectance_P3 for sample in samples], batch_first=True),
            held_BL=pad_sequence([torch.from_numpy(held_lights(each)).float() for each in samples], batch_first=True),
        )

    def to_device(self, batch: LitBatch, device: torch.device) -> LitBatch:
        return LitBatch(
            views=moved_to(batch.views, device),
            reflectance_BP3=batch.reflectance_BP3.to(device, non_blocking=True),
            held_BL=batch.held_BL.to(device, non_blocking=True),
        )

    def image_count(self, batch: LitBatch) -> int:
        return len(batch.held_BL)

    def losses(self, model: nn.Module, batch: LitBatch) -> dict[str, Tensor]:
        parts = {"classification": self._loss(_answered(model, batch), batch)}
        if l2_weight := self._config.regularization.l2_weight:
            parts["l2"] = l2_weight * squared_norm(model)
        return parts

    def evaluate(self, model: nn.Module, batch: LitBatch, keys: Sequence[Key]) -> BatchEvaluation[ObjectReflectance]:
        prediction = _answered(model, batch)
        counts = batch.views.inside_BP.sum(dim=1).int().tolist()
        return BatchEvaluation(
            losses={"classification": self._loss(prediction, batch).item()},
            image_results=[
                self._result(key.index, _found(prediction, row, count))
                for row, (key, count) in enumerate(zip(keys, counts, strict=True))
            ],
        )

    def metrics(self, image_results: Sequence[ObjectReflectance]) -> dict[str, float]:
        return object_metrics(image_results)

    def measure(self, image_results: Sequence[ObjectReflectance]) -> Measure:
        return object_measure(image_results)

    def trivial(self, image_results: Sequence[ObjectReflectance]) -> Mapping[str, Sequence[ObjectReflectance]]:
        """Classical fits, which learn nothing; where they say nothing of roughness, that of most training pixels."""
        return {
            name: [
                self._result(result.image, solve(self.validation[Key(epoch=0, index=result.image)], self._roughness))
                for result in image_results
            ]
            for name, solve in SOLVERS.items()
        }

    def image_of(self, image_result: ObjectReflectance) -> int:
        return self.validation.first[image_result.image]

    def report(self, model: nn.Module, image_results: Sequence[ObjectReflectance], folder: Path) -> Mapping[str, Any]:
        diagnostics = object_diagnostics(image_results)
        pictures = []
        for place, error in enumerate(diagnostics.shown(PICTURES), start=1):
            sample = self.validation[Key(epoch=0, index=error.image)]
            with torch.no_grad():
                batch = self.to_device(self.collate([sample]), next(model.parameters()).device)
                found = _found(_answered(model, batch), 0, len(sample.normals_P3))
            path = folder / f"validation-{place:02d}.png"
            write_reflectance(sample, found, self.validation.size_of(error.image), path)
            record = self.validation.records[error.image]
            pictures.append({"file": path.name, "image": record.path, "text": error.text})
        return {**diagnostics.to_plain(), "pictures": pictures}

    @cached_property
    def _roughness(self) -> float:
        """The median over glossy pixels of the training split."""
        count = len(self.training)
        places = np.linspace(0, count - 1, min(count, MOST_OBJECTS)).round().astype(int)
        known = [self.training[Key(epoch=0, index=int(place))].reflectance_P3.numpy() for place in places]
        values = np.concatenate([each_P3[each_P3[:, 2] > 0, 1] for each_P3 in known])
        return float(np.median(values)) if len(values) else 0.5

    def _loss(self, prediction: Maps, batch: LitBatch) -> Tensor:
        views, (albedo_BP, roughness_BP, f0_BP) = batch.views, batch.reflectance_BP3.unbind(dim=-1)
        target = Target(
            normals_BP3=views.normals_BP3,
            albedo_BP=albedo_BP,
            roughness_BP=roughness_BP.clamp(min=1e-2),  # pixels that fill up have none
            f0_BP=f0_BP,
            inside_BP=views.inside_BP,
            level_BLP=views.samples_BLP - views.level_BL[..., None],
            lights_BL3=views.lights_BL3,
            held_BL=batch.held_BL,
        )
        return self._config.loss_weights.classification * reflectance_loss(
            prediction, target, self._config.primary_loss
        )

    def _result(self, index: int, found: Found) -> ObjectReflectance:
        sample = self.validation[Key(epoch=0, index=index)]
        target = tuple(each.numpy() for each in sample.reflectance_P3.unbind(dim=-1))
        figures = {
            "relighting_PSNR_dB": relighting_of(sample, found),
            **reflectance_figures(
                (found.albedo_P, found.roughness_P, found.f0_P),
                (target[0], target[1], target[2]),
                found.confidence_P,
            ),
        }
        lights = int((~held_lights(sample)).sum())
        return ObjectReflectance(image=index, name=self.validation.names[index], lights=lights, figures=figures)


def _found(prediction: Maps, row: int, pixels: int) -> Found:
    albedo, roughness, f0, normals, spread = (each[row, :pixels].float().cpu() for each in prediction)
    return Found(
        normals_P3=normals.numpy(),
        albedo_P=albedo.numpy(),
        roughness_P=roughness.numpy(),
        f0_P=f0.numpy(),
        confidence_P=confidence_of(spread).numpy(),
    )


def _answered(model: nn.Module, batch: LitBatch) -> Maps:
    network = getattr(model, "module", model)  # without what spreads it over processes
    if not isinstance(network, ReflectanceNetwork):
        raise TypeError(f"{type(network).__name__} estimates no reflectance; accepted: ReflectanceNetwork")
    views = batch.views
    shown_BL = views.present_BL * (1 - batch.held_BL)
    with torch.autocast(views.samples_BLP.device.type, enabled=False):  # as for normals
        maps: Maps = model(views.samples_BLP, views.lights_BL3, views.level_BL, shown_BL, views.inside_BP)
    return maps


def make(job: TrainingJob, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int) -> ReflectanceEstimation:
    """The task of a job, evaluated on a part of its objects; ``cache_limit_bytes`` may be kept in memory."""
    training, validation = training_and_validation(ReflectivePixels, job, evaluated, cache_limit_bytes)
    return ReflectanceEstimation(recipe=job.recipe, training=training, validation=validation)
