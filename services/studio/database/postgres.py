"""PostgreSQL as the studio uses it, so that several instances may work on one database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final

from services.studio.database.address import connect_options
from services.studio.database.dialect import definitions, json_place
from services.studio.database.link import Link
from services.studio.database.listener import listen
from services.studio.database.pool import Pool
from services.studio.database.port import Found, Hear, Rows

CONNECTIONS: Final = 8
APPLICATION: Final = "truscore-studio"
#: libpq notices within half a minute that the other host is gone; a socket of this host ignores them.
KEEPALIVE: Final = {
    "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "25000",
}  # fmt: skip
# A client that stands still gives the lock up after a minute, and a role that need not wait for the disk waits here.
_BOUNDS: Final = """
SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '10s';
SET LOCAL idle_in_transaction_session_timeout = '60s';"""
_BEGIN: Final = f"""
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {_BOUNDS}
SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';
SELECT pg_advisory_xact_lock(hashtext('{APPLICATION}'), hashtext(coalesce(current_schema(), '')))"""
_BEGIN_READING: Final = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_BOUNDS}"


class PostgresRows:
    """Within a transaction of one connection."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Found:
        """Raises DatabaseAway, DatabaseFull and Unstorable."""
        found: Found = self._link.execute(sql, values)
        return found


class PostgresDatabase:
    """A transaction holds one advisory lock of the schema, as SQLite's writer holds its file: what one instance reads
    in it no other changes before it is committed."""

    is_shared: Final = True

    def __init__(self, url: str, *, connections: int = CONNECTIONS) -> None:
        """Raises InvalidAddress."""
        options = {"application_name": APPLICATION, **KEEPALIVE, **connect_options(url)}
        self._connect = partial(Link, options)
        self._pool = Pool(self._connect, size=connections)

    def create(self, tables: str) -> None:
        with self.transaction() as rows:
            rows.execute(definitions(tables))

    def add_column(self, table: str, column: str, definition: str) -> None:
        query = (
            "SELECT 1 FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND table_name = ? AND column_name = ?"
        )
        with self.transaction() as rows:
            if rows.execute(query, (table, column)).fetchone() is None:
                rows.execute(f"ALTER TABLE {table} ADD COLUMN {column} {definitions(definition)}")

    @contextmanager
    def transaction(self) -> Iterator[Rows]:
        """All of it or nothing, one after the other over all instances."""
        with self._pool.begun(_BEGIN) as link:
            yield PostgresRows(link)
            ended = link.execute("COMMIT").statusmessage
            if ended != "COMMIT":  # an error within was caught, and PostgreSQL has taken all of it back
                raise RuntimeError(f"the transaction was not committed: {ended}")

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        """What was committed before, as of one moment."""
        with self._pool.begun(_BEGIN_READING) as link:
            yield PostgresRows(link)
            link.execute("COMMIT")

    def json_whole(self, column: str, *path: str | int) -> str:
        return f"{json_place(column, path)}::integer"

    def json_text(self, column: str, *path: str | int) -> str:
        return json_place(column, path)

    def json_length(self, column: str) -> str:
        return f"json_array_length({column}::json)"

    def notify(self, rows: Rows, channel: str, payload: str) -> None:
        rows.execute("SELECT pg_notify(?, ?)", (_channel(channel), payload))

    @asynccontextmanager
    async def listening(self, channel: str, hear: Hear) -> AsyncIterator[None]:
        async with listen(self._connect, _channel(channel), hear):
            yield

    def close(self) -> None:
        self._pool.close()


def _channel(name: str) -> str:
    return f"truscore_studio_{name}"
