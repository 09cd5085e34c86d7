"""Runs as they are shown. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.cli.context import Code

ENDS: Mapping[str, Code] = {
    "EXPORTED": Code.DONE,
    "VALIDATED": Code.DONE,
    "FAILED": Code.FAILED,
    "REJECTED": Code.REJECTED,
    "CANCELLED": Code.CANCELLED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """One epoch; `val_loss` is None where it was not validated."""

    epoch: int
    train_loss: float | None
    val_loss: float | None
    learning_rate: float
    metrics: Mapping[str, float]
    duration_s: float
    is_best: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """A file of the exported model."""

    format: str
    uri: str
    sha256: str
    size_bytes: int
    parity_passed: bool
    latency_ms_p50: float
    eager_latency_ms_p50: float


@dataclass(frozen=True, kw_only=True, slots=True)
class FindingView:
    """One thing that was found in a dataset that was rejected."""

    rule: str
    severity: str
    message: str
    location: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitness:
    """The model beside trivial predictors: metrics by predictor, and where its own lie by chance, lower and upper."""

    fit_for_use: bool
    reason: str
    purpose_metrics: tuple[str, ...]
    trivial_metrics: Mapping[str, Mapping[str, float]]
    intervals: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunView:
    """A run, or the order it will come of. `state` is a RunState without its prefix; `primary_metric` is what the best
    epoch is chosen by, empty where the architecture is not known here.

    Not the tracker's facts: each of those is what one event says, this is the state that the monitor's API answers.
    """

    run_id: str
    attached_run_id: str  # of an order that waits: the run that it will be; empty where nobody said so
    state: str
    dataset_id: str
    dataset_version: str
    category: str
    option: str
    architecture: str
    attempt: int
    epoch: int
    total_epochs: int
    step: int
    total_steps: int
    images_per_second: float
    eta_s: float
    started_at: datetime | None
    updated_at: datetime | None
    best_epoch: int
    primary_metric: str
    best_metrics: Mapping[str, float]
    message: str
    host: str
    device: str
    cpu_percent: float | None
    gpu_percent: float | None
    memory_used_bytes: int
    losses: tuple[float, ...]
    epochs: tuple[Epoch, ...]
    findings: tuple[FindingView, ...]
    alerts: tuple[str, ...]
    model_id: str
    package_uri: str
    artifacts: tuple[Artifact, ...]
    eta_low_s: float = 0.0  # with eta_high_s, of four runs in five; 0 where not known
    eta_high_s: float = 0.0
    fitness: Fitness | None = None  # None before the training is over, and where the trainer said nothing of it

    @property
    def end(self) -> Code | None:
        """How a command that waited for this run ends; None while it goes on."""
        return ENDS.get(self.state)

    @property
    def known(self) -> bool:
        return self.state != "UNSPECIFIED"


def finite(value: float) -> float | None:
    """None for what JSON cannot say."""
    return value if math.isfinite(value) else None


def duration_text(seconds: float) -> str:
    """ "1 h 02 min", "3 min 20 s" or "45 s"."""
    whole = max(0, round(seconds))
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"
