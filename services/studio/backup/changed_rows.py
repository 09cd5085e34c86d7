"""Which rows of the drafts changed since they were last uploaded. Adapter of the database.

Triggers write the keys alone: a row is read when it is uploaded, so that a document that was edited sixty times within
a minute is uploaded once. Accounts, tokens and sessions are not among these tables: their secrets stay on this disk.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from services.studio.database.sqlite import SqliteDatabase

#: Parents before children: rows are put back in this order where a segment has both.
UPLOADED: Final = (
    "drafts", "images", "journal", "versions", "version_contents", "readings", "reading_journal", "reading_comparisons",
)  # fmt: skip
TABLES: Final = """
CREATE TABLE IF NOT EXISTS changed_rows (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT NULL, key TEXT NOT NULL, UNIQUE (table_name, key));
CREATE TABLE IF NOT EXISTS uploads (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1), generation TEXT NOT NULL, segments INTEGER NOT NULL);
"""
_BYTES: Final = "base64"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A row as it is now; `row` is None where it is gone."""

    seq: int
    table: str
    key: tuple[Any, ...]
    row: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Uploaded:
    """The generation, and how many segments of it are in the store."""

    generation: str
    segments: int


class ChangedRows:
    """One for the database, made after the tables that it looks at."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        database.create(TABLES)
        with database.reading() as rows:
            self._columns = {table: _columns(rows, table) for table in UPLOADED}
            self._keys = {table: _columns(rows, table, of_key=True) for table in UPLOADED}
        database.create("".join(self._triggers()))

    def uploaded(self) -> Uploaded | None:
        """None before the first generation."""
        with self._database.reading() as rows:
            found = rows.execute("SELECT generation, segments FROM uploads").fetchone()
        return None if found is None else Uploaded(generation=found[0], segments=found[1])

    def begin(self, generation: str) -> None:
        """Every row counts as changed."""
        with self._database.transaction() as rows:
            rows.execute("DELETE FROM changed_rows")
            for table in UPLOADED:
                key = ", ".join(self._keys[table])
                rows.execute(
                    f"INSERT INTO changed_rows (table_name, key) SELECT ?, json_array({key}) FROM {table}",  # noqa: S608
                    (table,),
                )
            rows.execute("INSERT OR REPLACE INTO uploads VALUES (1, ?, 0)", (generation,))

    def is_empty(self) -> bool:
        """Whether there is no draft."""
        with self._database.reading() as rows:
            return rows.execute("SELECT 1 FROM drafts LIMIT 1").fetchone() is None

    def count(self) -> int:
        """Of rows that changed."""
        with self._database.reading() as rows:
            return int(rows.execute("SELECT COUNT(*) FROM changed_rows").fetchone()[0])

    def changes(self, *, most_rows: int, most_bytes: int) -> tuple[Change, ...]:
        """The oldest, as of one moment; at least one where there are any, however large it is."""
        found: list[Change] = []
        size = 0
        with self._database.reading() as rows:
            pending = rows.execute(
                "SELECT seq, table_name, key FROM changed_rows ORDER BY seq LIMIT ?", (most_rows,)
            ).fetchall()
            for seq, table, text in pending:
                if size >= most_bytes:
                    break
                key = tuple(json.loads(text))
                row = self._row(rows, table, key)
                size += sum(len(value) for value in (row or {}).values() if isinstance(value, str | bytes))
                found.append(Change(seq=seq, table=table, key=key, row=row))
        return tuple(found)

    def confirm(self, changes: Iterable[Change], uploaded: Uploaded) -> None:
        """These are in the store; a row that changed again meanwhile has another number, and stays."""
        with self._database.transaction() as rows:
            rows.executemany("DELETE FROM changed_rows WHERE seq = ?", [(change.seq,) for change in changes])
            rows.execute("INSERT OR REPLACE INTO uploads VALUES (1, ?, ?)", (uploaded.generation, uploaded.segments))

    def put_back(self, changes: Iterable[Change]) -> None:
        """Write the rows as they are here. All or nothing: sqlite3.IntegrityError where one lacks its parent."""
        with self._database.transaction() as rows:
            rows.execute("PRAGMA defer_foreign_keys = ON")
            for change in changes:
                self._put_back(rows, change)

    def _put_back(self, rows: sqlite3.Connection, change: Change) -> None:
        names, key = self._columns[change.table], self._keys[change.table]
        if change.row is None:
            where = " AND ".join(f"{name} = ?" for name in key)
            rows.execute(f"DELETE FROM {change.table} WHERE {where}", change.key)  # noqa: S608
            return
        # Not OR REPLACE, which would take the row's children with it.
        rest = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key) or f"{key[0]} = {key[0]}"
        rows.execute(
            f"INSERT INTO {change.table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
            f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {rest}",
            [change.row.get(name) for name in names],
        )

    def _row(self, rows: sqlite3.Connection, table: str, key: tuple[Any, ...]) -> dict[str, Any] | None:
        names, where = self._columns[table], " AND ".join(f"{name} = ?" for name in self._keys[table])
        found = rows.execute(f"SELECT {', '.join(names)} FROM {table} WHERE {where}", key).fetchone()  # noqa: S608
        return None if found is None else dict(zip(names, found, strict=True))

    def _triggers(self) -> Iterator[str]:
        for table in UPLOADED:
            for event, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
                key = ", ".join(f"{row}.{name}" for name in self._keys[table])
                # Not OR REPLACE: inside a trigger the conflict clause of the statement outside holds instead.
                yield f"""
                    DROP TRIGGER IF EXISTS {table}_{event.lower()}_is_uploaded;
                    CREATE TRIGGER {table}_{event.lower()}_is_uploaded AFTER {event} ON {table} BEGIN
                      DELETE FROM changed_rows WHERE table_name = '{table}' AND key = json_array({key});
                      INSERT INTO changed_rows (table_name, key) VALUES ('{table}', json_array({key}));
                    END;"""  # noqa: S608


def change_to_json(change: Change) -> str:
    """One line."""
    row = change.row and {name: _plain(value) for name, value in change.row.items()}
    return json.dumps({"table": change.table, "key": change.key, "row": row}, ensure_ascii=False)


def change_from_json(line: str, *, seq: int) -> Change:
    """ValueError, KeyError or TypeError where it is none."""
    plain = json.loads(line)
    if plain["table"] not in UPLOADED or not isinstance(plain["key"], list):
        raise ValueError(f"table {plain['table']!r}; accepted are {', '.join(UPLOADED)}")
    row = None if plain["row"] is None else {name: _value(value) for name, value in plain["row"].items()}
    return Change(seq=seq, table=plain["table"], key=tuple(plain["key"]), row=row)


def _plain(value: Any) -> Any:
    return {_BYTES: base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _value(value: Any) -> Any:
    return base64.b64decode(value[_BYTES]) if isinstance(value, dict) else value


def _columns(rows: sqlite3.Connection, table: str, *, of_key: bool = False) -> tuple[str, ...]:
    """Of the table, or of its primary key, in order."""
    found = rows.execute(f"PRAGMA table_info({table})").fetchall()
    if not of_key:
        return tuple(row[1] for row in found)
    return tuple(row[1] for row in sorted((row for row in found if row[5]), key=lambda row: row[5]))
