"""Tokens that programs call the studio's API with. Only SHA-256 digests are kept: 256 random bits need no more."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.studio.access.roles import Role
from services.studio.access.sessions import Session
from services.studio.database import Database

PREFIX: Final = "tss_"  # by which scanners for secrets, and people, tell what it is
MOST_OF_OWNER: Final = 20
MOST_DAYS: Final = 366
MOST_LABEL_CHARS: Final = 100
DAY_S: Final = 86_400.0
NOTED_S: Final = 60.0  # how exactly the last use is noted: a write a minute, not one for each call
TABLES: Final = """
CREATE TABLE IF NOT EXISTS api_tokens (
  token_id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, role INTEGER NOT NULL,
  label TEXT NOT NULL, created REAL NOT NULL, expires REAL NOT NULL, used REAL);
"""


class InvalidToken(ValueError):
    """What can't be done with a token, in words; it holds no part of one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiToken:
    """What is known of a token; not the token. Times in seconds of Unix time, `used` None for never."""

    token_id: str
    owner: str
    role: Role
    label: str
    created: float
    expires: float
    used: float | None


class ApiTokens:
    """What a token may do is bounded by its role and, where its owner has a local account, by that account."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock
        database.create(TABLES)

    def make(self, *, owner: str, role: Role, label: str, days: int, owner_role: Role) -> tuple[str, ApiToken]:
        """The token, which nobody can be shown again, and what is kept of it. InvalidToken."""
        if role > owner_role:
            accepted = ", ".join(each.name.lower() for each in Role if each <= owner_role)
            raise InvalidToken(f"role {role.name.lower()!r} is above your own; accepted: {accepted}")
        if not 1 <= days <= MOST_DAYS:
            raise InvalidToken(f"days is {days}; accepted: 1 to {MOST_DAYS}")
        if not 0 < len(label.strip()) <= MOST_LABEL_CHARS or not label.isprintable():
            raise InvalidToken(f"a token needs a label of up to {MOST_LABEL_CHARS} characters that says what it is for")
        token, now = PREFIX + secrets.token_urlsafe(32), self._clock()
        made = ApiToken(
            token_id=secrets.token_hex(8),
            owner=owner,
            role=role,
            label=label.strip(),
            created=now,
            expires=now + days * DAY_S,
            used=None,
        )
        with self._database.transaction() as rows:
            rows.execute("DELETE FROM api_tokens WHERE expires < ?", (now,))
            (count,) = rows.execute("SELECT count(*) FROM api_tokens WHERE owner = ?", (owner,)).fetchone()
            if count >= MOST_OF_OWNER:
                raise InvalidToken(f"{owner} has {count} tokens; accepted: up to {MOST_OF_OWNER}, so revoke one first")
            rows.execute(
                "INSERT INTO api_tokens VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                (made.token_id, _digest(token), owner, int(role), made.label, now, made.expires),
            )
        return token, made

    def find(self, token: str) -> Session | None:
        """Whom the token speaks for; None where it is unknown, revoked or too old, or its owner's account is closed."""
        now = self._clock()
        with self._database.reading() as rows:
            found = rows.execute(
                "SELECT owner, CASE WHEN a.role < t.role THEN a.role ELSE t.role END, expires, token_id, used"
                " FROM api_tokens t LEFT JOIN accounts a ON lower(a.name) = lower(t.owner)"
                " WHERE t.digest = ? AND expires >= ? AND coalesce(a.is_open, 1) = 1",
                (_digest(token), now),
            ).fetchone()
        if found is None:
            return None
        if found[4] is None or found[4] < now - NOTED_S:
            with self._database.transaction() as rows:
                rows.execute("UPDATE api_tokens SET used = ? WHERE token_id = ?", (now, found[3]))
        return Session(name=found[0], role=Role(found[1]), expires=found[2], way="token")

    def list(self, owner: str | None = None) -> tuple[ApiToken, ...]:
        """Of one owner, or of all."""
        of_owner, values = ("", ()) if owner is None else (" AND owner = ?", (owner,))
        with self._database.reading() as rows:
            found = rows.execute(
                "SELECT token_id, owner, role, label, created, expires, used FROM api_tokens"  # noqa: S608
                f" WHERE expires >= ?{of_owner} ORDER BY created DESC",
                (self._clock(), *values),
            ).fetchall()
        return tuple(
            ApiToken(token_id=each[0], owner=each[1], role=Role(each[2]), label=each[3], created=each[4],
                     expires=each[5], used=each[6])
            for each in found
        )  # fmt: skip

    def revoke(self, token_id: str, *, owner: str | None) -> ApiToken:
        """Of this owner, or of anybody. InvalidToken where there is none."""
        token = next((each for each in self.list(owner) if each.token_id == token_id), None)
        if token is None:
            raise InvalidToken("you have no such token")
        with self._database.transaction() as rows:
            rows.execute("DELETE FROM api_tokens WHERE token_id = ?", (token_id,))
        return token


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
