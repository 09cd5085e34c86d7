"""Normals under lights that are no input: they are learnt beside them. A sample is a rectangle of an object as the
camera has it, and its lights are directions times intensities.

Legend: B objects, L lights, P pixels of a rectangle, 3 the axes x right, y UP, z to the camera.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from truscore.datasets import ImageRecord
from truscore.metrics.normals import ObjectNormals, light_error_deg
from truscore.photometric_stereo import InvalidViews, LitViews, read_views, uncalibrated_shading
from truscore.photometric_stereo.least_squares import InvalidLights, check_lights
from truscore.zoo.losses.lights import light_loss
from truscore.zoo.photometric.uncalibrated_network import UncalibratedNormals, UncalibratedSetNetwork

from services.trainer.worker.errors import InvalidJob
from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks.instance_segmentation import squared_norm
from services.trainer.worker.tasks.lit_objects import training_and_validation
from services.trainer.worker.tasks.lit_surfaces import LitSurfaces, SurfaceBatch, SurfaceSample
from services.trainer.worker.tasks.protocol import BatchEvaluation, Key
from services.trainer.worker.tasks.surface_normals import SurfaceNormals

LIGHTS_COUNT = 1.0  # beside the loss of normals
_INTENSITIES = 0.5  # logarithm, to either side, by which a training sample's lights are brighter or darker


class UncalibratedViews(LitSurfaces):
    """The objects of a split as `LitObjects` orders them. Lights that nobody knows are zeros: such objects can be
    evaluated on, and not trained on."""

    def __getitem__(self, key: Key) -> SurfaceSample:
        if key.epoch and not self._loaded(key.index).lights_L3.any():
            raise InvalidJob(
                f"object {self.names[key.index]!r} cannot be learnt from: the directions of its lights are not known, "
                "and they are what this network learns; it can be evaluated on, and an exported file takes its views"
            )
        return super().__getitem__(key)

    def _load(self, name: str) -> Any:
        """As the camera has it: raises InvalidJob for views that cannot be read or have no normals."""
        try:
            views = read_views(self._folder, self._index, name)
            known = views.directions_L3 is not None
            intensity_L = (1 / views.share_L) / (1 / views.share_L).mean()
            lights_L3 = views.directions() * intensity_L[:, None] if known else np.zeros((len(intensity_L), 3))
            if known:
                check_lights(views.samples_NL, lights_L3)
        except (InvalidViews, InvalidLights) as error:
            raise InvalidJob(f"object {name!r} cannot be learnt from: {error}") from error
        if not views.mask_HW.any():
            raise InvalidJob(f"object {name!r} cannot be learnt from: its mask marks nothing")
        seen = replace(views, samples_NL=views.samples_NL * intensity_L, directions_L3=lights_L3)
        return self._of(seen, 0.0)

    def _seen(self, rng: np.random.Generator, sample: SurfaceSample) -> SurfaceSample:
        """Under lights that are brighter or darker than they were."""
        factor_L = torch.from_numpy(np.exp(rng.uniform(-_INTENSITIES, _INTENSITIES, len(sample.level_L)))).float()
        return replace(
            sample,
            samples_LHW=sample.samples_LHW * factor_L[:, None, None],
            lights_L3=sample.lights_L3 * factor_L[:, None],
        )


class UncalibratedNormalEstimation(SurfaceNormals):
    """The task of surface normals under lights that are not known. It satisfies ``Task``."""

    def losses(self, model: nn.Module, batch: SurfaceBatch) -> dict[str, Tensor]:
        found = asked(model, batch)
        parts = {"classification": self._loss(found.normals_BP3, batch) + self._of_lights(model, found, batch)}
        if l2_weight := self._config.regularization.l2_weight:
            parts["l2"] = l2_weight * squared_norm(model)
        return parts

    def evaluate(self, model: nn.Module, batch: SurfaceBatch, keys: Sequence[Key]) -> BatchEvaluation[ObjectNormals]:
        found = asked(model, batch)
        loss = self._loss(found.normals_BP3, batch) + self._of_lights(model, found, batch)
        inside_BP = batch.inside_BHW.flatten(1).cpu().numpy() > 0
        prediction_BP3 = found.normals_BP3.float().cpu().numpy()
        results = []
        for row, key in enumerate(keys):
            lights = int(batch.present_BL[row].sum())
            off_deg = light_error_deg(
                found.lights.directions_BL3[row, :lights].cpu().numpy(), batch.lights_BL3[row, :lights].cpu().numpy()
            )
            result = self._result(key.index, prediction_BP3[row][inside_BP[row]], lights)
            results.append(replace(result, light_error_deg=off_deg))
        return BatchEvaluation(losses={"classification": loss.item()}, image_results=results)

    def trivial(self, image_results: Sequence[ObjectNormals]) -> Mapping[str, Sequence[ObjectNormals]]:
        """The solver that is given no lights either, and a surface that is flat."""
        found: dict[str, list[ObjectNormals]] = {"flat_surface": [], "uncalibrated_solver": []}
        for result in image_results:
            sample: SurfaceSample = self.validation[Key(epoch=0, index=result.image)]
            flat_N3 = np.tile(np.array([0.0, 0.0, 1.0]), (int(sample.inside_HW.sum()), 1))
            found["flat_surface"].append(self._result(result.image, flat_N3, result.lights))
            found["uncalibrated_solver"].append(_solved(self._result, sample, flat_N3, result))
        return found

    def _answered(self, model: nn.Module, batch: SurfaceBatch) -> Tensor:
        return asked(model, batch).normals_BP3

    def _of_lights(self, model: nn.Module, found: UncalibratedNormals, batch: SurfaceBatch) -> Tensor:
        known_BL = batch.present_BL * (batch.lights_BL3.norm(dim=-1) > 0)
        loss = light_loss(found.lights, batch.lights_BL3, _network_of(model).lights.choices_K3, known_BL)
        return self._config.loss_weights.classification * LIGHTS_COUNT * loss


def _solved(
    result_of: Callable[[int, np.ndarray, int], ObjectNormals],
    sample: SurfaceSample,
    flat_N3: np.ndarray,
    result: ObjectNormals,
) -> ObjectNormals:
    """By the solver; flat where it finds no lights."""
    mask_HW = sample.inside_HW.numpy() > 0
    views = LitViews(
        name=result.name,
        samples_NL=sample.samples_LHW.numpy()[:, mask_HW].T.astype(np.float64),
        directions_L3=None,
        share_L=np.ones(len(sample.level_L)),
        mask_HW=mask_HW,
        normals_HW3=None,
    )
    try:
        found = uncalibrated_shading(views, kind="object")
    except InvalidLights:
        return result_of(result.image, flat_N3, result.lights)
    off_deg = light_error_deg(found.directions_L3, sample.lights_L3.numpy())
    return replace(result_of(result.image, found.shading.normals_N3, result.lights), light_error_deg=off_deg)


def asked(model: nn.Module, batch: SurfaceBatch) -> UncalibratedNormals:
    _network_of(model)
    # Whole precision: solving three by three in half of it loses the small angles that are learnt here.
    with torch.autocast(batch.samples_BLP.device.type, enabled=False):
        found: UncalibratedNormals = model(batch.samples_BLP, batch.present_BL, batch.inside_BHW)
    return found


def _network_of(model: nn.Module) -> UncalibratedSetNetwork:
    network = getattr(model, "module", model)  # without what spreads it over processes
    if not isinstance(network, UncalibratedSetNetwork):
        raise TypeError(f"{type(network).__name__} finds no lights; accepted: UncalibratedSetNetwork")
    return network


def make(job: TrainingJob, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int) -> UncalibratedNormalEstimation:
    """The task of a job, evaluated on a part of its objects; ``cache_limit_bytes`` may be kept in memory."""
    training, validation = training_and_validation(
        UncalibratedViews, job, evaluated, cache_limit_bytes, learnt="normals"
    )
    return UncalibratedNormalEstimation(recipe=job.recipe, training=training, validation=validation)
