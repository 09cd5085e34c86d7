"""`truscore compare`: runs side by side, as the experiment tracker has them on record."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, CommandContext, context_of, print_json

if TYPE_CHECKING:
    from services.cli.output.comparison import ExperimentView, MetricRow

CURVE_WIDTH = 60


def compare(
    context: typer.Context,
    references: Annotated[list[str], typer.Argument(metavar="RUN...", help="Two to twenty runs, or DATASET/VERSION.")],
    metrics: Annotated[
        list[str], typer.Option("--metric", help="Only this metric, with its curve over the epochs; repeat it.")
    ] = [],  # noqa: B006  typer takes a list
    all_parameters: Annotated[bool, typer.Option("--all", help="Parameters that are equal as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show runs side by side: parameters that differ, metrics of the best epoch with their 95 % intervals and, of runs
    that differ in their seed alone, mean, deviation and whether two configurations differ by more than chance."""
    from services.cli.handlers.experiments import compared
    from services.cli.output.comparison import differences, groups_of, metric_rows, parameter_rows

    ctx = context_of(context)
    run_ids = [_run_id(ctx, reference) for reference in references]
    runs = compared(ctx.endpoint("tracker"), run_ids, curves=bool(metrics) or as_json)
    rows = [row for row in metric_rows(runs) if not metrics or row.name in metrics]
    if missing := sorted(set(metrics) - {row.name for row in rows}):
        known = ", ".join(row.name for row in metric_rows(runs)) or "none"
        raise CliError(Code.USAGE, f"--metric {missing[0]!r} is on record of none of these runs; accepted: {known}")
    parameters = parameter_rows(runs, differing=not all_parameters)
    apart = [difference for row in rows for difference in differences(runs, row)]
    if as_json:
        groups = {row.name: [asdict(group) for group in groups_of(runs, row)] for row in rows}
        print_json(
            {
                "runs": [asdict(run) for run in runs],
                "parameters": parameters,
                "metrics": [asdict(row) for row in rows],
                "groups": groups,
                "differences": [asdict(difference) for difference in apart],
            }
        )
        return
    from services.cli.output.comparison_screen import tables

    for part in tables(runs, parameters, rows, apart, curves=_curves(runs, rows) if metrics else {}):
        ctx.screen.print(part)


def _run_id(ctx: CommandContext, reference: str) -> str:
    """The tracker knows run ids; whatever else names a run is asked of the monitor."""
    from truscore.configuration.run_id import is_run_id

    from services.cli.handlers.runs import Monitor

    if is_run_id(reference):
        return reference
    monitor = Monitor(ctx.endpoint("monitor"))
    try:
        return monitor.get(reference).run_id
    finally:
        monitor.close()


def _curves(runs: "Sequence[ExperimentView]", rows: "Sequence[MetricRow]") -> dict[str, list[str]]:
    from services.cli.output.curves import sparkline

    return {
        row.name: [sparkline([value for _, value in run.curves.get(row.name, ())], width=CURVE_WIDTH) for run in runs]
        for row in rows
    }
