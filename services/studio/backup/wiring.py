"""What uploads drafts and brings them back, of a database and its tables."""

from __future__ import annotations

import time

from truscore.storage import Store

from services.studio.agreement import comparisons
from services.studio.backup.changed_rows import ChangedRows
from services.studio.backup.restoring import Restore
from services.studio.backup.uploader import Uploader
from services.studio.database.sqlite import SqliteDatabase
from services.studio.drafts import readings
from services.studio.drafts import store as drafts
from services.studio.drafts.files import Files
from services.studio.publish import contents


def create_changed_rows(database: SqliteDatabase) -> ChangedRows:
    """With all the tables that it looks at."""
    for tables in (drafts.TABLES, readings.TABLES, comparisons.TABLES, contents.TABLE):
        database.create(tables)
    return ChangedRows(database)


def create_uploader(database: SqliteDatabase, files: Files, store: Store, bucket: str) -> Uploader:
    return Uploader(rows=create_changed_rows(database), files=files, store=store, bucket=bucket, clock=time.time)


def restored(database: SqliteDatabase, files: Files, store: Store, bucket: str, *, generation: str) -> str:
    """Bring drafts back, while no studio runs here; what came back, in words. Raises RestoreRefused and StoreError."""
    found = Restore(store, bucket).into(create_changed_rows(database), files, generation=generation)
    lost = f"; without a file in the store: {', '.join(found.missing)}" if found.missing else ""
    return f"generation {found.generation}: {found.segments} segments, {found.images} images{lost}"


def listed_generations(store: Store, bucket: str) -> str:
    """Of drafts in the store, oldest first, one a line."""
    return "\n".join(Restore(store, bucket).generations()) or "the store has none"
