"""Two documents of one image compared in the child, and kept until one of them changes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final

from services.studio.child.line_child import ChildBroke, ChildSlow, LineChild
from services.studio.database import Database
from services.studio.drafts.dataset import InvalidDraft
from services.studio.drafts.document import Document
from services.studio.drafts.document_json import document_to_json

SHARED: Final = ""  # instead of a name: the document that all edit
TABLES: Final = """
CREATE TABLE IF NOT EXISTS reading_comparisons (
  image_id INTEGER NOT NULL REFERENCES images ON DELETE CASCADE, one TEXT NOT NULL, other TEXT NOT NULL,
  revisions TEXT NOT NULL, found TEXT NOT NULL, PRIMARY KEY (image_id, one, other));
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of the two: whose, and in which revision."""

    name: str
    revision: int
    document: Document


@dataclass(frozen=True, kw_only=True, slots=True)
class Canvas:
    """The image that both are of; pixels."""

    image_id: int
    width: int
    height: int


class Comparisons:
    """What `matching.compare` says of two documents."""

    def __init__(self, database: Database, child: LineChild) -> None:
        self._database, self._child = database, child
        database.create(TABLES)

    async def of(self, canvas: Canvas, one: Side, other: Side) -> dict[str, Any]:
        """InvalidDraft where it can't be told within the child's bounds."""
        revisions = f"{one.revision} {other.revision}"
        names = (canvas.image_id, one.name, other.name)
        if (known := await asyncio.to_thread(self._known, names, revisions)) is not None:
            return known
        job = {
            "what": "compare",
            "one": document_to_json(one.document),
            "other": document_to_json(other.document),
            "width": canvas.width,
            "height": canvas.height,
        }
        try:
            answer = await self._child.ask(job)
        except ChildSlow as error:
            raise InvalidDraft(f"comparing two readings takes {error}, which is all it may take") from error
        except ChildBroke as error:
            raise InvalidDraft("the process that compares readings broke down on this image") from error
        if answer["fault"]:
            raise InvalidDraft(answer["fault"])
        found: dict[str, Any] = answer["found"]
        await asyncio.to_thread(self._keep, names, revisions, found)
        return found

    def _known(self, names: tuple[int, str, str], revisions: str) -> dict[str, Any] | None:
        with self._database.reading() as rows:
            row = rows.execute(
                "SELECT found FROM reading_comparisons WHERE image_id = ? AND one = ? AND other = ? AND revisions = ?",
                (*names, revisions),
            ).fetchone()
        found: dict[str, Any] | None = None if row is None else json.loads(row[0])
        return found

    def _keep(self, names: tuple[int, str, str], revisions: str, found: dict[str, Any]) -> None:
        image_id, one, other = names
        with self._database.transaction() as rows:
            # The image may be gone by now, and its comparison with it.
            rows.execute(
                "INSERT INTO reading_comparisons (image_id, one, other, revisions, found)"
                " SELECT image_id, ?, ?, ?, ? FROM images WHERE image_id = ?"
                " ON CONFLICT (image_id, one, other) DO UPDATE"
                " SET revisions = excluded.revisions, found = excluded.found",
                (one, other, revisions, json.dumps(found), image_id),
            )
