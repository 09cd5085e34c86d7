"""Which task a row of the catalog is trained as."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn
from truscore.catalog import network_of
from truscore.catalog.networks.configs import (
    MultiViewNetworkConfig,
    NetworkConfig,
    SpatialSetNetworkConfig,
    SurfaceNetworkConfig,
    UncalibratedSetNetworkConfig,
)
from truscore.catalog.table import row_of
from truscore.datasets import ImageRecord

from services.trainer.worker.run_dir import TrainingJob
from services.trainer.worker.tasks import (
    depth,
    detection,
    instance_segmentation,
    multi_view,
    multilabel,
    normals,
    ordinal,
    reflectance,
    regression,
    semantic_segmentation,
    surface_normals,
    uncalibrated_normals,
    windowed_segmentation,
)
from services.trainer.worker.tasks.protocol import Task

Maker = Callable[[TrainingJob, tuple[ImageRecord, ...], int], Task[Any, Any]]

# By the task of the catalog's row. A maker takes the job, the images to evaluate on, and the bytes it may keep loaded.
MAKERS: Mapping[str, Maker] = {
    "depth_estimation": depth.make,
    "detection": detection.make,
    "instance_segmentation": instance_segmentation.make,
    "multilabel_classification": multilabel.make,
    "normal_estimation": normals.make,
    "ordinal_classification": ordinal.make,
    "reflectance_estimation": reflectance.make,
    "regression": regression.make,
    "semantic_segmentation": semantic_segmentation.make,
}
# Of networks that see rectangles of pixels, not pixels in no order.
SURFACES: Mapping[str, Maker] = {"depth_estimation": depth.make, "normal_estimation": surface_normals.make}
# What a network has to know of the training split before it trains, where it has to know anything.
PREPARATIONS: Mapping[str, Callable[[nn.Module, TrainingJob], None]] = {
    "detection": instance_segmentation.prepare,
    "instance_segmentation": instance_segmentation.prepare,
    "ordinal_classification": ordinal.prepare,
    "regression": regression.prepare,
}

# How many samples there are to train on, where that is not one an image.
COUNTS: Mapping[str, Callable[[TrainingJob], int]] = dict.fromkeys(
    ("normal_estimation", "depth_estimation", "reflectance_estimation"), normals.count_objects
)


def sample_count(job: TrainingJob) -> int:
    """Samples of the training split: images, or the objects that they are views of."""
    if isinstance(_config_of(job), MultiViewNetworkConfig):
        return multi_view.count_scenes(job)
    count = COUNTS.get(_task_of(job))
    return count(job) if count else len(job.training)


def make_task(job: TrainingJob, *, evaluated: tuple[ImageRecord, ...], cache_limit_bytes: int = 0) -> Task[Any, Any]:
    """The job's task, evaluated on a part of its images."""
    if job.recipe.sampling == "windows":
        return windowed_segmentation.make(job, evaluated, cache_limit_bytes)
    if isinstance(_config_of(job), MultiViewNetworkConfig):
        return multi_view.make(job, evaluated, cache_limit_bytes)
    if isinstance(_config_of(job), SurfaceNetworkConfig | SpatialSetNetworkConfig):
        return SURFACES[_task_of(job)](job, evaluated, cache_limit_bytes)
    if isinstance(_config_of(job), UncalibratedSetNetworkConfig):
        return uncalibrated_normals.make(job, evaluated, cache_limit_bytes)
    return MAKERS[_task_of(job)](job, evaluated, cache_limit_bytes)


def prepare(network: nn.Module, job: TrainingJob) -> None:
    """Give a new network what it has to know of the training split. Raises InvalidJob."""
    if preparation := PREPARATIONS.get(_task_of(job)):
        preparation(network, job)


def _config_of(job: TrainingJob) -> NetworkConfig | None:
    return network_of(job.recipe.architecture_config.base_architecture).config


def _task_of(job: TrainingJob) -> str:
    recipe = job.recipe
    return row_of(recipe.category, recipe.option, recipe.architecture).task
