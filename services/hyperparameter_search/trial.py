"""A trial and its search as they stand. Pure: what Optuna's storage and the runs' events say, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from services.hyperparameter_search.spec import Objective, SearchOrder, Value

COMPLETED, PRUNED, FAILED, CANCELLED = "completed", "pruned", "failed", "cancelled"
RUNNING = "running"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a trial's run ended; `code` is of a failure that ends the whole search, else empty."""

    state: str
    values: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    message: str = ""
    code: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """`drawn`: it has a value of each parameter. `ordered`: its order is on the broker. `stop`: why its run is to end
    early, PRUNED or CANCELLED; `stop_sent`: the request is on the broker. `told`: its end was announced, and the
    sampler knows of it."""

    number: int
    parameters: Mapping[str, Value]
    drawn: bool = True
    ordered: bool = False
    run_id: str = ""
    stop: str = ""
    stop_sent: bool = False
    epochs: int = 0
    images_per_epoch: int = 0
    metrics: Mapping[str, float] | None = None  # of the best checkpoint, once the run has completed
    latency_ms: float | None = None
    outcome: Outcome | None = None
    told: bool = False

    @property
    def images(self) -> int:
        return self.epochs * self.images_per_epoch

    @property
    def state(self) -> str:
        return self.outcome.state if self.outcome else RUNNING


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """The export of the best trial's run: ordered, and answered format by format."""

    run_id: str
    formats: tuple[str, ...]
    made: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    model_id: str = ""
    model_version: str = ""
    package_uri: str = ""
    message: str = ""

    @property
    def answered(self) -> bool:
        return set(self.formats) <= {*self.made, *self.refused}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancel:
    """A request to end the search."""

    reason: str
    requested_by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """A search that was accepted. `begun_at` and times are seconds since the epoch."""

    order: SearchOrder
    begun_at: float
    trials: tuple[Trial, ...] = ()
    accepted_sent: bool = False
    cancel: Cancel | None = None
    export: Export | None = None
    ended: str = ""  # how: COMPLETED, FAILED or CANCELLED
    message: str = ""  # why it failed

    @property
    def images(self) -> int:
        return sum(trial.images for trial in self.trials)

    @property
    def state(self) -> str:
        return self.ended or ("exporting" if self.export else RUNNING)

    def count(self, state: str) -> int:
        return sum(trial.state == state for trial in self.trials)


def best_trials(trials: Iterable[Trial], objectives: Sequence[Objective]) -> tuple[Trial, ...]:
    """The best completed trial, the earlier of equals; of two objectives the Pareto front, ordered by the first.

    A trial is on the front where no other is at least as good in both objectives and better in one.
    """
    completed = [trial for trial in trials if trial.state == COMPLETED]
    first = objectives[0]
    ranked = sorted(completed, key=lambda trial: (_cost(trial, first), trial.number))
    if len(objectives) == 1:
        return tuple(ranked[:1])
    return tuple(one for one in ranked if not any(_dominates(other, one, objectives) for other in ranked))


def _dominates(one: Trial, other: Trial, objectives: Sequence[Objective]) -> bool:
    pairs = [(_cost(one, objective), _cost(other, objective)) for objective in objectives]
    return all(mine <= its for mine, its in pairs) and any(mine < its for mine, its in pairs)


def _cost(trial: Trial, objective: Objective) -> float:
    assert trial.outcome is not None
    value = trial.outcome.values[objective.metric]
    return -value if objective.direction == "maximize" else value
