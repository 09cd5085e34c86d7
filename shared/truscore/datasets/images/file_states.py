"""Which files are what they were when they were last read, as far as the file system tells. Knows no image.

As in git's index, size, times and inode are trusted, but not times so young that another change need not show in them
("racy git", Git's Documentation/technical/racy-git).
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path

# The coarsest tick that file systems count times in (FAT): a change within the tick of the last one would not show.
SETTLED_NS = 2 * 10**9
_TABLE = (
    "create table if not exists files "
    "(home text, path text, state text not null, digest text not null, primary key (home, path)) without rowid"
)


class Files(Enum):
    """What is made of files that were read before."""

    TRUSTED = "trusted"  # not read again where size, times and inode are the same
    REREAD = "reread"  # read in full, and noted for the next time
    PASSING = "passing"  # read in full and not noted: their folder is gone afterwards


class FileStates:
    """Digests of files by their states, in a table of an open database. Callers see to it that they take turns."""

    def __init__(self, file: sqlite3.Connection, *, files: Files, now_ns: Callable[[], int]) -> None:
        self._file, self._files, self._now_ns = file, files, now_ns
        self._new: list[tuple[str, str, str, str]] = []
        self._homes: dict[Path, str] = {}
        file.execute(_TABLE)

    def unchanged(self, root: Path, paths: Sequence[str]) -> dict[str, str]:
        """SHA-256 of those files that need not be read again, by path; at most some hundreds at once."""
        if self._files is not Files.TRUSTED:
            return {}
        query = f"select path, state, digest from files where home = ? and path in ({marks(paths)})"  # noqa: S608
        rows = self._file.execute(query, (self._home(root), *paths)).fetchall()
        return {path: digest for path, state, digest in rows if _state_of(root, path)[0] == state}

    def before(self, root: Path, path: str) -> str:
        """The file's state, taken before it is read; empty where it is not to be noted."""
        if self._files is Files.PASSING:
            return ""
        now_ns = self._now_ns()
        state, changed_ns = _state_of(root, path)
        return state if changed_ns + SETTLED_NS <= now_ns else ""

    def note(self, root: Path, path: str, *, state: str, digest: str) -> None:
        """Remember what was read from the file that was in this state; it is written by `flush`."""
        if state:
            self._new.append((self._home(root), path, state, digest))

    def flush(self) -> None:
        """Write what is new."""
        self._file.executemany("insert or replace into files values (?, ?, ?, ?)", self._new)
        self._new = []

    def _home(self, root: Path) -> str:
        if root not in self._homes:
            self._homes[root] = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
        return self._homes[root]


def _state_of(root: Path, path: str) -> tuple[str, int]:
    """Size, times and inode as one text, and the later of both times in nanoseconds; "" where there is no file.

    Writing to a file sets the time of its inode (ctime) too, and no program can set that one back.
    """
    try:
        found = os.stat(f"{root}/{path}")  # noqa: PTH116  a path object for each of a million files takes seconds
    except OSError:
        return "", 0
    text = f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"
    return text, max(found.st_mtime_ns, found.st_ctime_ns)


def marks(values: Sequence[str]) -> str:
    """A question mark for each value."""
    return ", ".join("?" * len(values))
