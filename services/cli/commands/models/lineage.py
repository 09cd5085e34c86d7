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
) -> None:
    """Show what a model comes from, or what a dataset led to: dataset, run, checkpoint, model and its files, with their
    SHA-256, as the experiment tracker has them on record. With --json as OpenLineage run events."""
    from services.cli.handlers.experiments import traced
    from services.cli.output.lineage import openlineage, related

    ctx = context_of(context)
    found = related(traced(ctx.need("tracker")), reference)
    if not found:
        raise CliError(
            Code.NOT_FOUND,
            f"{reference!r} names no run, dataset, model, address or SHA-256 on the tracker's record: "
            "`truscore runs` lists runs",
        )
    if as_json:
        print_json(openlineage(found))
        return
    from services.cli.output.lineage_screen import trees

    for tree in trees(found):
        ctx.screen.print(tree)
