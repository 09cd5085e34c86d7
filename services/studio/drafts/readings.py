"""Images that somebody annotates by themselves, beside the shared document: a document of each person's own.

It is edited as the shared one is, by batches that are in its journal before they are confirmed; two pages of one person
that meet open it anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.studio.database import Database, Rows
from services.studio.drafts.document import Document, Frame, apply
from services.studio.drafts.document_json import document_from_json, document_to_json
from services.studio.drafts.frame_columns import frame_columns, frame_of
from services.studio.drafts.journal import Batch, Saved, Stale, check_batch
from services.studio.drafts.store import UnknownDraft

MOST_READINGS: Final = 50  # of one image
TABLES: Final = """
CREATE TABLE IF NOT EXISTS readings (
  image_id INTEGER NOT NULL REFERENCES images ON DELETE CASCADE, annotator TEXT NOT NULL, revision INTEGER NOT NULL,
  document TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (image_id, annotator));
CREATE TABLE IF NOT EXISTS reading_journal (
  image_id INTEGER NOT NULL REFERENCES images ON DELETE CASCADE, annotator TEXT NOT NULL, revision INTEGER NOT NULL,
  batch_id TEXT NOT NULL, operations TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (image_id, annotator, revision), UNIQUE (image_id, annotator, batch_id));
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What one person says of an image by themselves."""

    image_id: int
    annotator: str
    revision: int
    document: Document


class Readings:
    """Adapter of the database."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database, self._clock, self._frame = database, clock, frame_columns(database)
        database.create(TABLES)

    def open(self, dataset_id: str, image_id: int, annotator: str) -> tuple[int, Document]:
        """The revision and the document; an empty one where the person has not begun. Raises UnknownDraft."""
        with self._database.reading() as rows:
            self._frame_of(rows, dataset_id, image_id)
            return _opened(rows, image_id, annotator)

    def save(self, dataset_id: str, image_id: int, batch: Batch, *, annotator: str) -> Saved | Stale:
        """Raises InvalidOperations and UnknownDraft."""
        check_batch(batch)
        with self._database.transaction() as rows:
            frame = self._frame_of(rows, dataset_id, image_id)
            known = rows.execute(
                "SELECT revision FROM reading_journal WHERE image_id = ? AND annotator = ? AND batch_id = ?",
                (image_id, annotator, batch.batch_id),
            ).fetchone()
            if known is not None:
                return Saved(revision=known[0])
            revision, document = _opened(rows, image_id, annotator)
            if batch.base != revision:
                return Stale(revision=revision, missing=None)
            after, now = apply(document, batch.operations, frame=frame), self._clock()
            text = json.dumps(list(batch.operations), ensure_ascii=False, allow_nan=False)
            rows.execute(
                "INSERT INTO reading_journal VALUES (?, ?, ?, ?, ?, ?)",
                (image_id, annotator, revision + 1, batch.batch_id, text, now),
            )
            rows.execute(
                "INSERT INTO readings (image_id, annotator, revision, document, at) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (image_id, annotator) DO UPDATE"
                " SET revision = excluded.revision, document = excluded.document, at = excluded.at",
                (image_id, annotator, revision + 1, document_to_json(after), now),
            )
        return Saved(revision=revision + 1)

    def of_image(self, dataset_id: str, image_id: int) -> tuple[Reading, ...]:
        """By name, at most MOST_READINGS. Raises UnknownDraft."""
        with self._database.reading() as rows:
            self._frame_of(rows, dataset_id, image_id)
            found = rows.execute(
                "SELECT image_id, annotator, revision, document FROM readings WHERE image_id = ?"
                " ORDER BY annotator LIMIT ?",
                (image_id, MOST_READINGS),
            ).fetchall()
        return tuple(_reading(row) for row in found)

    def images(self, dataset_id: str) -> tuple[int, ...]:
        """Images of the dataset that somebody annotates by themselves."""
        with self._database.reading() as rows:
            found = rows.execute(
                "SELECT image_id FROM images WHERE dataset_id = ? AND image_id IN (SELECT image_id FROM readings)"
                " ORDER BY path",
                (dataset_id,),
            ).fetchall()
        return tuple(image_id for (image_id,) in found)

    def _frame_of(self, rows: Rows, dataset_id: str, image_id: int) -> Frame:
        found = rows.execute(
            f"SELECT {self._frame} FROM images JOIN drafts USING (dataset_id)"  # noqa: S608
            " WHERE dataset_id = ? AND image_id = ?",
            (dataset_id, image_id),
        ).fetchone()
        if found is None:
            raise UnknownDraft(f"dataset {dataset_id!r} has no image {image_id}")
        return frame_of(found)


def _reading(row: tuple[int, str, int, str]) -> Reading:
    return Reading(image_id=row[0], annotator=row[1], revision=row[2], document=document_from_json(row[3]))


def _opened(rows: Rows, image_id: int, annotator: str) -> tuple[int, Document]:
    found = rows.execute(
        "SELECT revision, document FROM readings WHERE image_id = ? AND annotator = ?", (image_id, annotator)
    ).fetchone()
    return (0, Document()) if found is None else (found[0], document_from_json(found[1]))
