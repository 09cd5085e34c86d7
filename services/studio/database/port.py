"""What the studio asks of a database. Queries are written once, in what SQLite and PostgreSQL have in common, with `?`
for values; what they say differently is asked of the adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol

# What was said on a channel; None where something may have been missed, so that whoever listens looks once.
Hear = Callable[[str | None], None]


class DatabaseAway(Exception):
    """The database does not answer, or not in time. What was not confirmed may be asked for again.

    `reason`: the server's or the library's own words, for a log; they may name hosts and users, and no password.
    """

    def __init__(self, text: str, *, reason: str = "") -> None:
        super().__init__(text)
        self.reason = reason or text


class DatabaseFull(Exception):
    """Its disk had no room for what was to be written."""


class Unstorable(ValueError):
    """A value that the database has no form for, such as a text with a NUL in it."""


class Found(Protocol):
    """What a query found, once."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Rows(Protocol):
    """The tables within a transaction."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Found:
        """Raises DatabaseAway, DatabaseFull and Unstorable."""
        ...


class Database(Protocol):
    """From any thread: callers on the event loop use asyncio.to_thread."""

    @property
    def is_shared(self) -> bool:
        """Whether other instances of the studio may work on it at the same time."""
        ...

    def create(self, tables: str) -> None:
        """What is not there yet, of CREATE ... IF NOT EXISTS statements in SQLite's types. Raises DatabaseAway."""
        ...

    def add_column(self, table: str, column: str, definition: str) -> None:
        """To a table that an earlier release may have made; names are the studio's own. Raises DatabaseAway."""
        ...

    def transaction(self) -> AbstractContextManager[Rows]:
        """All of it or nothing, on the disk before it ends, one after the other over all instances: what was read in it
        is still so when it is committed. Raises DatabaseAway, DatabaseFull."""
        ...

    def reading(self) -> AbstractContextManager[Rows]:
        """What was committed before, as of one moment; nothing can be written. Raises DatabaseAway."""
        ...

    def json_whole(self, column: str, *path: str | int) -> str:
        """SQL for the whole number at this place of a column of JSON."""
        ...

    def json_text(self, column: str, *path: str | int) -> str:
        """SQL for the text at this place of a column of JSON."""
        ...

    def json_length(self, column: str) -> str:
        """SQL for the length of a column's JSON array."""
        ...

    def notify(self, rows: Rows, channel: str, payload: str) -> None:
        """Say it to who listens at any instance, once the transaction of `rows` is committed."""
        ...

    def listening(self, channel: str, hear: Hear) -> AbstractAsyncContextManager[None]:
        """Have `hear` called on the event loop for what is said on the channel while the block runs."""
        ...

    def close(self) -> None: ...
