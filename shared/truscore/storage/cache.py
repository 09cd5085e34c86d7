"""A local cache of objects by content: bounded, least recently used out first, shared by any number of processes."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from truscore.files import sha256_of
from truscore.storage.object_file import object_file
from truscore.storage.store import FileSource

_SHA256_LENGTH = 64


# Evicting goes a little further than it must, and is not thought about again until a quarter of the room is used:
# listing the folder at every fetch would cost more than fetching.
_LOW_WATER = 0.9
_ROOM_SHARE = 0.25


class Cache:
    """Files named by their SHA-256 under `folder`, together at most `limit_bytes` (or the newest one alone).

    Up to four processes that fill it at once stay within the limit; more may pass it for a moment.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self._limit_bytes = limit_bytes
        self._unchecked_bytes = 0  # what may still be added before the folder is looked at again
        self._gate = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def fetch(self, store: FileSource, uri: str, sha256: str) -> Path:
        """A read-only local file with exactly these bytes. Later fetches may evict it: link or open it soon."""
        place = self._place(sha256)
        if not self._holds(place, sha256):
            # Finished under a name that nobody evicts: under its own, another thread may take it before the chmod.
            unfinished = place.with_name(f"{sha256}.{uuid.uuid4().hex}")
            try:
                stored = store.get_file(uri, unfinished, sha256=sha256)
                unfinished.chmod(0o444)
                unfinished.replace(place)
            finally:
                unfinished.unlink(missing_ok=True)
            self._make_room(place, stored.size_bytes)
        return place

    def fetch_to(self, store: FileSource, uri: str, sha256: str, path: Path) -> Path:
        """As fetch, and linked to `path`, where eviction does not reach it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            place = self.fetch(store, uri, sha256)
            path.unlink(missing_ok=True)
            # Another process may evict between fetch and link; then fetch again.
            with suppress(FileNotFoundError):
                return _link_or_copy(place, path, uri)

    def keep(self, path: Path, sha256: str) -> None:
        """Take in a file that is at hand and has this digest. It becomes read-only: it may be one with ours."""
        place = self._place(sha256)
        unfinished = place.with_name(f"{sha256}.{uuid.uuid4().hex}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            path.chmod(0o444)
            _link_or_copy(path, unfinished, str(path))
            unfinished.chmod(0o444)
            unfinished.replace(place)
        finally:
            unfinished.unlink(missing_ok=True)  # a link that replaces another of the same file stays behind
        self._make_room(place, path.stat().st_size)

    def size_of(self, sha256: str) -> int | None:
        """Bytes of the file of this name, None where there is none; nobody has looked at what they are."""
        try:
            return self._place(sha256).stat().st_size
        except OSError:
            return None

    def size_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(found_bytes for _, _, found_bytes in self._entries())

    def drop(self, size_bytes: int) -> int:
        """Remove the oldest files until these bytes are gone, or all; returns how many are."""
        gone_bytes = 0
        with self._gate, self._locked():
            for _, path, found_bytes in sorted(self._entries()):
                if gone_bytes >= size_bytes:
                    break
                path.unlink(missing_ok=True)
                gone_bytes += found_bytes
        return gone_bytes

    def _place(self, sha256: str) -> Path:
        if len(sha256) != _SHA256_LENGTH or not set(sha256) <= set("0123456789abcdef"):
            raise ValueError(f"{sha256!r} is not a SHA-256 in lower-case hexadecimal")
        return self.folder / sha256[:2] / sha256

    def _holds(self, place: Path, sha256: str) -> bool:
        try:
            if sha256_of(place) == sha256:
                os.utime(place)
                return True
            place.unlink(missing_ok=True)
        except FileNotFoundError:
            return False
        return False

    def _make_room(self, newest: Path, size_bytes: int) -> None:
        with self._gate:
            self._unchecked_bytes -= size_bytes
            if self._unchecked_bytes < 0:
                with self._locked():
                    total = self._evict(keep=newest)
                self._unchecked_bytes = int((self._limit_bytes - total) * _ROOM_SHARE)

    def _evict(self, *, keep: Path) -> int:
        """Remove the oldest files where there are too many; returns the bytes that stay."""
        entries = sorted(self._entries(), key=lambda entry: (entry[1] == keep, entry[0]))
        total = sum(size_bytes for _, _, size_bytes in entries)
        if total <= self._limit_bytes:
            return total
        for _, path, size_bytes in entries[:-1]:
            if total <= self._limit_bytes * _LOW_WATER:
                break
            path.unlink(missing_ok=True)
            total -= size_bytes
        return total

    def _entries(self) -> Iterator[tuple[int, Path, int]]:
        for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            if len(path.name) == _SHA256_LENGTH:
                with suppress(FileNotFoundError):
                    state = path.stat()
                    yield state.st_mtime_ns, path, state.st_size

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _link_or_copy(source: Path, path: Path, uri: str) -> Path:
    try:
        path.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, one without hard links, or as many links as a file may have
        with source.open("rb") as file, object_file(path, uri=uri) as copy:
            shutil.copyfileobj(file, copy)
    return path
