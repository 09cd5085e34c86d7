"""Local accounts: a name, a role, and the digest of a password that its owner chose."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.studio.access.roles import Role
from services.studio.database import Database, Rows

MOST_ACCOUNTS: Final = 1000
NAME: Final = re.compile(r"[\w.@+-]{1,64}", re.ASCII)
TABLES: Final = """
CREATE TABLE IF NOT EXISTS accounts (
  name TEXT PRIMARY KEY COLLATE NOCASE, role INTEGER NOT NULL, digest TEXT, is_open INTEGER NOT NULL,
  created REAL NOT NULL, created_by TEXT NOT NULL, password_set REAL);
"""


class InvalidAccount(ValueError):
    """What can't be done with an account, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """`is_open`: may log in. `password_set` in seconds of Unix time; None while there is no password."""

    name: str
    role: Role
    is_open: bool
    created: float
    created_by: str
    password_set: float | None


class Accounts:
    """In the studio's database. What takes rights away ends the sessions of that name with it."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock
        database.create(TABLES)

    def list(self) -> tuple[Account, ...]:
        with self._database.reading() as rows:
            found = rows.execute(_SELECT + " ORDER BY lower(name)").fetchall()
        return tuple(map(_account, found))

    def find(self, name: str) -> Account | None:
        with self._database.reading() as rows:
            found = rows.execute(_SELECT + " WHERE lower(name) = ?", (_folded(name),)).fetchone()
        return None if found is None else _account(found)

    def digest_of(self, name: str) -> str | None:
        """Of the password; None for an account that is unknown, closed or has none."""
        query = "SELECT digest FROM accounts WHERE lower(name) = ? AND is_open = 1"
        with self._database.reading() as rows:
            found = rows.execute(query, (_folded(name),)).fetchone()
        return None if found is None else found[0]

    def add(self, name: str, role: Role, *, by: str) -> Account:
        """InvalidAccount for a name that is taken or not accepted."""
        if not NAME.fullmatch(name):
            raise InvalidAccount(f"name {name!r:.80}; accepted: up to 64 letters, digits and any of . _ @ + -")
        now = self._clock()
        with self._database.transaction() as rows:
            (count,) = rows.execute("SELECT count(*) FROM accounts").fetchone()
            if count >= MOST_ACCOUNTS:
                raise InvalidAccount(f"there are {count} accounts; accepted: up to {MOST_ACCOUNTS}")
            if rows.execute("SELECT 1 FROM accounts WHERE lower(name) = ?", (_folded(name),)).fetchone():
                raise InvalidAccount(f"there is an account {name!r} already")
            rows.execute("INSERT INTO accounts VALUES (?, ?, NULL, 1, ?, ?, NULL)", (name, int(role), now, by))
        return Account(name=name, role=role, is_open=True, created=now, created_by=by, password_set=None)

    def change(self, name: str, *, role: Role, is_open: bool) -> None:
        """Its sessions and links end: the next login has the new role. InvalidAccount where there is none."""
        with self._database.transaction() as rows:
            changed = rows.execute(
                "UPDATE accounts SET role = ?, is_open = ? WHERE lower(name) = ?",
                (int(role), int(is_open), _folded(name)),
            )
            if not changed.rowcount:
                raise InvalidAccount(f"there is no account {name!r:.80}")
            _end_logins(rows, name)

    def remove(self, name: str) -> None:
        """With its sessions, links and API tokens."""
        with self._database.transaction() as rows:
            if not rows.execute("DELETE FROM accounts WHERE lower(name) = ?", (_folded(name),)).rowcount:
                raise InvalidAccount(f"there is no account {name!r:.80}")
            _end_logins(rows, name)
            rows.execute("DELETE FROM api_tokens WHERE lower(owner) = ?", (_folded(name),))

    def set_password(self, name: str, digest: str) -> None:
        """Every session of the name ends: whoever knew the old password is out."""
        with self._database.transaction() as rows:
            rows.execute(
                "UPDATE accounts SET digest = ?, password_set = ? WHERE lower(name) = ?",
                (digest, self._clock(), _folded(name)),
            )
            _end_logins(rows, name)

    def renew_digest(self, name: str, digest: str) -> None:
        """The same password by newer parameters."""
        with self._database.transaction() as rows:
            rows.execute("UPDATE accounts SET digest = ? WHERE lower(name) = ?", (digest, _folded(name)))


_SELECT: Final = "SELECT name, role, is_open, created, created_by, password_set FROM accounts"


def _account(row: tuple[str, int, int, float, str, float | None]) -> Account:
    name, role, is_open, created, created_by, password_set = row
    return Account(
        name=name,
        role=Role(role),
        is_open=bool(is_open),
        created=created,
        created_by=created_by,
        password_set=password_set,
    )


def _folded(name: str) -> str:
    """As the database's lower() has it: ASCII letters alone, whatever a locale says of others."""
    return "".join(each.lower() if each.isascii() else each for each in name)


def _end_logins(rows: Rows, name: str) -> None:
    for table in ("sessions", "login_tokens"):
        rows.execute(f"DELETE FROM {table} WHERE lower(name) = ?", (_folded(name),))  # noqa: S608  names of ours
