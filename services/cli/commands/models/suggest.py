"""`truscore suggest`: a complete configuration for a dataset on this machine, with a reason per choice."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.parameters import AsJson, Category, ClassNames, Format, Option
from services.cli.context import CliError, Code, CommandContext, context_of, print_json
from services.cli.inputs.reading import index_of, refuse_without_targets

if TYPE_CHECKING:
    from truscore.recipes.suggestion import Hardware, Suggestion


def suggest(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder of the dataset.")],
    *,
    category: Category,
    option: Option,
    architecture: Annotated[str, typer.Option("--architecture", "-a", help="The data decides if not given.")] = "",
    format: Format = "",
    class_names: ClassNames = [],  # noqa: B006
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write the configuration there, for submit."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Suggest a configuration from the dataset's statistics and this machine's hardware."""
    from truscore.catalog.packaged_weights import installed_weights
    from truscore.datasets.statistics import statistics_of
    from truscore.recipes import InvalidConfig, resolve
    from truscore.recipes.suggest import suggest as suggested

    if output is not None and not output.absolute().parent.is_dir():
        raise CliError(Code.USAGE, f"--output {str(output)!r}: {str(output.absolute().parent)!r} is no folder")
    try:
        resolve(category, option, architecture)
        index = index_of(path, format=format, class_names=class_names)
        refuse_without_targets(index, path, category=category, option=option)
        facts = statistics_of(index)
        hardware = _hardware_here()
        weights = _published_weights(context_of(context))
        suggestion = suggested(
            category, option, facts, hardware,
            architecture=architecture, weights=weights, packaged=installed_weights(),
        )  # fmt: skip
    except InvalidConfig as refusal:
        raise CliError(Code.USAGE, str(refusal)) from refusal
    if output is not None:
        output.write_text(json.dumps(suggestion.config, indent=2) + "\n")
    if as_json:
        print_json(
            {
                "category": category,
                "option": option,
                "architecture": suggestion.architecture,
                "config": suggestion.config,
                "choices": [asdict(choice) for choice in suggestion.choices],
                "statistics": {**asdict(facts), "class_imbalance": facts.class_imbalance},
                "hardware": asdict(hardware),
            }
        )
    else:
        _show(context_of(context), suggestion, path, output)


def _hardware_here() -> "Hardware":
    """Cores this process may use, and memory that is free now."""
    import psutil
    from truscore.process.cores import usable_cores
    from truscore.recipes.suggestion import Gpu, Hardware
    from truscore.telemetry.gpus import Gpus

    return Hardware(
        cpu_cores=usable_cores(),
        free_bytes=psutil.virtual_memory().available,
        gpus=tuple(
            Gpu(name=gpu.name, free_bytes=gpu.memory_total_bytes - gpu.memory_used_bytes) for gpu in Gpus().read()
        ),
    )


def _published_weights(ctx: CommandContext) -> frozenset[str] | None:
    """Keys under pretrained/ in the store; None where no store is known or it doesn't answer."""
    from truscore.storage import StoreError, parse_uri

    if not ctx.addresses.s3_endpoint:
        return None
    try:
        found = ctx.store().list(f"s3://{ctx.addresses.bucket}/pretrained/")
        return frozenset(parse_uri(entry.uri).key for entry in found)
    except StoreError as error:
        ctx.side.print(f"the store doesn't say which weights it has: {error}", highlight=False, soft_wrap=True)
        return None


def _show(ctx: CommandContext, suggestion: "Suggestion", path: Path, output: Path | None) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("key", "value", "why"):
        table.add_column(name, overflow="fold")
    for choice in suggestion.choices:
        table.add_row(choice.key, json.dumps(choice.value), choice.reason)
    ctx.screen.print(table)
    config = str(output) if output is not None else "FILE (write it with --output FILE)"
    row = f"-c {suggestion.category} -o {suggestion.option} -a {suggestion.architecture}"
    ctx.side.print(f"order it with: truscore submit {path} {row} --config {config}", highlight=False, soft_wrap=True)
