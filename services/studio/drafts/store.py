"""Drafts, their images and their published versions, in the database. Knows no file of an image."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from truscore.datasets.index.records import ImageRecord

from services.studio.database import Database, Rows
from services.studio.drafts.dataset import Draft, InvalidDraft
from services.studio.drafts.document import Document
from services.studio.drafts.document_json import document_from_json, document_to_json
from services.studio.drafts.frame_columns import size_columns
from services.studio.drafts.marks import record_from_json, record_to_json

MOST_DRAFTS: Final = 10_000
MOST_VIEWS: Final = 200  # of one object
TABLES: Final = """
CREATE TABLE IF NOT EXISTS drafts (
  dataset_id TEXT PRIMARY KEY, category TEXT NOT NULL, option TEXT NOT NULL, architecture TEXT NOT NULL,
  class_names TEXT NOT NULL, created_at REAL NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS images (
  image_id INTEGER PRIMARY KEY, dataset_id TEXT NOT NULL REFERENCES drafts ON DELETE CASCADE,
  path TEXT NOT NULL, sha256 TEXT NOT NULL, record TEXT NOT NULL, added_at REAL NOT NULL,
  revision INTEGER NOT NULL, document TEXT NOT NULL, annotated INTEGER NOT NULL, shapes INTEGER NOT NULL,
  UNIQUE (dataset_id, path), UNIQUE (dataset_id, sha256));
CREATE TABLE IF NOT EXISTS journal (
  image_id INTEGER NOT NULL REFERENCES images ON DELETE CASCADE, revision INTEGER NOT NULL, batch_id TEXT NOT NULL,
  operations TEXT NOT NULL, author TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (image_id, revision), UNIQUE (image_id, batch_id));
CREATE TABLE IF NOT EXISTS versions (
  dataset_id TEXT NOT NULL REFERENCES drafts ON DELETE CASCADE, version TEXT NOT NULL, uri TEXT NOT NULL,
  format TEXT NOT NULL, notes TEXT NOT NULL, images INTEGER NOT NULL, marks INTEGER NOT NULL,
  state TEXT NOT NULL, message TEXT NOT NULL, at REAL NOT NULL, author TEXT NOT NULL,
  PRIMARY KEY (dataset_id, version));
"""


class UnknownDraft(KeyError):
    """There is no such draft, image or version."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A draft with what a list shows of it."""

    draft: Draft
    images: int
    annotated: int
    version: str  # the latest published one; empty for none


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageRow:
    """An image as a list shows it."""

    image_id: int
    path: str
    sha256: str
    width: int
    height: int
    annotated: bool
    shapes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """A published version. `state`: "writing", "uploading", "validating", "failed", or the end that the monitor
    says."""

    dataset_id: str
    version: str
    uri: str
    format: str
    notes: str
    images: int
    marks: int
    state: str
    message: str
    at: float
    author: str


_PUT_VERSION: Final = (
    f"INSERT INTO versions ({', '.join(Version.__slots__)})"  # noqa: S608
    f" VALUES ({', '.join('?' * len(Version.__slots__))})"
    " ON CONFLICT (dataset_id, version) DO UPDATE"
    f" SET {', '.join(f'{name} = excluded.{name}' for name in Version.__slots__[2:])}"
)


class Duplicate(InvalidDraft):
    """The image is there already, under `path`."""

    def __init__(self, path: str) -> None:
        super().__init__(f"the same picture as {path!r}, which is there already")
        self.path = path


class DraftStore:
    """Adapter of the database."""

    def __init__(self, database: Database, *, clock: Callable[[], float], most_images: int) -> None:
        self._database, self._clock, self.most_images = database, clock, most_images
        self._size = size_columns(database)
        self._light_object = database.json_text("record", "images", 0, "light", "object")
        database.create(TABLES)

    def add(self, draft: Draft) -> None:
        """Raises InvalidDraft where the name is taken, in any spelling of capitals."""
        with self._database.transaction() as rows:
            names = [row[0] for row in rows.execute("SELECT dataset_id FROM drafts")]
            if len(names) >= MOST_DRAFTS:
                raise InvalidDraft(f"there are {MOST_DRAFTS} drafts already: remove one first")
            if draft.dataset_id.casefold() in {name.casefold() for name in names}:
                raise InvalidDraft(f"name {draft.dataset_id!r} is taken: choose another")
            rows.execute(
                "INSERT INTO drafts VALUES (?, ?, ?, ?, ?, ?, ?)",
                (draft.dataset_id, draft.category, draft.option, draft.architecture,
                 json.dumps(draft.class_names, ensure_ascii=False), draft.created_at, draft.created_by),
            )  # fmt: skip

    def list(self) -> tuple[Listed, ...]:
        """Newest first."""
        query = """
            SELECT drafts.*, COUNT(image_id), COALESCE(SUM(annotated), 0),
              COALESCE((SELECT version FROM versions WHERE versions.dataset_id = drafts.dataset_id
                        ORDER BY at DESC LIMIT 1), '')
            FROM drafts LEFT JOIN images ON images.dataset_id = drafts.dataset_id
            GROUP BY drafts.dataset_id ORDER BY created_at DESC"""
        with self._database.reading() as rows:
            found = rows.execute(query).fetchall()
        return tuple(Listed(draft=_draft(row[:7]), images=row[7], annotated=row[8], version=row[9]) for row in found)

    def get(self, dataset_id: str) -> Draft:
        """Raises UnknownDraft."""
        with self._database.reading() as rows:
            return _get(rows, dataset_id)

    def set_classes(self, dataset_id: str, class_names: Sequence[str]) -> None:
        """Names may change and be added behind; classes are never removed, for marks refer to them by number."""
        with self._database.transaction() as rows:
            before = _get(rows, dataset_id).class_names
            if len(class_names) < len(before):
                raise InvalidDraft(f"{len(class_names)} classes; accepted are the {len(before)} there are, and more")
            text = json.dumps(list(class_names), ensure_ascii=False)
            rows.execute("UPDATE drafts SET class_names = ? WHERE dataset_id = ?", (text, dataset_id))

    def remove(self, dataset_id: str) -> None:
        with self._database.transaction() as rows:
            _get(rows, dataset_id)
            rows.execute("DELETE FROM drafts WHERE dataset_id = ?", (dataset_id,))

    def add_image(self, dataset_id: str, record: ImageRecord, document: Document | None = None) -> int:
        """The image's id. Raises Duplicate for the same content, InvalidDraft for a path that is taken."""
        document = document or Document()
        with self._database.transaction() as rows:
            _get(rows, dataset_id)
            count = rows.execute("SELECT COUNT(*) FROM images WHERE dataset_id = ?", (dataset_id,)).fetchone()[0]
            if count >= self.most_images:
                raise InvalidDraft(f"a draft takes at most {self.most_images} images")
            same = rows.execute(
                "SELECT path, sha256 FROM images WHERE dataset_id = ? AND (sha256 = ? OR path = ?)",
                (dataset_id, record.sha256, record.path),
            ).fetchone()
            if same is not None and same[1] == record.sha256:
                raise Duplicate(same[0])
            if same is not None:
                raise InvalidDraft(f"another picture is called {record.path!r} already: give this one another name")
            inserted = rows.execute(
                "INSERT INTO images (dataset_id, path, sha256, record, added_at, revision, document, annotated, shapes)"
                " VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?) RETURNING image_id",
                (dataset_id, record.path, record.sha256, record_to_json(record), self._clock(),
                 document_to_json(document), int(document.is_annotated), len(document.shapes)),
            ).fetchone()  # fmt: skip
            return int(inserted[0])

    def images(self, dataset_id: str) -> tuple[ImageRow, ...]:
        """By path."""
        with self._database.reading() as rows:
            _get(rows, dataset_id)
            found = rows.execute(
                f"SELECT image_id, path, sha256, {self._size}, annotated, shapes"  # noqa: S608
                " FROM images WHERE dataset_id = ? ORDER BY path",
                (dataset_id,),
            ).fetchall()
        return tuple(
            ImageRow(
                image_id=row[0], path=row[1], sha256=row[2], width=row[3], height=row[4], annotated=bool(row[5]),
                shapes=row[6],
            )
            for row in found
        )  # fmt: skip

    def image(self, dataset_id: str, image_id: int) -> ImageRecord:
        """Raises UnknownDraft."""
        with self._database.reading() as rows:
            found = rows.execute(
                "SELECT record FROM images WHERE dataset_id = ? AND image_id = ?", (dataset_id, image_id)
            ).fetchone()
        if found is None:
            raise UnknownDraft(f"dataset {dataset_id!r} has no image {image_id}")
        return record_from_json(found[0])

    def views(self, dataset_id: str, record: ImageRecord) -> tuple[tuple[int, ImageRecord], ...]:
        """The images of the record's object under each of its lights, by path; none where it has no light."""
        if record.light is None:
            return ()
        with self._database.reading() as rows:
            found = rows.execute(
                "SELECT image_id, record FROM images"  # noqa: S608
                f" WHERE dataset_id = ? AND {self._light_object} = ? ORDER BY path LIMIT ?",
                (dataset_id, record.light.object, MOST_VIEWS),
            ).fetchall()
        return tuple((image_id, record_from_json(text)) for image_id, text in found)

    def remove_image(self, dataset_id: str, image_id: int) -> None:
        with self._database.transaction() as rows:
            rows.execute("DELETE FROM images WHERE dataset_id = ? AND image_id = ?", (dataset_id, image_id))

    def contents(self, dataset_id: str) -> tuple[Draft, tuple[tuple[ImageRecord, Document], ...]]:
        """The draft and all that is in it, as of one moment."""
        with self._database.reading() as rows:
            draft = _get(rows, dataset_id)
            found = rows.execute(
                "SELECT record, document FROM images WHERE dataset_id = ? ORDER BY path", (dataset_id,)
            ).fetchall()
        return draft, tuple((record_from_json(record), document_from_json(text)) for record, text in found)

    def put_version(self, version: Version) -> None:
        with self._database.transaction() as rows:
            _get(rows, version.dataset_id)
            rows.execute(_PUT_VERSION, tuple(getattr(version, name) for name in Version.__slots__))

    def set_state(self, dataset_id: str, version: str, state: str, message: str = "") -> Version:
        """The version in its new state. Raises UnknownDraft."""
        with self._database.transaction() as rows:
            found = rows.execute(
                "UPDATE versions SET state = ?, message = ? WHERE dataset_id = ? AND version = ? RETURNING *",
                (state, message, dataset_id, version),
            ).fetchone()
        if found is None:
            raise UnknownDraft(f"dataset {dataset_id!r} has no version {version!r}")
        return _version(found)

    def versions(self, dataset_id: str) -> tuple[Version, ...]:
        """Newest first."""
        with self._database.reading() as rows:
            found = rows.execute(
                "SELECT * FROM versions WHERE dataset_id = ? ORDER BY at DESC", (dataset_id,)
            ).fetchall()
        return tuple(_version(row) for row in found)


def _get(rows: Rows, dataset_id: str) -> Draft:
    found = rows.execute("SELECT * FROM drafts WHERE dataset_id = ?", (dataset_id,)).fetchone()
    if found is None:
        raise UnknownDraft(f"there is no dataset {dataset_id!r}")
    return _draft(found)


def _draft(row: Iterable[Any]) -> Draft:
    dataset_id, category, option, architecture, class_names, created_at, created_by = row
    return Draft(
        dataset_id=dataset_id,
        category=category,
        option=option,
        architecture=architecture,
        class_names=tuple(json.loads(class_names)),
        created_at=created_at,
        created_by=created_by,
    )


def _version(row: Sequence[Any]) -> Version:
    return Version(**dict(zip(Version.__slots__, row, strict=True)))
