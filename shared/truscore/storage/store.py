"""What every object store offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

# Called with (bytes done so far, bytes in all), from the calling thread or a worker's.
Progress = Callable[[int, int], None]

LIST_LIMIT = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectRef:
    """An object and what proves its content; both empty where there is none."""

    uri: str = ""
    sha256: str = ""  # hexadecimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored(ObjectRef):
    """An object whose bytes were verified: what was stored or fetched is what `sha256` names."""

    size_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What the store says of an object without reading it. `etag` changes when the content does."""

    uri: str
    size_bytes: int
    etag: str
    sha256: str = ""  # as recorded by its writer; empty in listings and where unknown


class FileSource(Protocol):
    """Where files are fetched from. Raises StoreError and its kinds."""

    def get_file(
        self,
        uri: str,
        path: Path,
        *,
        sha256: str | None = None,
        limit_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> Stored:
        """Fetch into a file that appears whole or not at all."""


class Store(FileSource, Protocol):
    """Objects by address. Synchronous: async callers use asyncio.to_thread. Raises StoreError and its kinds."""

    def put(self, uri: str, data: bytes, *, content_type: str = "application/octet-stream") -> Stored:
        """Store the bytes and prove that they arrived."""

    def put_file(
        self,
        uri: str,
        path: Path,
        *,
        content_type: str = "application/octet-stream",
        progress: Progress | None = None,
    ) -> Stored:
        """Store a file, in parts where it is large, and prove that it arrived."""

    def put_if(self, uri: str, data: bytes, *, etag: str, content_type: str = "application/octet-stream") -> Stored:
        """Store the bytes in place of the content with this ETag, "" for none; ObjectChanged where another is there.

        Of several at once that name one ETag, one succeeds. A write whose answer was lost may be told the same: who is
        refused looks what is there.
        """

    def put_file_if(self, uri: str, path: Path, *, etag: str, content_type: str = "application/octet-stream") -> Stored:
        """`put_if` of a file, in one request: S3 takes at most 5 GiB in one."""

    def get(self, uri: str, *, limit_bytes: int, sha256: str | None = None) -> bytes:
        """The object's bytes; TooLarge above the limit, DigestMismatch where they are others than promised."""

    def stat(self, uri: str) -> Entry | None:
        """What is there, or None."""

    def list(self, prefix_uri: str, *, limit: int = LIST_LIMIT) -> Iterator[Entry]:
        """Objects whose keys begin with the prefix, by key; TooLarge when there are more than `limit`."""

    def delete(self, uri: str) -> None:
        """Remove the object; nothing happens where there is none."""

    def ready(self) -> None:
        """Return when the store answers and accepts us; raises StoreUnavailable or AccessRefused."""
