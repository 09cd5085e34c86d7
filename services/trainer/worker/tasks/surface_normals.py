"""Normals by networks that see what lies around a pixel. A sample is a rectangle of an object.

Legend: B objects, P pixels of a rectangle, 3 the axes x right, y UP, z to the camera.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from truscore.datasets import ImageRecord

from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks import lit_surfaces
from services.trainer.worker.tasks.lit_objects import LitSample, training_and_validation
from services.trainer.worker.tasks.lit_surfaces import LitSurfaces, SurfaceBatch, SurfaceSample
from services.trainer.worker.tasks.normals import NormalEstimation
from services.trainer.worker.tasks.protocol import Key


class SurfaceNormals(NormalEstimation):
    """The task of surface normals, for networks of rectangles. It satisfies ``Task``."""

    def collate(self, samples: Sequence[SurfaceSample]) -> SurfaceBatch:
        return lit_surfaces.collate(samples)

    def to_device(self, batch: SurfaceBatch, device: torch.device) -> SurfaceBatch:
        return lit_surfaces.to_device(batch, device)

    def _answered(self, model: nn.Module, batch: SurfaceBatch) -> Tensor:
        return lit_surfaces.normals_of(model, batch).flatten(1, 2)

    def _truth(self, batch: SurfaceBatch) -> tuple[Tensor, Tensor]:
        return batch.normals_BHW3.flatten(1, 2), batch.inside_BHW.flatten(1)

    def _pixels(self, index: int) -> LitSample:
        sample: SurfaceSample = self.validation[Key(epoch=0, index=index)]
        return sample.pixels


def make(job: TrainingJob, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int) -> SurfaceNormals:
    """The task of a job, evaluated on a part of its objects; ``cache_limit_bytes`` may be kept in memory."""
    training, validation = training_and_validation(LitSurfaces, job, evaluated, cache_limit_bytes, learnt="normals")
    return SurfaceNormals(recipe=job.recipe, training=training, validation=validation)
