"""Depths of views of calibrated cameras. A sample is a scene: a view, and others that see the same.

Legend: D depths, S source views, C channels, H, W rows and columns.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from truscore.datasets import ImageRecord
from truscore.datasets.index.targets import scenes_in
from truscore.metrics.depth import ObjectDepth, depth_errors
from truscore.recipes import Recipe
from truscore.zoo.losses.depth_intervals import interval_loss
from truscore.zoo.photometric.multi_view_network import INTERVALS, Depths, MultiViewNetwork, normalised
from truscore.zoo.photometric.plane_sweep import correlation, warped

from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.camera_scenes import CameraScenes, SceneSample
from services.trainer.worker.tasks.depth import DepthEstimation
from services.trainer.worker.tasks.instance_segmentation import squared_norm
from services.trainer.worker.tasks.lit_objects import training_and_validation
from services.trainer.worker.tasks.protocol import BatchEvaluation, Key

WINDOW = 7  # of the classical sweep
Batch = tuple[SceneSample, ...]


class MultiViewDepth(DepthEstimation):
    """The task of depths, for networks that see several cameras' views. It satisfies ``Task``."""

    def __init__(self, *, recipe: Recipe, training: CameraScenes, validation: CameraScenes) -> None:
        self.training = training
        self.validation = validation
        self._config = recipe.loss_config

    def collate(self, samples: Sequence[Any]) -> Batch:
        """Side by side and not stacked: scenes differ in views and sizes."""
        return tuple(samples)

    def to_device(self, batch: Any, device: torch.device) -> Batch:
        return tuple(sample.to(device) for sample in batch)

    def image_count(self, batch: Any) -> int:
        return len(batch)

    def losses(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
        each = [self._off(depths_of(model, sample), sample) for sample in batch]
        parts = {"classification": torch.stack(each).mean()}
        if l2_weight := self._config.regularization.l2_weight:
            parts["l2"] = l2_weight * squared_norm(model)
        return parts

    def evaluate(self, model: nn.Module, batch: Any, keys: Sequence[Key]) -> BatchEvaluation[ObjectDepth]:
        found = [depths_of(model, sample) for sample in batch]
        off = [self._off(depths, sample).item() for depths, sample in zip(found, batch, strict=True)]
        return BatchEvaluation(
            losses={"classification": float(np.mean(off))},
            image_results=[
                self._result(key.index, _height(depths.fine_HW, sample))
                for key, depths, sample in zip(keys, found, batch, strict=True)
            ],
        )

    def trivial(self, image_results: Sequence[ObjectDepth]) -> Mapping[str, Sequence[ObjectDepth]]:
        """The plane in the middle of the range, and where the views' windows correlate best; nothing is learnt."""
        found: dict[str, list[ObjectDepth]] = {"middle_plane": [], "plane_sweep": []}
        for result in image_results:
            sample = self.validation[Key(epoch=0, index=result.image)]
            middle_HW = sample.middle + torch.zeros_like(sample.depth_HW)
            found["middle_plane"].append(self._result(result.image, _height(middle_HW, sample)))
            found["plane_sweep"].append(self._result(result.image, _height(swept(sample), sample)))
        return found

    def _height(self, model: nn.Module, batch: Any) -> np.ndarray:
        return _height(depths_of(model, batch[0]).fine_HW, batch[0])

    def _off(self, depths: Depths, sample: SceneSample) -> Tensor:
        """Of both stages, in intervals."""
        true_HW = sample.zero_um - sample.depth_HW * sample.pitch_um
        kind = self._config.primary_loss
        coarse, fine = (
            interval_loss(each_HW, true_HW, sample.known_HW, interval_of(sample), kind)
            for each_HW in (depths.coarse_HW, depths.fine_HW)
        )
        return self._config.loss_weights.classification * (0.5 * coarse + fine)

    def _result(self, index: int, height_HW: np.ndarray) -> ObjectDepth:
        sample = self.validation[Key(epoch=0, index=index)]
        known_HW = sample.known_HW.numpy() > 0
        true_HW, pitch_um = sample.depth_HW.double().numpy() * sample.pitch_um, sample.pitch_um
        errors_N, angles_N = depth_errors(height_HW * pitch_um, true_HW, known_HW, pitch_um=pitch_um)
        off_HW = np.abs(height_HW * pitch_um - true_HW) / interval_of(sample).item()
        return ObjectDepth(
            image=index,
            name=self.validation.names[index],
            lights=sample.lights,
            errors_N=errors_N.astype(np.float32),
            angles_N=angles_N.astype(np.float32),
            intervals_N=off_HW[known_HW].astype(np.float32),
        )


def interval_of(sample: SceneSample) -> Tensor:
    """Micrometres between two of 48 planes."""
    return (sample.range_2[1] - sample.range_2[0]) / INTERVALS


def depths_of(model: nn.Module, sample: SceneSample) -> Depths:
    network = getattr(model, "module", model)  # without what spreads it over processes
    if not isinstance(network, MultiViewNetwork):
        raise TypeError(f"{type(network).__name__} sees no several cameras; accepted: MultiViewNetwork")
    # Whole precision: depths are small differences of large numbers.
    with torch.autocast(sample.maps_V4HW.device.type, enabled=False):
        depths: Depths = model(sample.maps_V4HW, sample.inside_VHW, sample.cameras, sample.range_2, sample.window)
    return depths


@torch.no_grad()
def swept(sample: SceneSample) -> Tensor:
    """The classical plane sweep (Collins 1996) [H, W]: of 48 planes that on which windows of the views correlate best,
    on the maps that the network sees, too; between planes by a parabola."""
    seen_VCHW = normalised(sample.maps_V4HW, sample.inside_VHW, sample.cameras)
    rows, columns = sample.window
    ends, planes_D = sample.range_2, torch.arange(INTERVALS + 1).to(sample.range_2)
    depth_D = ends[0] + interval_of(sample) * planes_D
    depth_DHW = depth_D[:, None, None] + torch.zeros_like(sample.depth_HW)
    source_SCHW = torch.cat([seen_VCHW, sample.inside_VHW[:, None]], dim=1)[1:]
    found_SCDHW, shown_S1DHW = warped(source_SCHW, sample.cameras.looking_at(sample.window), depth_DHW)
    shown_S1DHW = shown_S1DHW * found_SCDHW[:, -1:]
    alike_DHW = correlation(seen_VCHW[0][:, rows, columns], found_SCDHW[:, :-1], shown_S1DHW, WINDOW).mean(dim=0)
    best_HW = alike_DHW[1:-1].argmax(dim=0) + 1
    before, at, after = (alike_DHW.gather(0, best_HW[None] + step)[0] for step in (-1, 0, 1))
    bend = (before - 2 * at + after).clamp(max=-1e-6)
    between_HW = (0.5 * (before - after) / bend).clamp(-0.5, 0.5)
    found_HW: Tensor = ends[0] + interval_of(sample) * (best_HW + between_HW)
    return found_HW


def _height(depth_HW: Tensor, sample: SceneSample) -> np.ndarray:
    height_HW: np.ndarray = ((sample.zero_um - depth_HW.double().cpu()) / sample.pitch_um).numpy()
    return height_HW


def count_scenes(job: TrainingJob) -> int:
    """Scenes that the training split has two views or more of."""
    seen = {record.light.object for record in job.training if record.light is not None}
    return sum(len(seen.intersection(names)) > 1 for names in scenes_in(job.objects).values())


def make(job: TrainingJob, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int) -> MultiViewDepth:
    """The task of a job, evaluated on a part of its scenes; ``cache_limit_bytes`` may be kept in memory."""
    training, validation = training_and_validation(CameraScenes, job, evaluated, cache_limit_bytes)
    return MultiViewDepth(recipe=job.recipe, training=training, validation=validation)
