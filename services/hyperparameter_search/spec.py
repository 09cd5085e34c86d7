"""What is searched, as plain values with every default filled in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LATENCY = "latency_ms"
MAXIMIZE, MINIMIZE = "maximize", "minimize"
SAMPLERS = ("tpe", "cma_es", "random")
PRUNERS = ("none", "successive_halving", "hyperband")
DEFAULT_TRIALS = 20
# Of Optuna's SuccessiveHalvingPruner and HyperbandPruner, where an order states none.
REDUCTION_FACTORS: Mapping[str, int] = {"none": 0, "successive_halving": 4, "hyperband": 3}

Value = float | int | str | bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FloatRange:
    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class IntRange:
    low: int
    high: int
    log: bool = False
    step: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    values: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unclear:
    """An order that states no domain, or several."""

    fault: str


Domain = FloatRange | IntRange | Choices | Unclear


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """A key of the configuration, with dots, and what it is searched among."""

    key: str
    domain: Domain


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """`metric` of a run's best checkpoint, or LATENCY."""

    metric: str
    direction: str  # MAXIMIZE or MINIMIZE

    def better(self, one: float, other: float) -> bool:
        return one > other if self.direction == MAXIMIZE else one < other


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruning:
    pruner: str = "none"
    min_epochs: int = 1
    reduction_factor: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """0: no bound of seconds or images."""

    trials: int = DEFAULT_TRIALS
    parallel_trials: int = 1
    duration_s: float = 0
    images: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    parameters: tuple[Parameter, ...]
    objectives: tuple[Objective, ...]
    sampler: str = "tpe"
    pruning: Pruning = Pruning()
    bounds: Bounds = Bounds()
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchOrder:
    """A search as it was ordered. `wire` is the message, to be stored and read again."""

    search_id: str
    dataset_id: str
    version: str
    category: str
    option: str
    architecture: str
    overrides: Mapping[str, Any]
    export_formats: tuple[str, ...]
    spec: Spec
    wire: bytes
    event_id: str

    @property
    def measures_latency(self) -> bool:
        return any(objective.metric == LATENCY for objective in self.spec.objectives)


def nested(values: Mapping[str, Value]) -> dict[str, Any]:
    """Keys with dots as the tree that the configuration JSON has."""
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *sections, leaf = key.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[leaf] = value
    return tree


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both trees in one; where both have a value, that of `above`."""
    both = dict(below)
    for key, value in above.items():
        before = both.get(key)
        both[key] = overlaid(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return both
