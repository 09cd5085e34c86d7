"""A cache of the digests of objects. Knows listed objects and digests; nothing of what is in them."""

import hashlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from services.dataset_validator.listing import ListedObject

log = logging.getLogger(__name__)

LIMIT_BYTES = 128 * 2**20
_BATCH = 500
_DIGEST_BYTES = 32
_LOCK_TIMEOUT_S = 30.0
_PAGES = ("page_count", "freelist_count", "page_size")
_TABLE = (
    "create table if not exists digests "
    "(object blob primary key, sha256 blob not null, used real not null) without rowid"
)
_EVICT = (
    "delete from digests where object in (select object from digests order by used limit "
    "(select max(1, count(*) / 4) from digests))"
)


class ObjectDigests:
    """SHA-256 of objects by address, size and ETag in one file, the least recently used forgotten first.

    Many threads and processes may share it. A file that is no longer a database is begun anew, and one that cannot be
    used is as if there were none. Objects without an ETag are not cached: nothing shows when they change.
    """

    def __init__(self, path: Path, *, limit_bytes: int = LIMIT_BYTES, now_s: Callable[[], float] = time.time) -> None:
        self._path, self._limit_bytes, self._now_s = path, limit_bytes, now_s

    def get(self, files: Sequence[ListedObject]) -> dict[str, str]:
        """SHA-256 in hexadecimal by address, of those objects that are known."""
        wanted = {_key(listed): listed.uri for listed in files if listed.etag}
        found: dict[str, str] = {}
        with self._errors_ignored(), closing(_database(self._path)) as file:
            for key, digest in _rows(file, list(wanted)):
                if isinstance(digest, bytes) and len(digest) == _DIGEST_BYTES:
                    found[wanted[key]] = digest.hex()
        return found

    def put(self, files: Iterable[ListedObject], digests: Mapping[str, str]) -> None:
        """Store these digests by address, in place of older ones of the same objects."""
        now_s = self._now_s()
        known = [listed for listed in files if listed.etag and listed.uri in digests]
        rows = [(_key(listed), bytes.fromhex(digests[listed.uri]), now_s) for listed in known]
        with self._errors_ignored(), closing(_database(self._path)) as file, file:
            file.executemany("insert or replace into digests values (?, ?, ?)", rows)
            while _size_bytes(file) > self._limit_bytes and file.execute(_EVICT).rowcount:
                pass

    @contextmanager
    def _errors_ignored(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            log.warning("%s: %s; what it holds is fetched again", self._path, error)
            if not isinstance(error, sqlite3.OperationalError):
                _remove(self._path)


def _key(listed: ListedObject) -> bytes:
    return hashlib.sha256(f"{listed.uri}\0{listed.size_bytes}\0{listed.etag}".encode()).digest()


def _rows(file: sqlite3.Connection, keys: Sequence[bytes]) -> Iterator[tuple[bytes, object]]:
    for start in range(0, len(keys), _BATCH):
        some = keys[start : start + _BATCH]
        marks = ", ".join("?" * len(some))
        yield from file.execute(f"select object, sha256 from digests where object in ({marks})", some)  # noqa: S608


def _size_bytes(file: sqlite3.Connection) -> int:
    pages, free, size = (int(file.execute(f"pragma {name}").fetchone()[0]) for name in _PAGES)
    return (pages - free) * size


def _database(path: Path) -> sqlite3.Connection:
    try:
        return _connected(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        _remove(path)
        return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, timeout=_LOCK_TIMEOUT_S)
    try:
        with suppress(sqlite3.OperationalError):  # another process has it open in another mode
            file.execute("pragma journal_mode = wal")
        file.execute("pragma synchronous = off")  # what is lost is fetched again
        file.execute(_TABLE)
        file.commit()
    except BaseException:
        file.close()
        raise
    return file


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
