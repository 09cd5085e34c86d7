"""Which versions an instance of the studio is publishing now: it says so again and again, and one that says nothing any
more has ended. Adapter of the database."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from services.studio.database import Database, DatabaseAway
from services.studio.drafts.store import Version

log = logging.getLogger("truscore.studio")

STATES: Final = ("writing", "uploading")
SEEN_S: Final = 30.0  # between two words of an instance
GONE_S: Final = 300.0  # without one it has ended
STOPPED: Final = "the studio was stopped meanwhile: publish again"
TABLE: Final = """
CREATE TABLE IF NOT EXISTS versions_under_way (
  dataset_id TEXT NOT NULL, version TEXT NOT NULL, seen REAL NOT NULL, PRIMARY KEY (dataset_id, version),
  FOREIGN KEY (dataset_id, version) REFERENCES versions ON DELETE CASCADE);
"""


class UnderWay:
    """Made after the table of versions."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock
        database.create(TABLE)

    @asynccontextmanager
    async def held(self, version: Version) -> AsyncIterator[None]:
        """While the block runs, somebody is at it."""
        task = asyncio.create_task(self._repeat(version), name=f"hold {version.version}")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def give_up(self) -> int:
        """Versions at which nobody is any more have failed; how many. Those are all where an instance that has the
        database to itself begins. Raises DatabaseAway."""
        before = self._clock() - GONE_S if self._database.is_shared else math.inf
        with self._database.transaction() as rows:
            return rows.execute(
                "UPDATE versions SET state = 'failed', message = ? WHERE state IN (?, ?) AND"
                " coalesce((SELECT seen FROM versions_under_way AS held WHERE held.dataset_id = versions.dataset_id"
                " AND held.version = versions.version), at) < ?",
                (STOPPED, *STATES, before),
            ).rowcount

    @asynccontextmanager
    async def giving_up(self) -> AsyncIterator[None]:
        """Beside the block, where other instances may end."""
        if not self._database.is_shared:
            yield
            return
        task = asyncio.create_task(self._look(), name="give up versions")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(SEEN_S)
            try:
                if count := await asyncio.to_thread(self.give_up):
                    log.warning("%d versions were given up, at which no instance of the studio is any more", count)
            except DatabaseAway as error:
                log.warning("versions that nobody is at are looked for again: %s", error.reason)

    async def _repeat(self, version: Version) -> None:
        while True:
            try:
                await asyncio.to_thread(self.say, version)
            except DatabaseAway as error:
                log.warning("that version %s is under way is said again: %s", version.version, error.reason)
            await asyncio.sleep(SEEN_S)

    def say(self, version: Version) -> None:
        """Raises DatabaseAway."""
        with self._database.transaction() as rows:
            # The draft may be gone by now, and the version with it.
            rows.execute(
                "INSERT INTO versions_under_way (dataset_id, version, seen)"
                " SELECT dataset_id, version, CAST(? AS DOUBLE PRECISION) FROM versions"
                " WHERE dataset_id = ? AND version = ?"
                " ON CONFLICT (dataset_id, version) DO UPDATE SET seen = excluded.seen",
                (self._clock(), version.dataset_id, version.version),
            )
