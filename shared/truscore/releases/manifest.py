"""The manifest of a released model version, as far as whoever uses the model needs it.

The exporter writes more into it; keys that are not known here are left alone.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SCHEMA = "truscore.release/1"
MANIFEST, CARD, PACKAGE = "manifest.json", "model-card.md", "package.tar"
LIMIT_BYTES = 16 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
# A plain name: no folder, nothing hidden, nothing a shell or another system reads otherwise.
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}")


class InvalidManifest(ValueError):
    """Bytes that are no manifest of a release; the message says what is wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleasedFile:
    """A file of a release. `size_bytes` is None where the manifest does not give it."""

    format: str
    file_name: str
    sha256: str
    size_bytes: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A model version and its files; `package_sha256` is empty in the manifest inside the package itself."""

    model_id: str
    version: str
    run_id: str
    checkpoint_sha256: str
    artifacts: tuple[ReleasedFile, ...]
    card_sha256: str
    package_sha256: str
    signing_key_id: str
    ed25519_signature: str

    @property
    def files(self) -> tuple[ReleasedFile, ...]:
        """Every file with a digest: artefacts, then the model card and the package."""
        others = (("card", CARD, self.card_sha256), ("package", PACKAGE, self.package_sha256))
        return self.artifacts + tuple(
            ReleasedFile(format=format, file_name=name, sha256=sha256, size_bytes=None)
            for format, name, sha256 in others
            if sha256
        )

    @property
    def statement(self) -> bytes:
        """What the signature is over."""
        return release_statement(
            model_id=self.model_id,
            version=self.version,
            run_id=self.run_id,
            checkpoint_sha256=self.checkpoint_sha256,
            files={file.file_name: file.sha256 for file in self.files},
        )


def release_statement(
    *, model_id: str, version: str, run_id: str, checkpoint_sha256: str, files: Mapping[str, str]
) -> bytes:
    """The text that a release's Ed25519 signature is over, in UTF-8, each line ended by a line feed.

    Five lines say what it is; then the `files` sorted by name, each as sha256sum writes it: digest, two spaces, name.
    """
    head = (
        "truscore release 1",
        f"model_id {model_id}",
        f"version {version}",
        f"run_id {run_id}",
        f"checkpoint_sha256 {checkpoint_sha256}",
    )
    return "".join(f"{line}\n" for line in (*head, *(f"{files[name]}  {name}" for name in sorted(files)))).encode()


def manifest_to_json(document: Mapping[str, Any]) -> bytes:
    """The content of a manifest as it is stored; its schema is added."""
    content = {"schema": SCHEMA, **document}
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def manifest_from_json(data: bytes) -> dict[str, Any]:
    """The content of a manifest without its schema, otherwise unchecked. Raises InvalidManifest."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidManifest(f"the manifest is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        found = document.get("schema") if isinstance(document, dict) else type(document).__name__
        raise InvalidManifest(f"manifest schema {found!r}; accepted: {SCHEMA!r}")
    return {key: value for key, value in document.items() if key != "schema"}


def read_manifest(data: bytes) -> Manifest:
    """Raises InvalidManifest."""
    document = manifest_from_json(data)
    artifacts = document.get("artifacts")
    if not isinstance(artifacts, list) or not all(isinstance(item, dict) for item in artifacts):
        raise InvalidManifest("the manifest's 'artifacts' is no list of objects")
    manifest = Manifest(
        **{key: _text(document, key) for key in ("model_id", "version", "run_id", "checkpoint_sha256")},
        **{key: _digest(document, key, optional=True) for key in ("card_sha256", "package_sha256")},
        **{key: _text(document, key, optional=True) for key in ("signing_key_id", "ed25519_signature")},
        artifacts=tuple(_artifact(item) for item in artifacts),
    )
    names = [file.file_name for file in manifest.files]
    if repeated := sorted({name for name in names if names.count(name) > 1 or name == MANIFEST}):
        raise InvalidManifest(f"the manifest names {repeated[0]!r} twice")
    return manifest


def _artifact(item: Mapping[str, Any]) -> ReleasedFile:
    size_bytes = item.get("size_bytes")
    if not isinstance(size_bytes, int) or isinstance(size_bytes, bool) or size_bytes < 0:
        raise InvalidManifest(f"the manifest's 'size_bytes' is {size_bytes!r}; accepted: a whole number of bytes")
    file_name = _text(item, "file_name")
    if not _FILE_NAME.fullmatch(file_name):
        raise InvalidManifest(f"the manifest names the file {file_name!r}; accepted: a plain file name")
    return ReleasedFile(
        format=_text(item, "format"), file_name=file_name, sha256=_digest(item, "sha256"), size_bytes=size_bytes
    )


def _text(item: Mapping[str, Any], key: str, *, optional: bool = False) -> str:
    value = item.get(key, "" if optional else None)
    if not isinstance(value, str) or not (value or optional) or not value.isprintable():
        raise InvalidManifest(f"the manifest's {key!r} is {value!r}; accepted: text in one line")
    return value


def _digest(item: Mapping[str, Any], key: str, *, optional: bool = False) -> str:
    value = _text(item, key, optional=optional)
    if value and not _SHA256.fullmatch(value):
        raise InvalidManifest(f"the manifest's {key!r} is {value!r}; accepted: 64 lower-case hexadecimal digits")
    return value
