"""What the ledger holds of a run and what is written to it, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

RUN_ID = "truscore.run_id"
ATTEMPT = "truscore.attempt"
ATTEMPT_STARTED = "truscore.attempt_started_at"
STATE = "truscore.state"
MESSAGE = "truscore.message"
MODEL = "truscore.model"
MODEL_VERSION = "truscore.model_version"
GIT_COMMIT = "mlflow.source.git.commit"
GIT_DIRTY = "mlflow.source.git.dirty"
ARTIFACT = "truscore.artifact."
EVALUATED = "truscore.evaluated"  # the attempt whose curves are on record
EVALUATION_FILE = "truscore/evaluation.json"
FIT_FOR_USE = "truscore.fit_for_use"
FIT_REASON = "truscore.fit_for_use_reason"


class Status(StrEnum):
    """MLflow's words for where a run stands."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """A run that is to be put on record."""

    run_id: str
    experiment_name: str
    started_at: float
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """One value of a metric; the step is the epoch, of "step/" and "system/" what their modules say."""

    name: str
    step: int
    value: float
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model to register; ``promoted``: whether its version takes the model's alias, which unfit ones never get."""

    name: str
    source: str
    run_id: str
    tags: Mapping[str, str]
    promoted: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion:
    """An alias of a model that goes to the version of a run; of two, the later one counts. ``at``: seconds of Unix
    time."""

    model: str
    version: str
    run_id: str
    alias: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetUse:
    """The dataset a run trains on, as MLflow shows it."""

    name: str
    digest: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What the ledger holds of a run, as far as it decides what is still to be written."""

    mlflow_run_id: str
    status: Status = Status.RUNNING
    tags: Mapping[str, str] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()
    logged: frozenset[tuple[str, int]] = frozenset()
    withdrawn: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Writes:
    """What is still to be written of a run."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    values: tuple[Value, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    status: Status | None = None
    ended_at: float = 0
    model: Model | None = None
    dataset: DatasetUse | None = None
    lineage: Mapping[str, str] | None = None
    files: Mapping[str, Mapping[str, object]] = field(default_factory=dict)  # JSON, by path

    def __bool__(self) -> bool:
        return bool(self.parameters or self.values or self.tags or self.status or self.model)


def absorbed(known: Known, writes: Writes) -> Known:
    """What the ledger holds once all of it is written."""
    return replace(
        known,
        status=writes.status or known.status,
        tags={**known.tags, **writes.tags},
        parameters=known.parameters | set(writes.parameters),
        logged=known.logged | {(value.name, value.step) for value in writes.values},
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A place in the event log: an offset, and the event that is there, to tell one log from another."""

    offset: int
    event_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """A run as it is on record."""

    run_id: str
    mlflow_run_id: str
    experiment_name: str
    status: Status
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    started_at: float
    ended_at: float | None

    @property
    def artifacts(self) -> dict[str, str]:
        """Address by name."""
        uris = {name.removeprefix(ARTIFACT): value for name, value in self.tags.items() if name.startswith(ARTIFACT)}
        return {name.removesuffix(".uri"): uri for name, uri in uris.items() if name.endswith(".uri")}


History = Mapping[str, tuple[tuple[int, float], ...]]
