"""A comparison of runs as tables for a terminal."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from truscore.catalog.purpose import score_of

from services.cli.output.comparison import Difference, ExperimentView, Group, MetricRow, groups_of

_RUN_CHARS = 16  # enough of a run id to tell runs apart


def tables(
    runs: Sequence[ExperimentView],
    parameters: Mapping[str, Sequence[str]],
    rows: Sequence[MetricRow],
    apart: Sequence[Difference],
    *,
    curves: Mapping[str, Sequence[str]],
) -> Iterator[RenderableType]:
    """From the top: what differs, what came of it, how sure that is."""
    names = [_short(run.run_id) for run in runs]
    table = Table("parameter", *names, box=None, header_style="bold")
    for name, values in parameters.items():
        table.add_row(name, *(escape(value) for value in values))
    yield table if parameters else "no parameter differs"
    table = Table(
        "metric", *names, box=None, header_style="bold", caption="95 % interval in brackets", caption_justify="left"
    )
    for row in rows:
        table.add_row(row.name, *_cells(row))
    yield table if rows else "no run has ended with metrics"
    for row in rows:
        for name, curve in zip(names, curves.get(row.name, ()), strict=False):
            yield f"{row.name}  {name}  {curve}"
        for group in groups_of(runs, row):
            if group.deviation is not None:
                yield f"{row.name}: {_spread(group)} over {len(group.values)} seeds ({_names(group)})"
    for difference in apart:
        yield _sentence(difference)


def _cells(row: MetricRow) -> Iterator[str]:
    scores = [score_of(row.name, value) for value in row.values if value is not None]
    for value, interval in zip(row.values, row.intervals, strict=True):
        if value is None:
            yield ""
            continue
        text = f"{value:.4g}" + ("" if interval is None else f" \\[{interval[0]:.4g}, {interval[1]:.4g}]")
        yield f"[bold]{text}[/bold]" if score_of(row.name, value) == max(scores) else text


def _sentence(difference: Difference) -> str:
    first, second = difference.first, difference.second
    by = abs(first.mean - second.mean)
    text = f"{difference.metric}: {_names(first)} and {_names(second)} differ by {by:.4g}, p = {difference.p_value:.2g}"
    if difference.p_value <= 0.05:
        return f"{text}: more than chance"
    if difference.least_p_value > 0.05:
        return f"{text}: so few seeds can't tell (at best p = {difference.least_p_value:.2g})"
    return f"{text}: no more than chance"


def _spread(group: Group) -> str:
    return f"{group.mean:.4g} ± {group.deviation:.2g}"


def _names(group: Group) -> str:
    return ", ".join(_short(run_id) for run_id in group.run_ids)


def _short(run_id: str) -> str:
    return run_id[:_RUN_CHARS]
