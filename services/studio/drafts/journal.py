"""Edits of documents: each batch in the journal and on the disk before it is confirmed.

A batch is made on a revision. Where others have edited since (the revision is stale), their batches are handed back and
the browser puts its own upon them; a batch that comes twice changes nothing.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.studio.database import Database, Rows
from services.studio.drafts.document import Document, Frame, InvalidOperations, apply
from services.studio.drafts.document_json import KnownTexts, document_from_json, document_to_json
from services.studio.drafts.edits import EDITS, Edit, edit_to_text
from services.studio.drafts.frame_columns import frame_columns, frame_of
from services.studio.drafts.store import UnknownDraft

MOST_BATCH_ID_CHARS: Final = 64
MOST_MISSING: Final = 500
MOST_AUTHORS: Final = 100
MOST_RECENT: Final = 16  # documents that are kept as they were edited last


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
    """The document after the batch that made the revision: of two instances each may make a revision of that number,
    where one's was never committed or a database was put back."""

    revision: int
    batch_id: str
    document: Document
    texts: KnownTexts


def check_batch(batch: Batch) -> None:
    """Raises InvalidOperations."""
    if not 0 < len(batch.batch_id) <= MOST_BATCH_ID_CHARS:
        raise InvalidOperations(f"batch_id {batch.batch_id!r:.80}; accepted: 1 to {MOST_BATCH_ID_CHARS} characters")


class Journal:
    """Adapter of the database."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database, self._clock, self._frame = database, clock, frame_columns(database)
        self._recent: OrderedDict[_Key, _Recent] = OrderedDict()
        self._lock = threading.Lock()  # of what is recent

    def open(self, dataset_id: str, image_id: int) -> tuple[int, Document]:
        """The revision and the document. Raises UnknownDraft."""
        revision, text = self.text(dataset_id, image_id)
        return revision, document_from_json(text)

    def text(self, dataset_id: str, image_id: int) -> tuple[int, str]:
        """The revision and the document as it is stored: to hand it on, 20,000 corners need not be read. Raises
        UnknownDraft."""
        with self._database.reading() as rows:
            return _text(rows, dataset_id, image_id)

    def since(self, dataset_id: str, image_id: int, base: int) -> Stale:
        """What was saved after the revision `base`. Raises UnknownDraft."""
        with self._database.reading() as rows:
            revision, _ = _text(rows, dataset_id, image_id)
            return Stale(revision=revision, missing=_since(rows, image_id, base, revision))

    def authors(self, image_id: int) -> tuple[str, ...]:
        """Who edited the document, by name."""
        with self._database.reading() as rows:
            found = rows.execute(
                "SELECT DISTINCT author FROM journal WHERE image_id = ? ORDER BY author LIMIT ?",
                (image_id, MOST_AUTHORS),
            ).fetchall()
        return tuple(author for (author,) in found)

    def save(self, dataset_id: str, image_id: int, batch: Batch, *, author: str) -> Saved | Stale:
        """Raises InvalidOperations and UnknownDraft."""
        check_batch(batch)
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
            self._database.notify(rows, EDITS, edit_to_text(Edit(image_id=image_id, revision=revision + 1)))
        # Only now: what was not committed is nobody's document.
        self._keep(key, _Recent(revision=revision + 1, batch_id=batch.batch_id, document=after, texts=recent.texts))
        return Saved(revision=revision + 1)

    def _recently(self, rows: Rows, dataset_id: str, image_id: int) -> tuple[_Key, _Recent, Frame]:
        """As the database has it; what was edited last is not read again: to parse 20,000 corners takes as long as all
        else together."""
        found = rows.execute(
            f"SELECT images.revision, added_at, sha256, batch_id, {self._frame}"  # noqa: S608
            " FROM images JOIN drafts USING (dataset_id) LEFT JOIN journal"
            " ON journal.image_id = images.image_id AND journal.revision = images.revision"
            " WHERE dataset_id = ? AND images.image_id = ?",
            (dataset_id, image_id),
        ).fetchone()
        if found is None:
            raise UnknownDraft(f"dataset {dataset_id!r} has no image {image_id}")
        key, batch_id, frame = (image_id, found[1], found[2]), found[3], frame_of(found[4:])
        with self._lock:
            recent = self._recent.get(key)
        if recent is None or (recent.revision, recent.batch_id) != (found[0], batch_id):
            revision, text = _text(rows, dataset_id, image_id)
            recent = _Recent(revision=revision, batch_id=batch_id, document=document_from_json(text), texts={})
        return key, recent, frame

    def _keep(self, key: _Key, recent: _Recent) -> None:
        with self._lock:
            self._recent[key] = recent
            self._recent.move_to_end(key)
            while len(self._recent) > MOST_RECENT:
                self._recent.popitem(last=False)


def _text(rows: Rows, dataset_id: str, image_id: int) -> tuple[int, str]:
    found = rows.execute(
        "SELECT revision, document FROM images WHERE dataset_id = ? AND image_id = ?", (dataset_id, image_id)
    ).fetchone()
    if found is None:
        raise UnknownDraft(f"dataset {dataset_id!r} has no image {image_id}")
    return found[0], found[1]


def _since(rows: Rows, image_id: int, base: int, revision: int) -> tuple[tuple[Mapping[str, Any], ...], ...] | None:
    if not 0 <= base <= revision or revision - base > MOST_MISSING:
        return None
    found = rows.execute(
        "SELECT operations FROM journal WHERE image_id = ? AND revision > ? ORDER BY revision", (image_id, base)
    ).fetchall()
    return tuple(tuple(json.loads(text)) for (text,) in found)
