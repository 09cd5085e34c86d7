"""Databases for tests of what lies in them: each such test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.studio.database import Database, open_database


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Of nothing yet; empty for SQLite."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres").new_url())


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    found = open_database(database_url, tmp_path)
    yield found
    found.close()


@pytest.fixture
def second_database(database_url: str, database: Database, tmp_path: Path) -> Iterator[Database]:
    """The same one, opened again."""
    found = open_database(database_url, tmp_path)
    yield found
    found.close()
