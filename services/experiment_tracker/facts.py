"""What is put on record, as plain values. Field names are the contract's; times are seconds since 1970 (UTC)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from truscore.storage import ObjectRef


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    run_id: str
    dataset_id: str
    dataset_version: str
    dataset_digest: str
    category: str
    option: str
    architecture: str
    config: ObjectRef
    attempt: int
    total_epochs: int
    host: str
    device: str
    world_size: int
    git_commit: str
    git_dirty: bool
    environment_digest: str
    parameters: Mapping[str, str]
    seed: int
    started_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Progressed:
    run_id: str
    step: int
    total_steps: int
    loss: float
    learning_rate: float
    loss_parts: Mapping[str, float]
    gradient_norm: float


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochDone:
    run_id: str
    epoch: int
    train_loss: float
    val_loss: float
    learning_rate: float
    metrics: Mapping[str, float]
    duration_s: float
    images_per_second: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TrivialPredictor:
    name: str
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricInterval:
    metric: str
    lower: float
    upper: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TrivialComparison:
    purpose_metrics: tuple[str, ...] = ()
    predictors: tuple[TrivialPredictor, ...] = ()
    intervals: tuple[MetricInterval, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuLoad:
    index: int
    utilization_percent: float
    memory_used_bytes: int
    memory_total_bytes: int
    power_watts: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampled:
    """The machine that trains the run, at one moment."""

    run_id: str
    service: str
    sampled_at: float
    cpu_percent: float
    memory_used_bytes: int
    memory_total_bytes: int
    disk_free_bytes: int
    gpus: tuple[GpuLoad, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluated:
    """``content`` is the event in the words of JSON."""

    run_id: str
    attempt: int
    epoch: int
    custom_metrics: Mapping[str, float]
    content: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    run_id: str
    dataset_id: str
    dataset_version: str
    dataset_digest: str
    category: str
    option: str
    architecture: str
    best_checkpoint: ObjectRef
    config: ObjectRef
    dataset_index: ObjectRef
    split: ObjectRef
    report_uri: str
    metrics: Mapping[str, float]
    epochs: int
    best_epoch: int
    weights_sha256: str
    attempts: int
    duration_s: float
    fit_for_use: bool | None = None  # None where the trainer made no comparison
    fit_for_use_reason: str = ""
    trivial_comparison: TrivialComparison = TrivialComparison()


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    run_id: str
    code: str
    message: str
    dataset_id: str
    dataset_version: str
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancelled:
    run_id: str
    reason: str
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Paused:
    run_id: str
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    format: str
    uri: str
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    run_id: str
    model_id: str
    version: str
    dataset_id: str
    dataset_version: str
    category: str
    option: str
    architecture: str
    artifacts: tuple[Artifact, ...]
    package_uri: str
    package_sha256: str
    fit_for_use: bool | None = None
    fit_for_use_reason: str = ""
    trivial_comparison: TrivialComparison = TrivialComparison()


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportFailed:
    run_id: str
    format: str
    code: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Promoted:
    run_id: str
    model_id: str
    version: str
    alias: str
    promoted_at: float


# What is put on record of its run.
RunFact = (
    Started
    | Progressed
    | EpochDone
    | Sampled
    | Evaluated
    | Completed
    | Failed
    | Cancelled
    | Paused
    | Exported
    | ExportFailed
)
Fact = RunFact | Promoted
