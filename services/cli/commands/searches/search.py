"""`truscore search`: hyper-parameters tried in runs of their own."""

import time
import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from truscore.ordering import version_at

from services.cli.commands.parameters import AsJson, Category, ClassNames, Format, Option
from services.cli.commands.runs.control import Reason, RequestId
from services.cli.commands.runs.submit import S3, dataset_address, refuse_other_content, upload_dataset
from services.cli.context import CliError, Code, CommandContext, context_of, print_json, requested_by
from services.cli.inputs.order_builder import dataset_name, merged, read_config, read_settings_typed, refuse, wanted
from services.cli.inputs.search_space import read_space

if TYPE_CHECKING:
    from services.cli.output.searches import SearchView

LOOK_S = 2.0
ENDS = {"completed": Code.DONE, "failed": Code.FAILED, "cancelled": Code.CANCELLED}
SearchId = Annotated[str, typer.Argument(metavar="SEARCH", help="Name of the search.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show it until it has ended; end as it does.")]

commands = typer.Typer(no_args_is_help=True, help="Search hyper-parameters: order it, look at it, end it.")


@commands.command("order")
def order_(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="PATH|s3://…", help="Folder to upload, or where the dataset lies.")],
    *,
    space: Annotated[
        str, typer.Option(help="What is searched: a JSON file, or JSON as such, of the fields of SearchSpec.")
    ],
    name: Annotated[str, typer.Option(help="Name of the search; dataset and time when not given.")] = "",
    category: Category = "",
    option: Option = "",
    dataset_id: Annotated[str, typer.Option("--id", help="Name of the dataset; from the folder when not given.")] = "",
    version: Annotated[str, typer.Option(help="Version of the dataset; the time when not given.")] = "",
    format: Format = "",
    class_names: ClassNames = [],  # noqa: B006
    architecture: Annotated[str, typer.Option("--architecture", "-a", help="Default of the option if not given.")] = "",
    template: Annotated[str, typer.Option(help="Begin with this one of `truscore templates`.")] = "",
    config: Annotated[str, typer.Option(help="Overrides of the recipe in all trials: a JSON file, or JSON.")] = "",
    settings: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="One key of the configuration, over the file's.")
    ] = [],  # noqa: B006
    export: Annotated[
        list[str], typer.Option("--export", "-e", help="Artefact of the best trial; repeat it. Default: onnx.")
    ] = [],  # noqa: B006
    watch: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Upload a dataset (where a folder is given) and order a search for hyper-parameters on it."""
    from truscore.validation import DatasetOrder

    ctx, fields = context_of(context), read_space(space)
    typed = merged(read_config(config), read_settings_typed(settings))
    row = wanted(template, category=category, option=option, architecture=architecture, overrides=typed)
    now = version_at(datetime.now(UTC))
    named, numbered = dataset_id or dataset_name(source), version or now
    order = DatasetOrder(
        dataset_id=named,
        version=numbered,
        uri=dataset_address(ctx, source, named, numbered),
        format=format,
        category=row.category,
        option=row.option,
        architecture=row.architecture,
        overrides=row.overrides,
        export_formats=export,
        class_names=class_names,
    )
    refuse(order)
    amqp_url = ctx.need("amqp_url")
    if not source.startswith(S3):
        refuse_other_content(ctx, order, Path(source))
        upload_dataset(ctx, Path(source), order.uri)
    from services.cli.handlers.searches import order_search

    search_id = name or f"{named.replace('.', '-')[:40]}-{now}"
    refused = order_search(amqp_url, search_id, order, fields, requested_by=requested_by())
    if refused:
        raise CliError(Code.REJECTED, f"search {search_id} was refused: " + "; ".join(refused))
    answer = "accepted" if refused is not None else "ordered; no answer yet, is the hyper-parameter search running?"
    if as_json:
        print_json({"search_id": search_id, "accepted": refused is not None, "uri": order.uri})
    else:
        ctx.screen.print(f"{answer}: [bold]{search_id}[/bold]", highlight=False, soft_wrap=True)
    if watch:
        _follow(ctx, search_id, as_json=as_json)
    elif not as_json:
        ctx.side.print(f"look at it with: truscore search show {search_id}", highlight=False)


@commands.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most searches to list.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List searches, newest first."""
    from services.cli.handlers.searches import Searches
    from services.cli.output.searches import table_of

    ctx = context_of(context)
    with Searches(ctx.endpoint("search")) as searches:
        found = searches.list(limit=limit)
    if as_json:
        print_json([asdict(search) for search in found])
        return
    ctx.screen.print(table_of(found) if found else "no searches")


@commands.command()
def show(context: typer.Context, search_id: SearchId, watch: Watch = False, as_json: AsJson = False) -> None:
    """Show one search with its trials; the best are marked."""
    ctx = context_of(context)
    if watch:
        _follow(ctx, search_id, as_json=as_json)
    else:
        _show(ctx, _get(ctx, search_id), as_json=as_json)


@commands.command()
def cancel(
    context: typer.Context,
    search_id: SearchId,
    *,
    reason: Reason = "",
    request_id: RequestId = "",
    as_json: AsJson = False,
) -> None:
    """End a search and its runs."""
    from services.cli.handlers.publish import publish
    from services.cli.handlers.searches import cancel_request

    ctx, request_id = context_of(context), request_id or uuid.uuid4().hex
    search = _get(ctx, search_id)
    if search.ended:
        raise CliError(Code.FAILED, f"{search_id} is {search.state}: there is nothing left to cancel")
    request = cancel_request(search_id, reason=reason, requested_by=requested_by(), request_id=request_id)
    event_id = publish(ctx.need("amqp_url"), request, subject=search_id, sequence=request_id)
    if as_json:
        print_json({"event_id": event_id, "search_id": search_id, "asked": "cancel", "request_id": request_id})
    else:
        ctx.screen.print(f"requested: cancel {search_id}", highlight=False)


def _get(ctx: CommandContext, search_id: str) -> "SearchView":
    from services.cli.handlers.searches import Searches

    with Searches(ctx.endpoint("search")) as searches:
        return searches.get(search_id)


def _follow(ctx: CommandContext, search_id: str, *, as_json: bool) -> None:
    """A line at each change until it has ended; then the whole, and its exit code."""
    from services.cli.output.searches import line

    before = ""
    while not (search := _get(ctx, search_id)).ended:
        if (now := line(search)) != before:
            ctx.side.print(now, highlight=False, soft_wrap=True)
            before = now
        time.sleep(LOOK_S)
    _show(ctx, search, as_json=as_json)
    if code := ENDS[search.state]:
        raise CliError(code, f"search {search_id} is {search.state}: {search.message or 'no reason was given'}")


def _show(ctx: CommandContext, search: "SearchView", *, as_json: bool) -> None:
    from services.cli.output.searches import picture

    if as_json:
        print_json(asdict(search))
    else:
        ctx.screen.print(picture(search))
