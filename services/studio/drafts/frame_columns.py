"""SQL for what a document is bounded by: the image's size, and how many classes its draft has."""

from __future__ import annotations

from collections.abc import Sequence

from services.studio.database import Database
from services.studio.drafts.document import Frame


def size_columns(database: Database) -> str:
    """Width and height, of the table `images`."""
    return ", ".join(database.json_whole("record", "images", 0, side) for side in ("width", "height"))


def frame_columns(database: Database) -> str:
    """For frame_of, of the tables `images` and `drafts`."""
    return f"{size_columns(database)}, {database.json_length('class_names')}"


def frame_of(row: Sequence[int]) -> Frame:
    return Frame(width=row[0], height=row[1], classes=row[2])
