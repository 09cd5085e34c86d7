"""Edits of documents: each batch in the journal and on the disk before it is confirmed.

A batch is made on a revision. Where others have edited since (the revision is stale), their batches are handed back and
the browser puts its own upon them; a batch that comes twice changes nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.studio.database import Database
from services.studio.drafts.document import Document, Frame, InvalidOperations, apply
from services.studio.drafts.document_json import KnownTexts, document_from_json, document_to_json
from services.studio.drafts.store import UnknownDraft

MOST_BATCH_ID_CHARS: Final = 64
MOST_MISSING: Final = 500
MOST_RECENT: Final = 16  # documents that are kept as they were edited last
_FRAME: Final = (
    "json_extract(record, '$.images[0].width'), json_extract(record, '$.images[0].height'),"
    " json_array_length(class_names)"
)


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


# The image, when it was added and its content: an id is given again after its image was removed.
_Key = tuple[int, float, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Recent:
    revision: int
    document: Document
    texts: KnownTexts


class Journal:
    """Adapter of the database."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock
        self._recent: OrderedDict[_Key, _Recent] = OrderedDict()  # touched within transactions alone

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
            key, recent, frame = self._recently(rows, dataset_id, image_id)
            revision, document = recent.revision, recent.document
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
                (
                    revision + 1,
                    document_to_json(after, recent.texts),
                    int(after.is_annotated),
                    len(after.shapes),
                    image_id,
                ),
            )
            self._keep(key, _Recent(revision=revision + 1, document=after, texts=recent.texts))
        return Saved(revision=revision + 1)

    def _recently(self, rows: sqlite3.Connection, dataset_id: str, image_id: int) -> tuple[_Key, _Recent, Frame]:
        """As the database has it; what was edited last is not read again: to parse 20,000 corners takes as long as all
        else together."""
        found = rows.execute(
            f"SELECT revision, added_at, sha256, {_FRAME} FROM images JOIN drafts USING (dataset_id)"  # noqa: S608
            " WHERE dataset_id = ? AND image_id = ?",
            (dataset_id, image_id),
        ).fetchone()
        if found is None:
            raise UnknownDraft(f"dataset {dataset_id!r} has no image {image_id}")
        key, frame = (image_id, found[1], found[2]), _frame(found[3:])
        recent = self._recent.get(key)
        if recent is None or recent.revision != found[0]:
            revision, document, _ = _opened(rows, dataset_id, image_id)
            recent = _Recent(revision=revision, document=document, texts={})
        return key, recent, frame

    def _keep(self, key: _Key, recent: _Recent) -> None:
        self._recent[key] = recent
        self._recent.move_to_end(key)
        while len(self._recent) > MOST_RECENT:
            self._recent.popitem(last=False)


def _frame(row: Sequence[int]) -> Frame:
    return Frame(width=row[0], height=row[1], classes=row[2])


def _opened(rows: sqlite3.Connection, dataset_id: str, image_id: int) -> tuple[int, Document, Frame]:
    found = rows.execute(
        f"SELECT revision, document, {_FRAME}"  # noqa: S608
        " FROM images JOIN drafts USING (dataset_id) WHERE dataset_id = ? AND image_id = ?",
        (dataset_id, image_id),
    ).fetchone()
    if found is None:
        raise UnknownDraft(f"dataset {dataset_id!r} has no image {image_id}")
    return found[0], document_from_json(found[1]), _frame(found[2:])


def _since(
    rows: sqlite3.Connection, image_id: int, base: int, revision: int
) -> tuple[tuple[Mapping[str, Any], ...], ...] | None:
    if not 0 <= base <= revision or revision - base > MOST_MISSING:
        return None
    found = rows.execute(
        "SELECT operations FROM journal WHERE image_id = ? AND revision > ? ORDER BY revision", (image_id, base)
    ).fetchall()
    return tuple(tuple(json.loads(text)) for (text,) in found)
