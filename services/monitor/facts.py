"""What the monitor receives, as plain values. Field names are the contract's; times are seconds since 1970 (UTC)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedOrder:
    """One request to validate a dataset and train on it; the digest tells apart what is otherwise equal.

    `event_id` is given only where nothing but an answer to it was received.
    """

    dataset_id: str
    version: str
    request_id: str
    category: str
    option: str
    architecture: str
    validation_only: bool
    digest: str
    event_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Announced:
    order: ReceivedOrder
    order_event_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Validated:
    order: ReceivedOrder
    dataset_digest: str
    order_event_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attached:
    """An order has its run. `state` is the contract's OrderState without its prefix; no run id where it was refused."""

    order_event_id: str
    dataset_id: str
    version: str
    request_id: str
    run_id: str
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Validating:
    """How far a validation is."""

    dataset_id: str
    version: str
    request_id: str
    stage: str
    images_done: int
    images_total: int
    elapsed_s: float
    eta_s: float
    order_event_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    rule: str
    severity: str
    message: str
    location: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    dataset_id: str
    version: str
    request_id: str
    findings: tuple[Finding, ...]
    error_count: int
    order_event_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    run_id: str
    dataset_id: str
    dataset_version: str
    category: str
    option: str
    architecture: str
    attempt: int
    total_epochs: int
    steps_per_epoch: int
    host: str
    device: str
    started_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Progressed:
    run_id: str
    attempt: int
    step: int
    total_steps: int
    epoch: int
    loss: float
    learning_rate: float
    images_per_second: float
    eta_s: float
    eta_low_s: float = 0.0
    eta_high_s: float = 0.0
    loss_parts: Mapping[str, float] = field(default_factory=dict)
    gradient_norm: float = 0.0  # 0 where the trainer does not say


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochDone:
    run_id: str
    attempt: int
    epoch: int
    total_epochs: int
    train_loss: float
    val_loss: float
    learning_rate: float
    metrics: Mapping[str, float]
    duration_s: float
    images_per_second: float
    eta_s: float
    is_best: bool
    eta_low_s: float = 0.0
    eta_high_s: float = 0.0
    loading_s: float = 0.0
    validating_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    run_id: str
    dataset_id: str
    dataset_version: str
    category: str
    option: str
    architecture: str
    metrics: Mapping[str, float]
    epochs: int
    best_epoch: int
    attempts: int
    fit_for_use: bool | None = None
    fit_for_use_reason: str = ""
    comparison: bytes = b""  # with trivial predictors: the event's own bytes, passed on as they are


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluated:
    """Curves, confusion and figures by class: the event's own bytes, compressed by zlib."""

    run_id: str
    attempt: int
    content: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    run_id: str
    code: str
    message: str
    retryable: bool
    dataset_id: str
    dataset_version: str
    attempt: int
    epoch: int
    order_event_id: str = ""  # of an order that was refused, as is the request id
    request_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancelled:
    run_id: str
    reason: str
    step: int
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Paused:
    run_id: str
    step: int
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ResumeRequested:
    run_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """A model is out; `announcement` is the event's own bytes, passed on as they are."""

    run_id: str
    dataset_id: str
    dataset_version: str
    category: str
    option: str
    architecture: str
    model_id: str
    announcement: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportFailed:
    run_id: str
    format: str
    code: str
    message: str
    request_id: str = ""  # of an order of a further format


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuLoad:
    index: int
    name: str
    utilization_percent: float
    memory_used_bytes: int
    memory_total_bytes: int
    temperature_celsius: float
    power_watts: float
    energy_joules: float = 0
    memory_utilization_percent: float = 0
    sm_clock_mhz: int = 0
    memory_clock_mhz: int = 0
    throttle_reasons: tuple[str, ...] = ()
    pcie_receive_bytes_per_second: float = 0
    pcie_send_bytes_per_second: float = 0
    ecc_corrected_errors: int = 0
    ecc_uncorrected_errors: int = 0
    last_xid: int = 0
    sm_active_percent: float | None = None
    tensor_active_percent: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampled:
    service: str
    host: str
    sampled_at: float
    run_id: str
    cpu_percent: float
    memory_used_bytes: int
    memory_total_bytes: int
    process_memory_bytes: int
    disk_read_bytes_per_second: float
    disk_write_bytes_per_second: float
    network_receive_bytes_per_second: float
    network_send_bytes_per_second: float
    gpus: tuple[GpuLoad, ...]
    disk_free_bytes: int
    process_cpu_percent: float = 0
    process_disk_read_bytes_per_second: float = 0
    process_disk_write_bytes_per_second: float = 0
    cgroup_memory_bytes: int = 0
    cgroup_memory_limit_bytes: int = 0
    cgroup_cpu_throttled_percent: float = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Raised:
    alert_id: str
    rule: str
    severity: str
    subject: str
    message: str
    raised_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Cleared:
    alert_id: str
    rule: str
    subject: str
    cleared_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledged:
    alert_id: str
    rule: str
    subject: str
    acknowledged_by: str
    note: str
    acknowledged_at: float
    silenced_until: float = 0


AlertFact = Raised | Cleared | Acknowledged


@dataclass(frozen=True, kw_only=True, slots=True)
class UnknownEvent:
    """Something in the log that is no event of the contract, and so reaches nobody."""

    routing_key: str
    reason: str
    at: float


RunFact = (
    Started
    | Progressed
    | EpochDone
    | Evaluated
    | Completed
    | Failed
    | Cancelled
    | Paused
    | ResumeRequested
    | Exported
    | ExportFailed
)
Fact = Announced | Validating | Validated | Rejected | Attached | RunFact | Sampled | UnknownEvent | AlertFact
