"""SQLite as the studio uses it: one connection, a write-ahead log, and each commit on the disk before it returns."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from services.studio.database.port import DatabaseFull, Hear, Rows

WAIT_S: Final = 15.0
# Of the log's file SQLite says "full"; where its shared memory can't grow, that an operation on it failed.
_NO_ROOM: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_WRITE}


class SqliteDatabase:
    """Transactions one after the other, and reads beside them. One process has it, and is told of its own edits."""

    is_shared: Final = False

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=WAIT_S, check_same_thread=False, isolation_level=None)
        path.chmod(0o600)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        # In a write-ahead log readers wait for no writer, whose disk may be slow.
        self._read_lock = threading.Lock()
        self._reader = sqlite3.connect(path, timeout=WAIT_S, check_same_thread=False, isolation_level=None)
        self._reader.execute("PRAGMA query_only = ON")
        self._said: list[tuple[str, str]] = []  # in the transaction under way
        self._listeners: dict[str, list[Hear]] = defaultdict(list)

    def create(self, tables: str) -> None:
        with self._lock, _room():
            self._connection.executescript(tables)

    def add_column(self, table: str, column: str, definition: str) -> None:
        """To a table that an earlier release may have made; names are the studio's own."""
        with self.transaction() as rows:
            if column not in {each[1] for each in rows.execute(f"PRAGMA table_info({table})")}:
                rows.execute(f"ALTER TABLE {table} ADD COLUMN {column} {definition}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing. Raises DatabaseFull."""
        with self._lock, _room():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
                said, self._said = self._said, []
            except BaseException:
                self._said = []
                # Also after a COMMIT that found no room; where SQLite went back by itself, nothing is left to undo.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        for channel, payload in said:
            for hear in tuple(self._listeners[channel]):
                hear(payload)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """What was committed before, as of one moment; nothing can be written."""
        with self._read_lock, _room():
            self._reader.execute("BEGIN")
            try:
                yield self._reader
            finally:
                self._reader.execute("COMMIT")

    def json_whole(self, column: str, *path: str | int) -> str:
        return f"json_extract({column}, '{_place(path)}')"

    def json_text(self, column: str, *path: str | int) -> str:
        return f"json_extract({column}, '{_place(path)}')"

    def json_length(self, column: str) -> str:
        return f"json_array_length({column})"

    def notify(self, _rows: Rows, channel: str, payload: str) -> None:
        self._said.append((channel, payload))

    @asynccontextmanager
    async def listening(self, channel: str, hear: Hear) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()

        def on_loop(payload: str | None) -> None:
            loop.call_soon_threadsafe(hear, payload)

        self._listeners[channel].append(on_loop)
        try:
            yield
        finally:
            self._listeners[channel].remove(on_loop)

    def close(self) -> None:
        with self._read_lock:
            self._reader.close()
        with self._lock:
            self._connection.close()


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in _NO_ROOM:
            raise DatabaseFull(str(error)) from error
        raise


def _place(path: tuple[str | int, ...]) -> str:
    """As SQLite writes it, such as $.images[0].width."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
