"""A transaction is all of it or nothing, also where it is the commit that fails."""

import sqlite3
from pathlib import Path

import pytest

from services.studio.database.sqlite import SqliteDatabase

TABLES = """
CREATE TABLE parents (name TEXT PRIMARY KEY);
CREATE TABLE children (parent TEXT REFERENCES parents (name) DEFERRABLE INITIALLY DEFERRED);
"""


def test_a_commit_that_fails_leaves_nothing_and_the_next_transaction_works(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "studio.sqlite")
    database.create(TABLES)
    with pytest.raises(sqlite3.IntegrityError), database.transaction() as rows:
        rows.execute("INSERT INTO children VALUES ('nobody')")  # found out by the commit
    with database.transaction() as rows:
        rows.execute("INSERT INTO parents VALUES ('ada')")
        rows.execute("INSERT INTO children VALUES ('ada')")
    with database.transaction() as rows:
        assert rows.execute("SELECT parent FROM children").fetchall() == [("ada",)]
    database.close()
