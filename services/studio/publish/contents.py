"""The content of each dataset's latest version, so that a draft can be told apart from it. Adapter of the database."""

from __future__ import annotations

import zlib
from typing import Final

from truscore.datasets.index.json_codec import index_from_json, index_to_json
from truscore.datasets.index.records import DatasetIndex

from services.studio.database import Database

TABLE: Final = """
CREATE TABLE IF NOT EXISTS version_contents (
  dataset_id TEXT PRIMARY KEY REFERENCES drafts ON DELETE CASCADE, version TEXT NOT NULL, content BLOB NOT NULL);
"""


class VersionContents:
    """One content for each dataset: that of the version which was uploaded last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(TABLE)

    def keep(self, dataset_id: str, version: str, index: DatasetIndex) -> None:
        """In place of that of any earlier version."""
        content = zlib.compress(index_to_json(index).encode())
        with self._database.transaction() as rows:
            rows.execute(
                "INSERT INTO version_contents (dataset_id, version, content) VALUES (?, ?, ?)"
                " ON CONFLICT (dataset_id) DO UPDATE SET version = excluded.version, content = excluded.content",
                (dataset_id, version, content),
            )

    def latest(self, dataset_id: str) -> tuple[str, DatasetIndex] | None:
        """Version and content; None where none was uploaded, or by a studio that did not keep contents yet."""
        with self._database.reading() as rows:
            row = rows.execute(
                "SELECT version, content FROM version_contents WHERE dataset_id = ?", (dataset_id,)
            ).fetchone()
        return None if row is None else (row[0], index_from_json(zlib.decompress(row[1]).decode()))
