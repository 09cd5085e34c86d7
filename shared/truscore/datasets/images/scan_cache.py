"""Scanned images by the SHA-256 of their bytes. Knows files of ours; nothing of datasets.

An entry is used only where the bytes of the image, the code that measured and its bounds are the same. Files that look
unchanged on the disk are not read again for that, unless they have to be.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from functools import cache
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from truscore.datasets.images.decode import UnreadableImage
from truscore.datasets.images.file_states import FileReuse, FileStates, placeholders
from truscore.datasets.images.scanned_image import ScannedImage
from truscore.datasets.index.records import ImageRecord
from truscore.datasets.limits import Limits

DEFAULT_LIMIT_BYTES = 512 * 2**20
_FLUSHED_EVERY = 512
_LOOKED_UP = 500
_USED_EVERY_S = 3600.0  # when a result was last used is written no more exactly than this
_LOCK_TIMEOUT_S = 30.0
_PAGES = ("page_count", "freelist_count", "page_size")
_CODE_FOLDERS = ("datasets", "validation")
_EVICT = (
    "delete from results where key in (select key from results order by used limit "
    "(select max(1, count(*) / 4) from results))"
)
_EVICT_FILES = "delete from file_states where digest not in (select substr(key, 17) from results)"
_TABLE = "create table if not exists results (key text primary key, value text not null, used real not null)"
# What does not follow from a file's bytes.
_NOT_IN_FILE: dict[str, Any] = {"annotations": (), "scores": (), "labels": None, "light": None, "group": ""}


@cache
def checks_digest() -> str:
    """Digest of the code that measures images and of the libraries it decodes with; hexadecimal."""
    import numpy as np
    import PIL

    digest = hashlib.sha256()
    library = Path(__file__).parents[2]
    for path in sorted(path for folder in _CODE_FOLDERS for path in _modules(f"{library}/{folder}")):
        with open(path, "rb") as module:  # noqa: PTH123  path objects cost as much as reading
            digest.update(os.path.basename(path).encode() + b"\0" + module.read())  # noqa: PTH119
    digest.update(f"pillow {PIL.__version__} numpy {np.__version__}".encode())
    return digest.hexdigest()


def _modules(folder: str) -> Iterator[str]:
    for above, _, names in os.walk(folder):
        yield from (f"{above}/{name}" for name in names if name.endswith(".py"))


class ScanCache:
    """Scanned images in one SQLite file, the least recently used evicted first. Threads and processes may share it.

    `to_dict` and `from_dict` turn a measurement into JSON values and back; `measured_with` names all that it depends
    on beside the image. A file that is no longer a database is replaced.
    """

    def __init__(
        self,
        path: Path,
        *,
        measured_with: str,
        limits: Limits,
        to_dict: Callable[[Any], Any],
        from_dict: Callable[[Any], Any],
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        files: FileReuse = FileReuse.TRUSTED,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        bounds = f"{limits.image_pixels} {limits.image_bytes}"
        self.measured_with = self._key_prefix = hashlib.sha256(
            "\0".join((checks_digest(), measured_with, bounds)).encode()
        ).hexdigest()[:16]
        self._to_dict, self._from_dict, self._limit_bytes = to_dict, from_dict, limit_bytes
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._pending: dict[str, str] = {}
        self._used: set[str] = set()
        self._file = _open(path)
        self._file_states = FileStates(self._file, files=files, now_ns=now_ns)
        self.hits = self.misses = 0

    def __enter__(self) -> ScanCache:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.flush()
        finally:
            self._file.close()

    def get(self, digest: str, path: str) -> ScannedImage | None:
        """The cached scan of these bytes, as that of the image at `path`."""
        key = self._key_prefix + digest
        with self._lock:
            text = self._pending.get(key) or self._values([key]).get(key)
            self.hits, self.misses = self.hits + bool(text), self.misses + (not text)
        return self._scan(digest, path, json.loads(text)) if text else None

    def unchanged(self, root: Path, paths: Sequence[str]) -> dict[str, ScannedImage]:
        """Cached scans of those images that need not be read again, by path; at most some hundreds at once."""
        with self._lock:
            digests = self._file_states.unchanged(root, paths)
            values = self._values([self._key_prefix + digest for digest in digests.values()])
            known = {path: text for path, digest in digests.items() if (text := values.get(self._key_prefix + digest))}
            self.hits += len(known)
        rows = json.loads(f"[{','.join(known.values())}]")  # one call: each has its overhead
        return {path: self._scan(digests[path], path, row) for path, row in zip(known, rows, strict=True)}

    def state_before_read(self, root: Path, path: str) -> str:
        """The file's state before it is read, for `remember_file`."""
        return self._file_states.state_before_read(root, path)

    def remember_file(self, root: Path, path: str, *, state: str, digest: str) -> None:
        """Remember the digest of the file that was in this state."""
        with self._lock:
            self._file_states.remember(root, path, state=state, digest=digest)

    def put(self, digest: str, scan: ScannedImage) -> None:
        """Store a scan; it is on disk after `flush`."""
        fault, record = scan.fault, scan.record
        row = {
            "fault": [fault.code, fault.reason] if fault else None,
            "record": asdict(record) if record else None,
            "frames": scan.frames,
            "measurement": self._to_dict(scan.measurement) if record else None,
        }
        with self._lock:
            self._pending[self._key_prefix + digest] = json.dumps(row, separators=(",", ":"))
            full = len(self._pending) >= _FLUSHED_EVERY
        if full:
            self.flush()

    def rows(self) -> Iterator[tuple[str, str]]:
        """Digest and measures, as JSON, of all that was measured so."""
        end = len(self._key_prefix) + 1
        query = "select substr(key, ?), value from results where substr(key, 1, ?) = ? order by key"
        with self._lock:
            self._write_pending()
            yield from self._file.execute(query, (end, end - 1, self._key_prefix))

    def merge(self, rows: Iterable[tuple[str, str]], *, wanted: Collection[str]) -> int:
        """Keep rows of another cache that measured so. Raises ValueError where one is of no image that was wanted."""
        merged = 0
        for digest, text in rows:
            if digest not in wanted:
                raise ValueError(f"measures of {digest[:80]!r}, which were not asked for")
            self._checked(digest, text)
            with self._lock:
                self._pending[self._key_prefix + digest] = text
            merged += 1
        self.flush()
        return merged

    def lacking(self, digests: Iterable[str]) -> frozenset[str]:
        """Those of which nothing is kept."""
        found: set[str] = set()
        wanted = iter(digests)
        with self._lock:
            while some := list(islice(wanted, _LOOKED_UP)):
                known = self._values([self._key_prefix + digest for digest in some])
                found.update(digest for digest in some if self._key_prefix + digest not in known)
        return frozenset(found)

    def _checked(self, digest: str, text: str) -> None:
        try:
            self._scan(digest, "", json.loads(text))
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"measures of {digest} are none: {type(error).__name__}: {error}") from error

    def flush(self) -> None:
        """Write what is pending, and evict what is used least where the file grew beyond its bound."""
        with self._lock, self._file:
            self._write_pending()
            while self._size_bytes() > self._limit_bytes and self._file.execute(_EVICT).rowcount:
                self._file.execute(_EVICT_FILES)

    def _write_pending(self) -> None:
        now = self._now_ns() / 1e9
        self._file.executemany(
            "insert or replace into results values (?, ?, ?)",
            [(key, text, now) for key, text in self._pending.items()],
        )
        self._file.executemany("update results set used = ? where key = ?", [(now, key) for key in self._used])
        self._file_states.flush()
        self._pending, self._used = {}, set()

    def _values(self, keys: Sequence[str]) -> dict[str, str]:
        """Entries by key; that they were used is recorded."""
        query = f"select key, value, used from results where key in ({placeholders(keys)})"  # noqa: S608
        with closing(self._file.execute(query, keys)) as rows:
            entries = rows.fetchall()
        stale = self._now_ns() / 1e9 - _USED_EVERY_S
        self._used.update(key for key, _, used in entries if used < stale)
        return {key: text for key, text, _ in entries}

    def _size_bytes(self) -> int:
        pages, free, size = (int(self._file.execute(f"pragma {name}").fetchone()[0]) for name in _PAGES)
        return (pages - free) * size

    def _scan(self, digest: str, path: str, row: dict[str, Any]) -> ScannedImage:
        if row["fault"]:
            return ScannedImage(path=path, fault=UnreadableImage(*row["fault"]), frames=row["frames"])
        record = ImageRecord(**{**row["record"], **_NOT_IN_FILE, "path": path, "sha256": digest})
        return ScannedImage(
            path=path, record=record, frames=row["frames"], measurement=self._from_dict(row["measurement"])
        )


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _database(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        path.unlink()
        return _database(path)


def _database(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, timeout=_LOCK_TIMEOUT_S, check_same_thread=False)
    try:
        with suppress(sqlite3.OperationalError):  # another process has it open in another mode
            file.execute("pragma journal_mode = wal")
        file.execute("pragma synchronous = off")  # what is lost is measured again
        file.execute(_TABLE)
        file.commit()
    except BaseException:
        file.close()
        raise
    return file
