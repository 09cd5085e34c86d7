"""Logins by a provider that have begun and not ended. Of states only digests are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.studio.database import Database

PENDING_S: Final = 600.0
MOST_PENDING: Final = 1000
TABLES: Final = """
CREATE TABLE IF NOT EXISTS oidc_logins (
  digest TEXT PRIMARY KEY, nonce TEXT NOT NULL, verifier TEXT NOT NULL, redirect_uri TEXT NOT NULL,
  expires REAL NOT NULL);
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pending:
    """`verifier`: of PKCE. `redirect_uri`: the very address that was asked for."""

    nonce: str
    verifier: str
    redirect_uri: str


class OidcLogins:
    """Kept in the database, so that a restart in between costs nothing."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock
        database.create(TABLES)

    def put(self, state: str, pending: Pending) -> None:
        """Of more than MOST_PENDING the oldest are given up: anybody may begin one."""
        now = self._clock()
        with self._database.transaction() as rows:
            rows.execute("DELETE FROM oidc_logins WHERE expires < ?", (now,))
            rows.execute(
                "DELETE FROM oidc_logins WHERE digest NOT IN"
                " (SELECT digest FROM oidc_logins ORDER BY expires DESC LIMIT ?)",
                (MOST_PENDING - 1,),
            )
            rows.execute(
                "INSERT INTO oidc_logins VALUES (?, ?, ?, ?, ?)",
                (_digest(state), pending.nonce, pending.verifier, pending.redirect_uri, now + PENDING_S),
            )

    def take(self, state: str) -> Pending | None:
        """Once; None for a state that is unknown, used or too old."""
        with self._database.transaction() as rows:
            found = rows.execute(
                "DELETE FROM oidc_logins WHERE digest = ? RETURNING nonce, verifier, redirect_uri, expires",
                (_digest(state),),
            ).fetchone()
        if found is None or found[3] < self._clock():
            return None
        return Pending(nonce=found[0], verifier=found[1], redirect_uri=found[2])


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
