"""A release from the store into a folder: verified beside its place, then moved there."""

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from truscore.releases.manifest import LIMIT_BYTES, MANIFEST, Manifest, ReleasedFile, read_manifest
from truscore.releases.verification import NotVerified, check_signature, manifest_in
from truscore.storage import DigestMismatch, Store, TooLarge
from truscore.storage.signing import Verifier

# Formats of files that are no artefact.
PACKAGE_FORMAT = "package"
MOST_BYTES = 32 << 30  # of a file whose size the manifest does not give


class UnknownFormat(ValueError):
    """The release has no file of this format; the message names those it has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a release is kept: "s3://bucket/models/<model>/<version>".

    `announced` are SHA-256 by file name as the event of the export gave them: an account of its own beside the
    manifest; empty where nobody received the event.
    """

    uri: str
    model_id: str
    version: str
    announced: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """A release on this disk. `signed_by` is the id of the trusted key; empty where no key is trusted."""

    manifest: Manifest
    folder: Path
    files: tuple[ReleasedFile, ...]
    signed_by: str


# Called with the file's name, and bytes done and in all.
Progress = Callable[[str, int, int], None]


def released(store: Store, place: Place, *, verifier: Verifier) -> Manifest:
    """The release's manifest, its signature and announced digests checked. Raises StoreError, InvalidManifest,
    NotVerified."""
    manifest = read_manifest(store.get(f"{place.uri}/{MANIFEST}", limit_bytes=LIMIT_BYTES))
    if (manifest.model_id, manifest.version) != (place.model_id, place.version):
        raise NotVerified(
            f"{place.uri}/{MANIFEST} is of {manifest.model_id}@{manifest.version}, not of "
            f"{place.model_id}@{place.version}"
        )
    check_signature(manifest, verifier)
    known = {file.file_name: file.sha256 for file in manifest.files}
    for name, sha256 in place.announced.items():
        if known.get(name) != sha256:
            raise NotVerified(
                f"{place.uri}/{name}: announced with SHA-256 {sha256}, the manifest says {known.get(name, 'nothing')}"
            )
    return manifest


def fetch_release(
    store: Store,
    place: Place,
    folder: Path,
    *,
    verifier: Verifier,
    formats: Sequence[str] = (),
    progress: Progress | None = None,
) -> Fetched:
    """Files of these formats ("package" is package.tar), or all but the package, and the manifest, in `folder`.

    All are downloaded to a folder beside it and verified before any is moved; when anything fails, `folder` is as it
    was. Raises StoreError, InvalidManifest, NotVerified, UnknownFormat and OSError.
    """
    manifest = released(store, place, verifier=verifier)
    files = chosen(manifest, formats)
    _check_free(folder, manifest)
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.absolute().parent))
    try:
        for file in files:
            _download(store, place, file, staging, progress)
        # As it came, not as it was read: keys that are not known here stay.
        store.get_file(f"{place.uri}/{MANIFEST}", staging / MANIFEST, limit_bytes=LIMIT_BYTES)
        if manifest_in(staging) != manifest:
            raise NotVerified(f"{place.uri}/{MANIFEST} changed while it was fetched; fetch it again")
        _move(staging, folder, [file.file_name for file in files])
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Fetched(
        manifest=manifest,
        folder=folder,
        files=files,
        signed_by=manifest.signing_key_id if verifier.required else "",
    )


def chosen(manifest: Manifest, formats: Sequence[str]) -> tuple[ReleasedFile, ...]:
    """The release's files of these formats; without any, all but the package. Raises UnknownFormat."""
    there = {file.format for file in manifest.files}
    if unknown := [name for name in formats if name not in there]:
        raise UnknownFormat(
            f"{manifest.model_id}@{manifest.version} has no file of format {unknown[0]!r}; "
            f"accepted: {', '.join(sorted(there))}"
        )
    wanted = set(formats) or there - {PACKAGE_FORMAT}
    return tuple(file for file in manifest.files if file.format in wanted)


def _check_free(folder: Path, manifest: Manifest) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is there and no folder")
    before = manifest_in(folder)
    named = (manifest.model_id, manifest.version)
    if before is not None and (before.model_id, before.version) != named:
        raise FileExistsError(f"{folder} holds {before.model_id}@{before.version}; name another folder")


def _download(store: Store, place: Place, file: ReleasedFile, staging: Path, progress: Progress | None) -> None:
    uri = f"{place.uri}/{file.file_name}"
    limit_bytes = MOST_BYTES if file.size_bytes is None else file.size_bytes

    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(file.file_name, done, total)

    try:
        got = store.get_file(
            uri, staging / file.file_name, sha256=file.sha256, limit_bytes=limit_bytes, progress=report
        )
    except (DigestMismatch, TooLarge) as error:
        raise NotVerified(str(error)) from error
    if file.size_bytes is not None and got.size_bytes != file.size_bytes:
        raise NotVerified(f"{uri}: has {got.size_bytes} bytes, expected {file.size_bytes}")


def _move(staging: Path, folder: Path, names: Sequence[str]) -> None:
    """The whole folder at once where there is none yet; else file by file, the manifest last."""
    staging.chmod(0o755)
    if not folder.exists():
        staging.rename(folder)
        return
    for name in (*names, MANIFEST):
        (staging / name).replace(folder / name)
