"""Whether files are those of a release: by size, by SHA-256, and by the signature over all digests."""

from pathlib import Path

from truscore.files import sha256_of
from truscore.releases.manifest import LIMIT_BYTES, MANIFEST, Manifest, ReleasedFile, read_manifest
from truscore.storage.signing import BadSignature, Verifier


class NotVerified(ValueError):
    """A release or one of its files is not what was released; the message names it."""


class UnsignedRelease(NotVerified):
    """Keys are trusted, and none of them signed this release."""


def check_signature(manifest: Manifest, verifier: Verifier) -> str:
    """The id of the trusted key that signed the release; empty where no key is trusted. Raises UnsignedRelease."""
    try:
        verifier.check(manifest.statement, key_id=manifest.signing_key_id, signature=manifest.ed25519_signature)
    except BadSignature as error:
        raise UnsignedRelease(f"{manifest.model_id}@{manifest.version}: {error}") from error
    return manifest.signing_key_id if verifier.required else ""


def check_file(path: Path, file: ReleasedFile) -> None:
    """Raises NotVerified where the file at `path` has another size or SHA-256 than the release's."""
    size_bytes = path.stat().st_size
    if file.size_bytes is not None and size_bytes != file.size_bytes:
        raise NotVerified(f"{path} has {size_bytes} bytes, the release's {file.file_name} has {file.size_bytes}")
    found = sha256_of(path)
    if found != file.sha256:
        raise NotVerified(f"{path} has SHA-256 {found}, the release's {file.file_name} has {file.sha256}")


def manifest_in(folder: Path) -> Manifest | None:
    """The manifest of a release's folder; None where there is none. Raises InvalidManifest."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return read_manifest(file.read(LIMIT_BYTES))
