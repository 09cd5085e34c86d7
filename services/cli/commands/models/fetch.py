"""`truscore fetch`: the files of an exported model, verified."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import context_of, print_json
from services.cli.inputs.releases import fetched_release

if TYPE_CHECKING:
    from truscore.releases import Fetched

UNCHECKED = "no signature was required: TRUSCORE_MODEL_TRUSTED_KEYS names no key"


def fetch(
    context: typer.Context,
    reference: Annotated[
        str,
        typer.Argument(metavar="RUN|MODEL", help="A run, an order, DATASET/VERSION, a model, or MODEL@VERSION."),
    ],
    *,
    formats: Annotated[
        list[str],
        typer.Option(
            "--format",
            "-f",
            help='Only files of this format; repeat it. "package" is package.tar, which holds all. Without it '
            "everything but the package.",
        ),
    ] = [],  # noqa: B006
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Folder to write; MODEL/VERSION when not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download an exported model. Size, SHA-256 and signature are verified before anything is in its place."""
    ctx = context_of(context)
    fetched = fetched_release(ctx, reference, formats=formats, to=to)
    if as_json:
        print_json(_document(fetched))
        return
    for file in fetched.files:
        path = fetched.folder / file.file_name
        ctx.screen.print(
            f"{path}  {path.stat().st_size:,} bytes  SHA-256 {file.sha256}", highlight=False, soft_wrap=True
        )
    signed = f"signed by {fetched.signed_by}" if fetched.signed_by else UNCHECKED
    ctx.side.print(f"sizes and digests are those of the release; {signed}", highlight=False, soft_wrap=True)


def _document(fetched: "Fetched") -> dict[str, object]:
    manifest = fetched.manifest
    return {
        "model_id": manifest.model_id,
        "version": manifest.version,
        "run_id": manifest.run_id,
        "folder": str(fetched.folder),
        "signed_by": fetched.signed_by,
        "files": [
            {
                "format": file.format,
                "path": str(fetched.folder / file.file_name),
                "sha256": file.sha256,
                "size_bytes": (fetched.folder / file.file_name).stat().st_size,
            }
            for file in fetched.files
        ],
    }
