"""A store in memory: the same promises as the one on a server, for tests and for trying things out."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from truscore.storage.address import Address, parse_object_uri, parse_uri
from truscore.storage.errors import DigestMismatch, ObjectChanged, ObjectMissing, TooLarge
from truscore.storage.object_file import object_file
from truscore.storage.store import LIST_LIMIT, Entry, Progress, Stored


class MemoryStore:
    """Objects in a dictionary. Where `buckets` are given, others are missing; otherwise every bucket is there."""

    def __init__(self, *, buckets: Iterable[str] | None = None) -> None:
        self._buckets = None if buckets is None else frozenset(buckets)
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put(self, uri: str, data: bytes, *, content_type: str = "application/octet-stream") -> Stored:
        self._require_bucket(parse_object_uri(uri))
        with self._lock:
            self._objects[uri] = bytes(data)
        return Stored(uri=uri, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))

    def put_if(self, uri: str, data: bytes, *, etag: str, content_type: str = "application/octet-stream") -> Stored:
        self._require_bucket(parse_object_uri(uri))
        with self._lock:
            there = self._objects.get(uri)
            if (hashlib.sha256(there).hexdigest() if there is not None else "") != etag:
                raise ObjectChanged(uri, "is not what was to be replaced")
            self._objects[uri] = bytes(data)
        return Stored(uri=uri, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))

    def put_file_if(self, uri: str, path: Path, *, etag: str, content_type: str = "application/octet-stream") -> Stored:
        return self.put_if(uri, path.read_bytes(), etag=etag, content_type=content_type)

    def put_file(
        self,
        uri: str,
        path: Path,
        *,
        content_type: str = "application/octet-stream",
        progress: Progress | None = None,
    ) -> Stored:
        stored = self.put(uri, path.read_bytes(), content_type=content_type)
        if progress:
            progress(stored.size_bytes, stored.size_bytes)
        return stored

    def get(self, uri: str, *, limit_bytes: int, sha256: str | None = None) -> bytes:
        data = self._find(uri)
        if len(data) > limit_bytes:
            raise TooLarge(uri, f"has {len(data)} bytes, at most {limit_bytes} are accepted")
        found = hashlib.sha256(data).hexdigest()
        if sha256 is not None and found != sha256:
            raise DigestMismatch(uri, f"has SHA-256 {found}, expected {sha256}")
        return data

    def get_file(
        self,
        uri: str,
        path: Path,
        *,
        sha256: str | None = None,
        limit_bytes: int | None = None,
        progress: Progress | None = None,
    ) -> Stored:
        data = self.get(uri, limit_bytes=len(self._find(uri)) if limit_bytes is None else limit_bytes, sha256=sha256)
        with object_file(path, uri=uri) as file:
            file.write(data)
        if progress:
            progress(len(data), len(data))
        return Stored(uri=uri, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))

    def stat(self, uri: str) -> Entry | None:
        parse_object_uri(uri)
        data = self._objects.get(uri)
        return None if data is None else _entry(uri, data)

    def list(self, prefix_uri: str, *, limit: int = LIST_LIMIT) -> Iterator[Entry]:
        self._require_bucket(parse_uri(prefix_uri))
        with self._lock:
            found = sorted((uri, data) for uri, data in self._objects.items() if uri.startswith(prefix_uri))
        for number, (uri, data) in enumerate(found):
            if number == limit:
                raise TooLarge(prefix_uri, f"holds more than {limit} objects")
            yield _entry(uri, data)

    def delete(self, uri: str) -> None:
        parse_object_uri(uri)
        with self._lock:
            self._objects.pop(uri, None)

    def ready(self) -> None:
        """Always."""

    def _find(self, uri: str) -> bytes:
        self._require_bucket(parse_object_uri(uri))
        data = self._objects.get(uri)
        if data is None:
            raise ObjectMissing(uri, "there is no such object")
        return data

    def _require_bucket(self, address: Address) -> None:
        if self._buckets is not None and address.bucket not in self._buckets:
            raise ObjectMissing(address.uri, f"there is no bucket {address.bucket!r}")


def _entry(uri: str, data: bytes) -> Entry:
    digest = hashlib.sha256(data).hexdigest()
    return Entry(uri=uri, size_bytes=len(data), etag=digest, sha256=digest)
