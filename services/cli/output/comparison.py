"""Runs side by side: what differs, how far metrics spread over seeds, and whether a difference is more than chance.
Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, fsum

BEST, LOWER, UPPER = "best.", ".lower", ".upper"
_INTERVAL = "interval."
SEED = "seed"
FOUND_BATCH = "found_batch_size."


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentView:
    """A run on the tracker's record. ``curves`` has each metric's epochs and values, where they were asked for."""

    run_id: str
    name: str  # "category/option"
    status: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    curves: Mapping[str, tuple[tuple[int, float], ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricRow:
    """A metric of the best epoch in each run, None where a run has none, and where it lies by chance (95 %)."""

    name: str
    values: tuple[float | None, ...]
    intervals: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Runs of one configuration and dataset that differ in their seed alone; ``deviation`` is the sample's, None of a
    single run."""

    run_ids: tuple[str, ...]
    values: tuple[float, ...]
    mean: float
    deviation: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Between the means of two groups. ``p_value``: how often groups divided at random differ as much (exact,
    two-sided; Fisher 1935, "The Design of Experiments", section 21); ``least_p_value`` is the smallest that so few runs
    can give."""

    metric: str
    first: Group
    second: Group
    p_value: float
    least_p_value: float


def parameter_rows(runs: Sequence[ExperimentView], *, differing: bool) -> dict[str, tuple[str, ...]]:
    """Values of each parameter over the runs, empty where a run has none; with ``differing`` only those that differ."""
    names = sorted({name for run in runs for name in run.parameters})
    rows = {name: tuple(run.parameters.get(name, "") for run in runs) for name in names}
    return {name: values for name, values in rows.items() if not differing or len(set(values)) > 1}


def metric_rows(runs: Sequence[ExperimentView]) -> list[MetricRow]:
    """Metrics of each run's best epoch, which is the checkpoint that it handed over."""
    names = sorted({name.removeprefix(BEST) for run in runs for name in run.metrics if name.startswith(BEST)})
    return [
        MetricRow(
            name=name,
            values=tuple(run.metrics.get(BEST + name) for run in runs),
            intervals=tuple(_interval(run, name) for run in runs),
        )
        for name in names
    ]


def _interval(run: ExperimentView, name: str) -> tuple[float, float] | None:
    lower, upper = (run.metrics.get(f"{_INTERVAL}{name}{end}") for end in (LOWER, UPPER))
    return None if lower is None or upper is None else (lower, upper)


def groups_of(runs: Sequence[ExperimentView], row: MetricRow) -> list[Group]:
    """Runs of one configuration together, in the order of their first; those without the metric are left out."""
    found: dict[tuple[tuple[str, str], ...], list[tuple[str, float]]] = {}
    for run, value in zip(runs, row.values, strict=True):
        key = tuple(sorted((name, text) for name, text in run.parameters.items() if not _of_the_run(name)))
        if value is not None:
            found.setdefault(key, []).append((run.run_id, value))
    return [_group(members) for members in found.values()]


def _of_the_run(parameter: str) -> bool:
    """Whether repetitions differ in it: of a batch that was found, the bytes measured move with the seed."""
    return parameter == SEED or parameter.startswith(FOUND_BATCH)


def _group(members: Sequence[tuple[str, float]]) -> Group:
    values = tuple(value for _, value in members)
    mean = fsum(values) / len(values)
    deviation = (fsum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5 if len(values) > 1 else None
    return Group(run_ids=tuple(run_id for run_id, _ in members), values=values, mean=mean, deviation=deviation)


def differences(runs: Sequence[ExperimentView], row: MetricRow) -> list[Difference]:
    """Between each two groups of at least two runs."""
    repeated = [group for group in groups_of(runs, row) if len(group.values) > 1]
    return [
        Difference(
            metric=row.name,
            first=first,
            second=second,
            p_value=p_value(first.values, second.values),
            least_p_value=min(1.0, _twice(first, second) / _ways(first, second)),
        )
        for first, second in combinations(repeated, 2)
    ]


def _ways(first: Group, second: Group) -> int:
    # Of twenty runs, which are the most that are compared, 184,756.
    return comb(len(first.values) + len(second.values), len(first.values))


def _twice(first: Group, second: Group) -> int:
    # Of groups of one size the mirrored division differs as much.
    return 2 if len(first.values) == len(second.values) else 1


def p_value(first: Sequence[float], second: Sequence[float]) -> float:
    """The share of all ways to divide the values into two such groups whose means differ at least as much."""
    values = [*first, *second]
    total, size, rest = fsum(values), len(first), len(second)

    def apart(part: Sequence[float]) -> float:
        summed = fsum(part)
        return abs(summed / size - (total - summed) / rest)

    # A hair less: the same sum in another order differs in its last bits.
    least = apart(first) * (1 - 1e-9)
    ways = [apart(part) >= least for part in combinations(values, size)]
    return sum(ways) / len(ways)
