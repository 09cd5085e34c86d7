"""Logins: tokens that log in once, and sessions. Of both only SHA-256 digests are kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.studio.access.roles import Role
from services.studio.database import Database, Rows

LINK_S: Final = 24 * 3600.0
MOST_SESSIONS: Final = 10_000

TABLES: Final = """
CREATE TABLE IF NOT EXISTS login_tokens (
  digest TEXT PRIMARY KEY, name TEXT NOT NULL, role INTEGER NOT NULL, expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
  digest TEXT PRIMARY KEY, name TEXT NOT NULL, role INTEGER NOT NULL, expires REAL NOT NULL);
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """Who is logged in; `expires` in seconds of Unix time. `way`: "link", "password", "provider" or "token"."""

    name: str
    role: Role
    expires: float
    way: str


class Sessions:
    """Kept in the studio's database, so that a restart logs nobody out."""

    def __init__(self, database: Database, *, clock: Callable[[], float], session_s: float) -> None:
        self._database = database
        self._clock = clock
        self.session_s = session_s
        database.create(TABLES)
        database.add_column("sessions", "way", "TEXT NOT NULL DEFAULT 'link'")

    def make_login_token(self, *, name: str, role: Role) -> str:
        """A token that logs in once, within a day."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._database.transaction() as rows:
            rows.execute("DELETE FROM login_tokens WHERE expires < ?", (now,))
            rows.execute(
                "INSERT INTO login_tokens VALUES (?, ?, ?, ?)", (_digest(token), name, int(role), now + LINK_S)
            )
        return token

    def log_in(self, login_token: str) -> str | None:
        """The new session's token; None for a login token that is unknown, used or too old."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._database.transaction() as rows:
            found = rows.execute(
                "DELETE FROM login_tokens WHERE digest = ? RETURNING name, role, expires", (_digest(login_token),)
            ).fetchone()
            if found is None or found[2] < now:
                return None
            self._insert(rows, token, name=found[0], role=found[1], way="link")
        return token

    def begin(self, *, name: str, role: Role, way: str) -> str:
        """The token of a new session of somebody whom another proof has made known."""
        token = secrets.token_urlsafe(32)
        with self._database.transaction() as rows:
            self._insert(rows, token, name=name, role=int(role), way=way)
        return token

    def _insert(self, rows: Rows, token: str, *, name: str, role: int, way: str) -> None:
        now = self._clock()
        rows.execute("DELETE FROM sessions WHERE expires < ?", (now,))
        rows.execute(
            "DELETE FROM sessions WHERE digest NOT IN (SELECT digest FROM sessions ORDER BY expires DESC LIMIT ?)",
            (MOST_SESSIONS - 1,),
        )
        rows.execute(
            "INSERT INTO sessions (digest, name, role, expires, way) VALUES (?, ?, ?, ?, ?)",
            (_digest(token), name, role, now + self.session_s, way),
        )

    def find(self, token: str) -> Session | None:
        """The session of a token; None where there is none that still counts."""
        with self._database.reading() as rows:
            found = rows.execute(
                "SELECT name, role, expires, way FROM sessions WHERE digest = ? AND expires >= ?",
                (_digest(token), self._clock()),
            ).fetchone()
        if found is None:
            return None
        return Session(name=found[0], role=Role(found[1]), expires=found[2], way=found[3])

    def log_out(self, token: str) -> None:
        with self._database.transaction() as rows:
            rows.execute("DELETE FROM sessions WHERE digest = ?", (_digest(token),))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
