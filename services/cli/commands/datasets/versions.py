"""`truscore versions`: which content each version of a dataset names."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, context_of, print_json, store_explained

if TYPE_CHECKING:
    from rich.table import Table
    from truscore.dataset_versions import DatasetVersion


def versions(
    context: typer.Context,
    dataset_id: Annotated[str, typer.Argument(metavar="DATASET", help="Name of the dataset.")],
    as_json: AsJson = False,
) -> None:
    """List the versions of a dataset that were validated, the oldest first, each with its content's digest."""
    from truscore.dataset_versions import list_versions

    ctx = context_of(context)
    with store_explained():
        found = list_versions(ctx.store(), ctx.addresses.bucket, dataset_id)
    if not found:
        where = f"s3://{ctx.addresses.bucket}/datasets/{dataset_id}/"
        raise CliError(Code.NOT_FOUND, f"no version of {dataset_id!r} was validated in {where}")
    if as_json:
        print_json([asdict(version) for version in found])
    else:
        ctx.screen.print(_table(found))


def _table(found: list["DatasetVersion"]) -> "Table":
    from rich.table import Table

    table = Table("version", "digest", "images", "when", "verdict", box=None)
    for version in found:
        when = f"{version.validated_at:%Y-%m-%d %H:%M}"
        table.add_row(version.version, version.digest, str(version.image_count), when, version.verdict)
    return table
