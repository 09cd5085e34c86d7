"""`truscore export`: further formats of a finished run."""

import uuid
from typing import Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.commands.runs.control import RequestId, RunArgument
from services.cli.context import CliError, Code, CommandContext, context_of, print_json, requested_by

# What the monitor says of a run that has, or may have, left a checkpoint: exporting alone may have failed.
COMPLETED = ("EXPORTING", "EXPORTED", "FAILED")


def export(
    context: typer.Context,
    run_id: RunArgument,
    *,
    formats: Annotated[
        list[str],
        typer.Option("--format", "-f", help="Format to make; repeat it. `truscore catalog --formats` lists them."),
    ],
    request_id: RequestId = "",
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Order without the monitor; the exporter refuses what cannot be made.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make further formats of a finished run, without training again."""
    from services.cli.handlers.publish import order_export

    ctx, request_id = context_of(context), request_id or uuid.uuid4().hex
    wanted = tuple(dict.fromkeys(formats))
    run_id = run_id if unchecked else _exportable(ctx, run_id, wanted)
    event_id = order_export(
        ctx.need("amqp_url"), run_id, formats=wanted, requested_by=requested_by(), request_id=request_id
    )
    if as_json:
        print_json({"event_id": event_id, "run_id": run_id, "formats": wanted, "request_id": request_id})
    else:
        ctx.screen.print(
            f"ordered: {', '.join(wanted)} of {run_id}; `truscore show {run_id}` lists the files once they are made",
            highlight=False,
            soft_wrap=True,
        )


def _exportable(ctx: CommandContext, reference: str, formats: tuple[str, ...]) -> str:
    """The run's id. CliError where the monitor knows no such run, it is not finished, or a format cannot be made."""
    from truscore.catalog import why_not_exported

    from services.cli.handlers.runs import named_run

    view = named_run(ctx, reference, outcome="nothing was ordered")
    if view.state not in COMPLETED:
        raise CliError(
            Code.FAILED, f"{reference} is {view.state.lower()}: a format can be ordered of a run that has completed"
        )
    for name in formats:
        if reason := why_not_exported(view.category, view.option, view.architecture, name):
            raise CliError(Code.USAGE, f"--format {name}: cannot be made of {view.architecture} ({reason})")
    return view.run_id
