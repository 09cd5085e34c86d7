"""Which files are unchanged since they were last read, by the file system's metadata. Knows no image.

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
    "create table if not exists file_states "
    "(folder text, path text, state text not null, digest text not null, primary key (folder, path)) without rowid"
)


class FileReuse(Enum):
    """Whether files that were read before are read again."""

    TRUSTED = "trusted"  # not read again where size, times and inode are the same
    REREAD = "reread"  # read in full, and remembered for the next time
    TRANSIENT = "passing"  # read in full and not remembered: their folder is deleted afterwards


class FileStates:
    """Digests of files by their states, in a table of an open database. Not thread-safe: callers hold a lock."""

    def __init__(self, file: sqlite3.Connection, *, files: FileReuse, now_ns: Callable[[], int]) -> None:
        self._file, self._files, self._now_ns = file, files, now_ns
        self._pending: list[tuple[str, str, str, str]] = []
        self._folder_keys: dict[Path, str] = {}
        file.execute("drop table if exists files")  # of earlier releases, with other columns
        file.execute(_TABLE)

    def unchanged(self, root: Path, paths: Sequence[str]) -> dict[str, str]:
        """SHA-256 of those files that need not be read again, by path; at most some hundreds at once."""
        if self._files is not FileReuse.TRUSTED:
            return {}
        query = f"select path, state, digest from file_states where folder = ? and path in ({placeholders(paths)})"  # noqa: S608
        rows = self._file.execute(query, (self._folder_key(root), *paths)).fetchall()
        return {path: digest for path, state, digest in rows if _state_of(root, path)[0] == state}

    def state_before_read(self, root: Path, path: str) -> str:
        """The file's state, taken before it is read; empty where it is not to be remembered."""
        if self._files is FileReuse.TRANSIENT:
            return ""
        now_ns = self._now_ns()
        state, changed_ns = _state_of(root, path)
        return state if changed_ns + SETTLED_NS <= now_ns else ""

    def remember(self, root: Path, path: str, *, state: str, digest: str) -> None:
        """Remember what was read from the file that was in this state; it is written by `flush`."""
        if state:
            self._pending.append((self._folder_key(root), path, state, digest))

    def flush(self) -> None:
        """Write what is new."""
        self._file.executemany("insert or replace into file_states values (?, ?, ?, ?)", self._pending)
        self._pending = []

    def _folder_key(self, root: Path) -> str:
        if root not in self._folder_keys:
            self._folder_keys[root] = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
        return self._folder_keys[root]


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


def placeholders(values: Sequence[str]) -> str:
    """A placeholder for each value of an SQL list."""
    return ", ".join("?" * len(values))
