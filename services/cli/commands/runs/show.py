"""`truscore runs` and `show`: what the monitor knows."""

from dataclasses import asdict
from typing import Annotated

import typer

from services.cli.commands.parameters import AsJson, RunId
from services.cli.context import context_of, print_json


def runs(
    context: typer.Context,
    dataset_id: Annotated[str, typer.Option("--dataset", help="Only runs of this dataset.")] = "",
    state: Annotated[str, typer.Option(help='Only runs in this state, for example "training".')] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most runs to list.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    from services.cli.handlers.runs import Monitor

    ctx = context_of(context)
    monitor = Monitor(ctx.endpoint("monitor"))
    try:
        found = monitor.list(dataset_id=dataset_id, state=state, limit=limit)
    finally:
        monitor.close()
    if as_json:
        print_json([asdict(run) for run in found])
        return
    from services.cli.output.screen import table_of

    ctx.screen.print(table_of(found) if found else "no runs")


def show(context: typer.Context, reference: RunId, as_json: AsJson = False) -> None:
    """Show one run whole: epochs, curves, findings, artefacts."""
    from services.cli.handlers.runs import Monitor

    ctx = context_of(context)
    monitor = Monitor(ctx.endpoint("monitor"))
    try:
        run = monitor.get(reference)
    finally:
        monitor.close()
    if as_json:
        print_json(asdict(run))
        return
    from services.cli.output.screen import picture

    ctx.screen.print(picture(run, width=ctx.screen.width))
