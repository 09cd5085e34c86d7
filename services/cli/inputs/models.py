"""The model file that a command is given: a file, a folder of `truscore fetch`, a package, or a run that is fetched."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from services.cli.context import CliError, Code, CommandContext
from services.cli.inputs.releases import fetched_release, release_explained, verifier_of

if TYPE_CHECKING:
    from truscore.releases import Manifest
    from truscore.storage.signing import Verifier

FORMAT = "onnx"
SUFFIX = ".onnx"
ACCEPTED = "accepted: an ONNX file, a folder of `truscore fetch`, a package.tar, a run, or MODEL[@VERSION]"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFile:
    """`verified` says in words what was checked."""

    path: Path
    verified: str


@contextmanager
def model_file(ctx: CommandContext, given: str) -> Iterator[ModelFile]:
    """The ONNX file, verified by the manifest beside it; there until the end of the block. Raises CliError."""
    path, verifier = Path(given), verifier_of(ctx)
    with TemporaryDirectory(prefix="truscore-model-") as scratch:
        with release_explained():
            if path.is_dir():
                found = _in_folder(path, verifier)
            elif path.suffix == ".tar" and path.is_file():
                found = _in_package(path, Path(scratch), verifier)
            elif path.is_file():
                found = _alone(path, verifier)
            elif path.suffix in {".tar", SUFFIX}:
                raise CliError(Code.NOT_FOUND, f"{given!r} is not there; {ACCEPTED}")
            else:
                fetched = fetched_release(ctx, given, formats=[FORMAT], to=Path(scratch) / "model")
                found = _of_manifest(fetched.manifest, fetched.folder, verifier)
        yield found


def _in_folder(folder: Path, verifier: "Verifier") -> ModelFile:
    from truscore.releases import manifest_in

    manifest = manifest_in(folder)
    if manifest is not None:
        return _of_manifest(manifest, folder, verifier)
    files = sorted(folder.glob(f"*{SUFFIX}"))
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise CliError(Code.USAGE, f"{folder} has no manifest.json and not one ONNX file but {names}; {ACCEPTED}")
    return _alone(files[0], verifier)


def _in_package(package: Path, scratch: Path, verifier: "Verifier") -> ModelFile:
    from truscore.releases import unpack

    return _of_manifest(unpack(package, scratch), scratch, verifier)


def _alone(path: Path, verifier: "Verifier") -> ModelFile:
    """By the manifest in the file's folder, where that names it."""
    from truscore.releases import NotVerified, manifest_in

    manifest = manifest_in(path.parent)
    if manifest is not None and path.name in {file.file_name for file in manifest.artifacts}:
        return _of_manifest(manifest, path.parent, verifier, file_name=path.name)
    if verifier.required:
        raise NotVerified(f"{path} has no manifest.json beside it that names it, and keys are trusted")
    return ModelFile(path=path, verified=f"{path} was not verified: there is no manifest.json beside it that names it")


def _of_manifest(manifest: "Manifest", folder: Path, verifier: "Verifier", *, file_name: str = "") -> ModelFile:
    from truscore.releases import check_file, check_signature

    signed_by = check_signature(manifest, verifier)
    wanted = [file for file in manifest.artifacts if file.format == FORMAT and file_name in {"", file.file_name}]
    if not wanted:
        formats = ", ".join(sorted({file.format for file in manifest.artifacts})) or "none"
        raise CliError(Code.USAGE, f"{manifest.model_id}@{manifest.version} has no ONNX file; it has {formats}")
    path = folder / wanted[0].file_name
    if not path.is_file():
        raise CliError(Code.NOT_FOUND, f"{path} is not there; fetch it with `truscore fetch {manifest.run_id}`")
    check_file(path, wanted[0])
    signed = f"signed by {signed_by}" if signed_by else "no signature was required"
    return ModelFile(path=path, verified=f"{manifest.model_id}@{manifest.version}: size and digest verified, {signed}")
