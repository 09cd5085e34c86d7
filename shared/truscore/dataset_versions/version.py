"""A dataset's version: the name that a client gave to a content, and what was said of it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from truscore.files import sha256_of
from truscore.storage.folder_upload import files_of

SCHEMA = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetVersion:
    """A version as it was last answered. Once accepted, it names this content and no other."""

    dataset_id: str
    version: str
    digest: str  # of the files, see `content_digest`; hexadecimal
    accepted: bool
    image_count: int
    validated_at: datetime
    uri: str
    category: str = ""
    option: str = ""

    @property
    def verdict(self) -> str:
        return "accepted" if self.accepted else "rejected"


_VERSION = TypeAdapter(DatasetVersion)


def content_digest(sha256_by_path: Mapping[str, str]) -> str:
    """SHA-256 over paths and contents of a dataset's files, hexadecimal.

    It depends on nothing else: neither on where the files lie nor on how, and by which release, they are read.
    """
    rows = (f"{path}\0{sha256}\n" for path, sha256 in sorted(sha256_by_path.items()))
    return hashlib.sha256("".join(rows).encode()).hexdigest()


def folder_digest(folder: Path) -> str:
    """Digest of the content that an upload of the folder brings. Raises EmptyFolder."""
    return content_digest({path.relative_to(folder).as_posix(): sha256_of(path) for path in files_of(folder)})


def version_to_json(version: DatasetVersion) -> bytes:
    data = asdict(version) | {"schema": SCHEMA, "validated_at": version.validated_at.isoformat()}
    return json.dumps(data, sort_keys=True, ensure_ascii=False, indent=1).encode()


def version_from_json(text: bytes) -> DatasetVersion:
    """Raises ValueError where the text is no version, or one of another schema."""
    data: Any = json.loads(text)
    if not isinstance(data, dict) or data.pop("schema", None) != SCHEMA:
        raise ValueError(f"no record of a dataset's version of schema {SCHEMA}")
    return _VERSION.validate_python(data)
