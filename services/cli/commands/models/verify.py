"""`truscore verify`: whether a package is, byte for byte, what was released."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.parameters import AsJson
from services.cli.context import CliError, Code, context_of, print_json
from services.cli.inputs.releases import release_explained, verifier_of

if TYPE_CHECKING:
    from truscore.releases.whole_package import VerifiedPackage
    from truscore.storage.signing import Verifier


def verify(
    context: typer.Context,
    package: Annotated[Path, typer.Argument(metavar="PACKAGE", help="A package.tar, as `truscore fetch` brings it.")],
    *,
    keys: Annotated[
        list[str],
        typer.Option(
            "--key",
            help="Public key that has to have signed it, or a file with one; repeat it. In place of "
            "TRUSCORE_MODEL_TRUSTED_KEYS.",
        ),
    ] = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Check a package offline: its archive, the SHA-256 of each file, the signature, and that its documents agree."""
    from truscore.releases.whole_package import verify_package

    ctx = context_of(context)
    verifier = _verifier(keys) if keys else verifier_of(ctx)
    if not package.is_file():
        raise CliError(Code.NOT_FOUND, f"{package} is not there; accepted: a package.tar")
    with release_explained():
        found = verify_package(package, verifier)
    if as_json:
        print_json(_document(package, found))
        return
    for member in found.members:
        ctx.screen.print(f"{member.sha256}  {member.name}", highlight=False, soft_wrap=True)
    manifest = found.manifest
    ctx.side.print(
        f"{manifest.model_id}@{manifest.version}: {len(found.members)} files are what was released; {_signed(found)}",
        highlight=False,
        soft_wrap=True,
    )


def _verifier(keys: list[str]) -> "Verifier":
    from truscore.storage.signing import InvalidKey, Verifier

    try:
        texts = [Path(key).read_text(encoding="ascii") if Path(key).is_file() else key for key in keys]
        return Verifier(texts, what="package")
    except (InvalidKey, OSError, ValueError) as error:
        raise CliError(Code.USAGE, f"--key: {error}") from error


def _signed(found: "VerifiedPackage") -> str:
    if not found.signed_by:
        return "nobody signed them"
    if found.trusted:
        return f"signed by {found.signed_by}, which is trusted"
    return f"signed by {found.signed_by}; no key is trusted: name one with --key or TRUSCORE_MODEL_TRUSTED_KEYS"


def _document(package: Path, found: "VerifiedPackage") -> dict[str, object]:
    return {
        "package": str(package),
        "model_id": found.manifest.model_id,
        "version": found.manifest.version,
        "signed_by": found.signed_by,
        "trusted": found.trusted,
        "files": {member.name: member.sha256 for member in found.members},
    }
