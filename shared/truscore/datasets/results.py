"""What images were found to be, by their content, for the next time. Knows files of ours; nothing of datasets.

A result is taken only where the bytes of the image, the code that looked and the bounds it looked within are the same.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

from truscore.datasets.index import ImageRecord
from truscore.datasets.pixels import UnreadableImage
from truscore.datasets.reading import Limits
from truscore.datasets.scan import Scan

DEFAULT_LIMIT_BYTES = 512 * 2**20
_FLUSHED_EVERY = 512
_LOCK_TIMEOUT_S = 30.0
_PAGES = ("page_count", "freelist_count", "page_size")
_CODE_FOLDERS = ("datasets", "validation")
_FORGET = (
    "delete from results where key in (select key from results order by used limit "
    "(select max(1, count(*) / 4) from results))"
)
_TABLE = "create table if not exists results (key text primary key, value text not null, used real not null)"


@cache
def checks_digest() -> str:
    """Names the code that looks at images, and the libraries it decodes with; hexadecimal."""
    digest = hashlib.sha256()
    home = Path(__file__).parents[1]
    for path in sorted(path for folder in _CODE_FOLDERS for path in (home / folder).rglob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    digest.update(f"pillow {version('pillow')} numpy {version('numpy')}".encode())
    return digest.hexdigest()


class Results:
    """Results of looks in one file, the least recently used forgotten first. Many threads and processes may share it.

    `plain` and `whole` turn what was measured into JSON values and back; `about` is all that the measuring depends on
    beside the image. A file that is no longer a database is begun anew.
    """

    def __init__(
        self,
        path: Path,
        *,
        about: str,
        limits: Limits,
        plain: Callable[[Any], Any],
        whole: Callable[[Any], Any],
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
    ) -> None:
        bounds = f"{limits.image_pixels} {limits.image_bytes}"
        self._about = hashlib.sha256("\0".join((checks_digest(), about, bounds)).encode()).hexdigest()[:16]
        self._plain, self._whole, self._limit_bytes = plain, whole, limit_bytes
        self._turn = threading.Lock()
        self._new: dict[str, str] = {}
        self._used: set[str] = set()
        self._file = _opened(path)
        self.found = self.missed = 0

    def __enter__(self) -> Results:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.flush()
        finally:
            self._file.close()

    def recall(self, digest: str) -> Scan | None:
        """What was found in these bytes before."""
        key = self._about + digest
        with self._turn:
            text = self._new.get(key) or self._read(key)
            self.found, self.missed = self.found + bool(text), self.missed + (not text)
            if text:
                self._used.add(key)
        return self._scan(digest, json.loads(text)) if text else None

    def keep(self, digest: str, scan: Scan) -> None:
        """Remember what was found; it is on disk after `flush`."""
        fault, record = scan.fault, scan.record
        row = {
            "fault": [fault.code, fault.reason] if fault else None,
            "record": asdict(record) if record else None,
            "pictures": scan.pictures,
            "looked": self._plain(scan.looked) if record else None,
        }
        with self._turn:
            self._new[self._about + digest] = json.dumps(row, separators=(",", ":"))
            full = len(self._new) >= _FLUSHED_EVERY
        if full:
            self.flush()

    def flush(self) -> None:
        """Write what is new, and forget what is used least where the file grew beyond its bound."""
        now = time.time()
        with self._turn, self._file:
            self._file.executemany(
                "insert or replace into results values (?, ?, ?)", [(key, text, now) for key, text in self._new.items()]
            )
            self._file.executemany("update results set used = ? where key = ?", [(now, key) for key in self._used])
            self._new, self._used = {}, set()
            while self._size_bytes() > self._limit_bytes and self._file.execute(_FORGET).rowcount:
                continue

    def _read(self, key: str) -> str:
        with closing(self._file.execute("select value from results where key = ?", (key,))) as rows:
            row = rows.fetchone()
        return str(row[0]) if row else ""

    def _size_bytes(self) -> int:
        pages, free, size = (int(self._file.execute(f"pragma {name}").fetchone()[0]) for name in _PAGES)
        return (pages - free) * size

    def _scan(self, digest: str, row: dict[str, Any]) -> Scan:
        if row["fault"]:
            return Scan(path="", fault=UnreadableImage(*row["fault"]), pictures=row["pictures"])
        plain = {**row["record"], "sha256": digest, "annotations": (), "scores": (), "labels": None}
        return Scan(path="", record=ImageRecord(**plain), pictures=row["pictures"], looked=self._whole(row["looked"]))


def _opened(path: Path) -> sqlite3.Connection:
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
