"""`truscore lineage`: from a dataset to the models that came of it, and back."""

from typing import Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, context_of, print_json


def lineage(
    context: typer.Context,
    reference: Annotated[
        str,
        typer.Argument(
            metavar="REFERENCE",
            help="A run, DATASET or DATASET/VERSION, MODEL or MODEL/VERSION, an address or a SHA-256 on record.",
        ),
    ],
    as_json: AsJson = False,
    send_to: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="An OpenLineage server, for example Marquez, that the run events are sent to.",
        ),
    ] = "",
    token: Annotated[
        str,
        typer.Option(
            metavar="TOKEN",
            envvar="OPENLINEAGE_API_KEY",
            show_envvar=True,
            help="That server's token. Other users of this machine see what a command line says: set the variable.",
        ),
    ] = "",
) -> None:
    """Show what a model comes from, or what a dataset led to: dataset, run, checkpoint, model and its files, with their
    SHA-256, as the experiment tracker has them on record. With --json as OpenLineage run events."""
    from services.cli.handlers.experiments import traced
    from services.cli.output.lineage import openlineage, related

    ctx = context_of(context)
    found = related(traced(ctx.endpoint("tracker")), reference)
    if not found:
        raise CliError(
            Code.NOT_FOUND,
            f"{reference!r} names no run, dataset, model, address or SHA-256 on the tracker's record: "
            "`truscore runs` lists runs",
        )
    if send_to:
        from services.cli.handlers.openlineage import send

        send(openlineage(found), send_to, token=token)
        ctx.screen.print(f"sent {len(found)} run event{'s' if len(found) > 1 else ''} to {send_to}")
        return
    if as_json:
        print_json(openlineage(found))
        return
    from services.cli.output.lineage_screen import trees

    for tree in trees(found):
        ctx.screen.print(tree)
