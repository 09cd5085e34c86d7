"""A search as plain values, and as a table on a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

ENDED = ("completed", "failed", "cancelled")
COLOURS = {"completed": "green", "pruned": "yellow", "cancelled": "yellow", "failed": "red"}
DIGITS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialView:
    """One trial; parameters are flat, with dots."""

    number: int
    run_id: str
    state: str
    parameters: Mapping[str, Any]
    values: Mapping[str, float]
    epochs: int
    images: int
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchView:
    """One search; objectives and trials only where it was asked for by name."""

    search_id: str
    state: str
    dataset_id: str
    dataset_version: str
    category: str
    option: str
    objectives: Sequence[str]
    begun_at: datetime
    most_trials: int
    counts: Mapping[str, int]
    images: int
    best: Sequence[TrialView]
    trials: Sequence[TrialView]
    message: str
    package_uri: str

    @property
    def ended(self) -> bool:
        return self.state in ENDED


def line(search: SearchView) -> str:
    """One line, as plain as a log's."""
    counts = ", ".join(f"{count} {state}" for state, count in search.counts.items() if count)
    parts = [search.search_id, search.state, counts or "no trial yet"]
    if search.best:
        parts.append("best " + values_text(search.best[0]))
    return "  ".join([*parts, *([escape(search.message)] if search.message else [])])


def values_text(trial: TrialView) -> str:
    return ", ".join(f"{name} {value:.{DIGITS}g}" for name, value in trial.values.items())


def picture(search: SearchView) -> RenderableType:
    """The search with its trials; the best are marked."""
    best = {trial.number for trial in search.best}
    keys = list(dict.fromkeys(key for trial in search.trials for key in trial.parameters))
    table = Table(box=None, header_style="bold")
    for name in ("", "trial", "state", *search.objectives, *(key.rpartition(".")[2] for key in keys), "epochs", "run"):
        table.add_column(name)
    for trial in search.trials:
        colour = COLOURS.get(trial.state, "")
        table.add_row(
            "*" if trial.number in best else "",
            str(trial.number),
            f"[{colour}]{trial.state}[/{colour}]" if colour else trial.state,
            *(_number(trial.values.get(name)) for name in search.objectives),
            *(_number(trial.parameters.get(key)) for key in keys),
            str(trial.epochs),
            trial.run_id or escape(trial.message),
        )
    lines: list[RenderableType] = [
        line(search),
        f"{search.dataset_id}/{search.dataset_version}, {search.category} {search.option}",
        table,
    ]
    return Group(*lines, *([search.package_uri] if search.package_uri else []))


def table_of(searches: Sequence[SearchView]) -> Table:
    table = Table(box=None, header_style="bold")
    for name in ("search", "state", "dataset", "trials", "best"):
        table.add_column(name)
    for search in searches:
        trials = f"{sum(search.counts.values())}/{search.most_trials}"
        best = values_text(search.best[0]) if search.best else ""
        table.add_row(search.search_id, search.state, f"{search.dataset_id}/{search.dataset_version}", trials, best)
    return table


def _number(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else escape(str(value))
