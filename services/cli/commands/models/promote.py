"""`truscore models`: versions on record, and which of them is champion or challenger."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, context_of, print_json, requested_by

if TYPE_CHECKING:
    from services.cli.output.lineage import Traced

INTERVAL_S = 0.2

commands = typer.Typer(no_args_is_help=True, help="Versions of models on record: list them, promote one.")


@commands.command("list")
def list_(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Only this model's; all when not given.")] = "",
    as_json: AsJson = False,
) -> None:
    """List versions of models, newest first, with their aliases and whether they are fit for use."""
    from services.cli.handlers.experiments import traced

    ctx = context_of(context)
    found = [run for run in traced(ctx.endpoint("tracker")) if run.model and model in ("", run.model.partition("/")[0])]
    rows = [
        {
            "model": run.model.partition("/")[0],
            "version": run.model.partition("/")[2],
            "aliases": list(run.aliases),
            "fit_for_use": run.fit_for_use,
            "dataset": run.dataset,
        }
        for run in found
    ]
    if as_json:
        print_json(rows)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("model", "version", "aliases", "fit for use", "dataset"):
        table.add_column(name, overflow="fold")
    for row in rows:
        cells = (row["model"], row["version"], ", ".join(row["aliases"]), row["fit_for_use"] or "?", row["dataset"])
        table.add_row(*(escape(str(cell)) for cell in cells))
    ctx.screen.print(table if rows else "no models on record")


@commands.command()
def promote(
    context: typer.Context,
    version: Annotated[str, typer.Argument(metavar="MODEL/VERSION", help="As `truscore models list` names it.")],
    *,
    alias: Annotated[str, typer.Option("--as", help='"champion" or "challenger".')] = "champion",
    force: Annotated[
        bool, typer.Option("--force", help="Although it is not known to be fit for use; the audit record says so.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why; it is kept.")] = "",
    timeout_s: Annotated[float, typer.Option("--timeout", min=0, help="Seconds to wait for the tracker.")] = 60,
    as_json: AsJson = False,
) -> None:
    """Give a version of a model an alias, and take it from the version that had it."""
    from truscore.releases.aliases import ALIASES

    from services.cli.handlers.experiments import aliases_of, traced
    from services.cli.handlers.publish import order_promotion

    ctx = context_of(context)
    tracker, amqp_url = ctx.endpoint("tracker"), ctx.need("amqp_url")
    if alias not in ALIASES:
        raise CliError(Code.USAGE, f"--as {alias!r}; accepted are {', '.join(ALIASES)}")
    run = next((run for run in traced(tracker) if run.model == version), None)
    if run is None:
        raise CliError(Code.NOT_FOUND, f"{version!r} is no version on the tracker's record; see `truscore models list`")
    _check_fitness(run, forced=force)
    model, _, name = version.partition("/")
    order_promotion(amqp_url, model, name, alias=alias, forced=force, reason=reason, requested_by=requested_by())
    give_up_at = time.monotonic() + timeout_s
    while alias not in aliases_of(tracker, run.run_id):
        if time.monotonic() > give_up_at:
            raise CliError(Code.TIMED_OUT, f"{version} is ordered to be {alias}; the tracker has not answered yet")
        time.sleep(INTERVAL_S)
    if as_json:
        print_json({"model": model, "version": name, "alias": alias, "forced": force})
    else:
        ctx.screen.print(f"{version} is the {alias}", highlight=False)


def _check_fitness(run: "Traced", *, forced: bool) -> None:
    if run.fit_for_use == "true" or forced:
        return
    known = "is not fit for use" if run.fit_for_use == "false" else "is not known to be fit for use"
    raise CliError(
        Code.REJECTED, f"{run.model} {known}: accepted is a version that is, or --force, which the audit record says"
    )
