"""`truscore submit`: a dataset into the store, an order onto the bus."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from truscore.ordering import version_at

from services.cli.commands.parameters import AsJson, Category, ClassNames, Format, Option
from services.cli.commands.runs.watch import Stop, follow
from services.cli.context import CliError, Code, CommandContext, context_of, print_json, requested_by, store_explained
from services.cli.inputs.order_builder import (
    dataset_name,
    merged,
    read_config,
    read_settings_typed,
    refuse,
    wanted,
)

if TYPE_CHECKING:
    from truscore.validation import DatasetOrder

S3 = "s3://"


def submit(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="PATH|s3://…", help="Folder to upload, or where the dataset lies.")],
    *,
    category: Category = "",
    option: Option = "",
    dataset_id: Annotated[str, typer.Option("--id", help="Name of the dataset; from the folder when not given.")] = "",
    version: Annotated[str, typer.Option(help="Version of the dataset; the time when not given.")] = "",
    format: Format = "",
    class_names: ClassNames = [],  # noqa: B006
    architecture: Annotated[str, typer.Option("--architecture", "-a", help="Default of the option if not given.")] = "",
    template: Annotated[str, typer.Option(help="Begin with this one of `truscore templates`.")] = "",
    config: Annotated[str, typer.Option(help="Overrides of the recipe: a JSON file, or JSON as such.")] = "",
    settings: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="One key of the configuration, over the file's.")
    ] = [],  # noqa: B006
    export: Annotated[
        list[str], typer.Option("--export", "-e", help="Artefact to make; repeat it. Default: onnx.")
    ] = [],  # noqa: B006
    validation_only: Annotated[bool, typer.Option("--validation-only", help="Stop after the verdict.")] = False,
    priority: Annotated[
        int,
        typer.Option(min=0, max=9, help="Above 0 it goes before others, and one of lower priority waits for it."),
    ] = 0,
    time_budget: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="End training after so long with the best so far; 0 for no bound."),
    ] = 0,
    request_id: Annotated[str, typer.Option(help="Tells apart orders that are otherwise equal.")] = "",
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Watch what becomes of it; end as `watch` does.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Upload a dataset (where a folder is given) and order its validation, training and export."""
    from truscore.validation import DatasetOrder

    ctx = context_of(context)
    typed = merged(read_config(config), read_settings_typed(settings))
    row = wanted(template, category=category, option=option, architecture=architecture, overrides=typed)
    named, numbered = dataset_id or dataset_name(source), version or version_at(datetime.now(UTC))
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
        request_id=request_id,
        validation_only=validation_only,
        class_names=class_names,
        priority=priority,
        time_budget_s=time_budget,
    )
    refuse(order)
    amqp_url = ctx.need("amqp_url")
    if not source.startswith(S3):
        refuse_other_content(ctx, order, Path(source))
        upload_dataset(ctx, Path(source), order.uri)
    from services.cli.handlers.publish import announce

    requested_at = datetime.now(UTC)
    event_id = announce(amqp_url, order, requested_by=requested_by())
    reference = f"{named}/{numbered}"
    if as_json:
        print_json({"event_id": event_id, "reference": reference, **asdict(order)})
    else:
        ctx.screen.print(f"ordered [bold]{reference}[/bold] at {order.uri}", highlight=False, soft_wrap=True)
    if watch:
        follow(ctx, reference, as_json=as_json, stop=Stop(since=requested_at), order_event_id=event_id)
    elif not as_json:
        ctx.side.print(f"watch it with: truscore watch {reference}", highlight=False)


def dataset_address(ctx: CommandContext, source: str, dataset_id: str, version: str) -> str:
    if source.startswith(S3):
        return source if source.endswith("/") else source + "/"
    if not Path(source).is_dir():
        raise CliError(Code.USAGE, f"{source!r} is no folder; accepted: a folder, or an address s3://bucket/prefix/")
    return f"s3://{ctx.addresses.bucket}/datasets/{dataset_id}/{version}/"


def refuse_other_content(ctx: CommandContext, order: "DatasetOrder", folder: Path) -> None:
    """CliError where the version was accepted with other content: an upload would write over it."""
    from truscore.dataset_versions import find_version, folder_digest
    from truscore.storage.folder_upload import EmptyFolder

    with store_explained():
        kept = find_version(ctx.store(), ctx.addresses.bucket, order.dataset_id, order.version)
    if kept is None or not kept.accepted:
        return
    try:
        found = folder_digest(folder)
    except EmptyFolder as error:
        raise CliError(Code.USAGE, str(error)) from error
    if found != kept.digest:
        raise CliError(
            Code.USAGE,
            f"--version {order.version}: it was accepted on {kept.validated_at:%Y-%m-%d} with content {kept.digest}, "
            f"and {str(folder)!r} holds {found}; accepted: the same content, or another version",
        )


def upload_dataset(ctx: CommandContext, folder: Path, uri: str) -> None:
    from truscore.storage.folder_upload import EmptyFolder, upload

    try:
        with store_explained(), _progress(ctx) as progress:
            upload(ctx.store(), folder, uri, progress=progress)
    except EmptyFolder as error:
        raise CliError(Code.USAGE, str(error)) from error


@contextmanager
def _progress(ctx: CommandContext) -> Iterator[Callable[[int, int], None]]:
    """A bar where a person sees it, silence where a machine reads."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("uploading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=ctx.side, transient=True) as bar:
        task = bar.add_task("upload")
        yield lambda done, total: bar.update(task, completed=done, total=total)
