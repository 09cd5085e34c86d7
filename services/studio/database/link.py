"""One connection to PostgreSQL, each of whose answers has a deadline, also where the server stands still."""

from __future__ import annotations

import select
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import psycopg2
from psycopg2 import errors, extensions

from services.studio.database.dialect import placeholders
from services.studio.database.port import DatabaseAway, DatabaseFull, Unstorable

CONNECT_S: Final = 5.0
ANSWER_S: Final = 35.0  # behind the server's own deadline of a statement
_DISK_FULL: Final = "53100"
_LOST: Final = ("08", "57P")  # classes of SQLSTATE: connection exceptions, shutdowns
_AWAY: Final = (psycopg2.OperationalError, psycopg2.InterfaceError, errors.ReadOnlySqlTransaction)
_NUL: Final = "\\u0000"  # as JSON has it: PostgreSQL's own reader of JSON stumbles over it
_WAITS_FOR: Final = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}


class Link:
    """Of one thread at a time. psycopg2's asynchronous connections are the ones whose waits are the caller's own."""

    def __init__(self, options: Mapping[str, str], *, connect_s: float = CONNECT_S) -> None:
        """Connects. Raises DatabaseAway."""
        self._raw: Any = None
        try:
            self._raw = psycopg2.connect(**options, client_encoding="UTF8", async_=True)
            self._wait(connect_s)
        except psycopg2.Error as error:
            raise self._told(error) from None

    @property
    def is_closed(self) -> bool:
        return bool(self._raw.closed)

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def execute(self, sql: str, values: Sequence[Any] = (), *, answer_s: float = ANSWER_S) -> Any:
        """The cursor. Raises DatabaseAway, DatabaseFull and Unstorable; psycopg2's errors for faults of ours."""
        try:
            cursor = self._raw.cursor()
            if any(isinstance(value, str) and _NUL in value for value in values):
                raise ValueError("NUL")
            if values:
                cursor.execute(placeholders(sql), tuple(values))
            else:
                cursor.execute(sql)
            self._wait(answer_s)
        except _AWAY as error:
            raise self._told(error) from error
        except ValueError as error:
            raise Unstorable(f"a text has a character that the database can't keep: {error}") from error
        return cursor

    def notices(self) -> list[str]:
        """Payloads that have come since the last call. Raises DatabaseAway."""
        try:
            self._raw.poll()
        except _AWAY as error:
            raise self._told(error) from error
        found = [notice.payload for notice in self._raw.notifies]
        self._raw.notifies.clear()
        return found

    def roll_back(self) -> None:
        """Leaves no transaction open: where it can't be ended, the connection is."""
        if self.is_closed:
            return
        try:
            self.execute("ROLLBACK")
        except (DatabaseAway, DatabaseFull, psycopg2.Error):
            self.close()

    def close(self) -> None:
        if self._raw is not None:
            with suppress(psycopg2.Error):
                self._raw.close()

    def _wait(self, timeout_s: float) -> None:
        ends = time.monotonic() + timeout_s
        while (state := self._raw.poll()) != extensions.POLL_OK:
            poll = select.poll()
            poll.register(self._raw.fileno(), _WAITS_FOR[state])
            if not poll.poll(max(0.0, ends - time.monotonic()) * 1000):
                self.close()
                raise DatabaseAway(f"the studio's database gave no answer within {timeout_s:g} s")

    def _told(self, error: psycopg2.Error) -> Exception:
        code = error.pgcode or ""
        if code == _DISK_FULL:
            return DatabaseFull("the studio's database has no room")
        if not code or code.startswith(_LOST):
            self.close()
        return DatabaseAway("the studio's database is away", reason=" ".join(f"{code} {error}".split()))
