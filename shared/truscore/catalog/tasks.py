"""What networks can learn: one row per task. Data only, no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """``losses`` are what loss_config.primary_loss accepts, the default first; ``loss_parts`` what
    loss_config.loss_weights can weigh. A task with one part has its weight, too: against regularization.l2_weight it
    counts. ``purpose_metrics`` are what options of the task are for, where their rows don't differ: see
    ``catalog.purpose``. ``shardable`` networks are proven to learn in shards what they learn without."""

    name: str
    learns_from: str  # a key of truscore.datasets.index.targets.TARGETS
    losses: tuple[str, ...]
    loss_parts: tuple[str, ...]
    purpose_metrics: tuple[str, ...]
    shardable: bool = False


_ALL = (
    Task(
        name="instance_segmentation",
        learns_from="boxes",
        losses=("cross_entropy", "focal_loss"),
        loss_parts=("classification", "bbox_regression", "mask_loss"),
        purpose_metrics=("mask_AP",),
        shardable=True,
    ),
    Task(
        name="detection",
        learns_from="boxes",
        losses=("focal_loss", "cross_entropy"),
        loss_parts=("classification", "bbox_regression"),
        purpose_metrics=("box_AP",),
        shardable=True,
    ),
    Task(
        name="semantic_segmentation",
        learns_from="masks",
        losses=("cross_entropy", "focal_loss", "dice_loss", "hierarchical_dice_loss"),
        loss_parts=("mask_loss",),
        purpose_metrics=("binary_dice", "binary_IoU"),
        shardable=True,
    ),
    Task(
        name="ordinal_classification",
        learns_from="grade",
        losses=("corn", "coral", "cross_entropy"),
        loss_parts=("classification",),
        purpose_metrics=("quadratic_weighted_kappa",),
        shardable=True,
    ),
    Task(
        name="regression",
        learns_from="scores",
        losses=("smooth_l1", "mean_squared_error"),
        loss_parts=("classification",),
        purpose_metrics=("score_MAE",),
        shardable=True,
    ),
    Task(
        name="multilabel_classification",
        learns_from="labels",
        losses=("cross_entropy", "focal_loss"),
        loss_parts=("classification",),
        purpose_metrics=("macro_F1",),
        shardable=True,
    ),
    Task(
        name="normal_estimation",
        learns_from="normals",
        losses=("log_angular", "angular", "cosine"),
        loss_parts=("classification",),
        purpose_metrics=("mean_error_deg",),
    ),
    Task(
        name="depth_estimation",
        learns_from="depth",
        losses=("log_depth_and_normals", "log_depth", "depth"),
        loss_parts=("classification",),
        purpose_metrics=("mean_depth_error_um",),
    ),
    Task(
        name="reflectance_estimation",
        learns_from="reflectance",
        losses=("log_l1_rendering", "log_l1"),
        loss_parts=("classification",),
        purpose_metrics=("relighting_PSNR_dB", "albedo_error"),
    ),
)

TASKS: Mapping[str, Task] = MappingProxyType({task.name: task for task in _ALL})


def learns_from(task: str) -> str:
    """A key of ``index.targets.TARGETS`` (datasets), "" where that is not known."""
    return TASKS[task].learns_from if task in TASKS else ""
