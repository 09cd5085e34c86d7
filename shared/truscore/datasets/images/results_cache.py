"""What images were found to be, by their content, for the next time. Knows files of ours; nothing of datasets.

A result is taken only where the bytes of the image, the code that looked and the bounds it looked within are the same.
Files that look unchanged on the disk are not read again for that, unless they have to be.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

from truscore.datasets.images.decode import UnreadableImage
from truscore.datasets.images.file_states import Files, FileStates, marks
from truscore.datasets.images.scanned_image import Scan
from truscore.datasets.index.records import ImageRecord
from truscore.datasets.limits import Limits

DEFAULT_LIMIT_BYTES = 512 * 2**20
_FLUSHED_EVERY = 512
_USED_EVERY_S = 3600.0  # when a result was last used is written no more exactly than this
_LOCK_TIMEOUT_S = 30.0
_PAGES = ("page_count", "freelist_count", "page_size")
_CODE_FOLDERS = ("datasets", "validation")
_FORGET = (
    "delete from results where key in (select key from results order by used limit "
    "(select max(1, count(*) / 4) from results))"
)
_FORGET_FILES = "delete from files where digest not in (select substr(key, 17) from results)"
_TABLE = "create table if not exists results (key text primary key, value text not null, used real not null)"
# What a file's bytes do not tell of it.
_OWN: dict[str, Any] = {"annotations": (), "scores": (), "labels": None, "light": None, "group": ""}


@cache
def checks_digest() -> str:
    """Names the code that looks at images, and the libraries it decodes with; hexadecimal."""
    digest = hashlib.sha256()
    home = Path(__file__).parents[2]
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
        files: Files = Files.TRUSTED,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        bounds = f"{limits.image_pixels} {limits.image_bytes}"
        self._about = hashlib.sha256("\0".join((checks_digest(), about, bounds)).encode()).hexdigest()[:16]
        self._plain, self._whole, self._limit_bytes = plain, whole, limit_bytes
        self._now_ns = now_ns
        self._turn = threading.Lock()
        self._new: dict[str, str] = {}
        self._used: set[str] = set()
        self._file = _opened(path)
        self._states = FileStates(self._file, files=files, now_ns=now_ns)
        self.found = self.missed = 0

    def __enter__(self) -> Results:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.flush()
        finally:
            self._file.close()

    def recall(self, digest: str, path: str) -> Scan | None:
        """What was found in these bytes before, as that of the image at `path`."""
        key = self._about + digest
        with self._turn:
            text = self._new.get(key) or self._values([key]).get(key)
            self.found, self.missed = self.found + bool(text), self.missed + (not text)
        return self._scan(digest, path, json.loads(text)) if text else None

    def unchanged(self, root: Path, paths: Sequence[str]) -> dict[str, Scan]:
        """What was found in those images that need not be read again, by path; at most some hundreds at once."""
        with self._turn:
            digests = self._states.unchanged(root, paths)
            values = self._values([self._about + digest for digest in digests.values()])
            found = {path: text for path, digest in digests.items() if (text := values.get(self._about + digest))}
            self.found += len(found)
        return {path: self._scan(digests[path], path, json.loads(text)) for path, text in found.items()}

    def before(self, root: Path, path: str) -> str:
        """The file's state before it is read, for `note_file`."""
        return self._states.before(root, path)

    def note_file(self, root: Path, path: str, *, state: str, digest: str) -> None:
        """Remember what was read from the file that was in this state."""
        with self._turn:
            self._states.note(root, path, state=state, digest=digest)

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
        now = self._now_ns() / 1e9
        with self._turn, self._file:
            self._file.executemany(
                "insert or replace into results values (?, ?, ?)", [(key, text, now) for key, text in self._new.items()]
            )
            self._file.executemany("update results set used = ? where key = ?", [(now, key) for key in self._used])
            self._states.flush()
            self._new, self._used = {}, set()
            while self._size_bytes() > self._limit_bytes and self._file.execute(_FORGET).rowcount:
                self._file.execute(_FORGET_FILES)

    def _values(self, keys: Sequence[str]) -> dict[str, str]:
        """Results by key; that they were used is noted."""
        query = f"select key, value, used from results where key in ({marks(keys)})"  # noqa: S608
        with closing(self._file.execute(query, keys)) as rows:
            found = rows.fetchall()
        before = self._now_ns() / 1e9 - _USED_EVERY_S
        self._used.update(key for key, _, used in found if used < before)
        return {key: text for key, text, _ in found}

    def _size_bytes(self) -> int:
        pages, free, size = (int(self._file.execute(f"pragma {name}").fetchone()[0]) for name in _PAGES)
        return (pages - free) * size

    def _scan(self, digest: str, path: str, row: dict[str, Any]) -> Scan:
        if row["fault"]:
            return Scan(path=path, fault=UnreadableImage(*row["fault"]), pictures=row["pictures"])
        record = ImageRecord(**{**row["record"], **_OWN, "path": path, "sha256": digest})
        return Scan(path=path, record=record, pictures=row["pictures"], looked=self._whole(row["looked"]))


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
