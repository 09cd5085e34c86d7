"""Edits of documents: each batch in the journal and on the disk before it is confirmed.

A batch is made on a revision. Where others have edited since (the revision is stale), their batches are handed back and
the browser puts its own upon them; a batch that comes twice changes nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.studio.database import Database
from services.studio.drafts.document import Document, Frame, InvalidOperations, apply
from services.studio.drafts.document_json import document_from_json, document_to_json
from services.studio.drafts.store import UnknownDraft

MOST_BATCH_ID_CHARS: Final = 64
MOST_MISSING: Final = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Operations made on revision `base`. `batch_id` is the browser's own, and tells repeats."""

    base: int
    batch_id: str
    operations: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    revision: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Stale:
    """`missing`: the batches of operations since the base, in order; None where there are too many to name, and the
    document is to be opened anew."""

    revision: int
    missing: tuple[tuple[Mapping[str, Any], ...], ...] | None


class Journal:
    """Adapter of the database."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock

    def open(self, dataset_id: str, image_id: int) -> tuple[int, Document]:
        """The revision and the document. Raises UnknownDraft."""
        with self._database.transaction() as rows:
            revision, document, _ = _opened(rows, dataset_id, image_id)
        return revision, document

    def save(self, dataset_id: str, image_id: int, batch: Batch, *, author: str) -> Saved | Stale:
        """Raises InvalidOperations and UnknownDraft."""
        if not 0 < len(batch.batch_id) <= MOST_BATCH_ID_CHARS:
            raise InvalidOperations(f"batch_id {batch.batch_id!r:.80}; accepted: 1 to {MOST_BATCH_ID_CHARS} characters")
        with self._database.transaction() as rows:
            revision, document, frame = _opened(rows, dataset_id, image_id)
            known = rows.execute(
                "SELECT revision FROM journal WHERE image_id = ? AND batch_id = ?", (image_id, batch.batch_id)
            ).fetchone()
            if known is not None:
                return Saved(revision=known[0])
            if batch.base != revision:
                return Stale(revision=revision, missing=_since(rows, image_id, batch.base, revision))
            after = apply(document, batch.operations, frame=frame)
            text = json.dumps(list(batch.operations), ensure_ascii=False, allow_nan=False)
            rows.execute(
                "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)",
                (image_id, revision + 1, batch.batch_id, text, author, self._clock()),
            )
            rows.execute(
                "UPDATE images SET revision = ?, document = ?, annotated = ?, shapes = ? WHERE image_id = ?",
                (revision + 1, document_to_json(after), int(after.is_annotated), len(after.shapes), image_id),
            )
        return Saved(revision=revision + 1)


def _opened(rows: sqlite3.Connection, dataset_id: str, image_id: int) -> tuple[int, Document, Frame]:
    found = rows.execute(
        "SELECT revision, document, json_extract(record, '$.images[0].width'),"
        " json_extract(record, '$.images[0].height'), json_array_length(class_names)"
        " FROM images JOIN drafts USING (dataset_id) WHERE dataset_id = ? AND image_id = ?",
        (dataset_id, image_id),
    ).fetchone()
    if found is None:
        raise UnknownDraft(f"dataset {dataset_id!r} has no image {image_id}")
    return found[0], document_from_json(found[1]), Frame(width=found[2], height=found[3], classes=found[4])


def _since(
    rows: sqlite3.Connection, image_id: int, base: int, revision: int
) -> tuple[tuple[Mapping[str, Any], ...], ...] | None:
    if not 0 <= base <= revision or revision - base > MOST_MISSING:
        return None
    found = rows.execute(
        "SELECT operations FROM journal WHERE image_id = ? AND revision > ? ORDER BY revision", (image_id, base)
    ).fetchall()
    return tuple(tuple(json.loads(text)) for (text,) in found)
