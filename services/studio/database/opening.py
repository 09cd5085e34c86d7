"""Which database a setting names."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from services.studio.database.port import Database
from services.studio.database.sqlite import SqliteDatabase

FILE: Final = "studio.sqlite"


def open_database(url: str, folder: Path) -> Database:
    """PostgreSQL at the address, or where it is empty a SQLite file in the folder. Raises InvalidAddress."""
    if not url:
        return SqliteDatabase(folder / FILE)
    from services.studio.database.postgres import PostgresDatabase  # where it is asked for alone: libpq costs memory

    return PostgresDatabase(url)
