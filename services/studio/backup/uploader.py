"""Uploads what changed, each minute."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final

from truscore.storage import ObjectChanged, Store, StoreError

from services.studio.backup import segments
from services.studio.backup.changed_rows import Change, ChangedRows, Uploaded
from services.studio.drafts.files import Files

log = logging.getLogger("truscore.studio")

MOST_ROWS: Final = 5000
MOST_BYTES: Final = 16 << 20  # of a segment's rows, but for one row that is larger by itself
#: After so many a new generation begins with all rows: a restore reads one generation.
MOST_SEGMENTS: Final = 10_000


class Uploader:
    """`upload` blocks: the loop calls it in a thread."""

    def __init__(
        self,
        *,
        rows: ChangedRows,
        files: Files,
        store: Store,
        bucket: str,
        clock: Callable[[], float],
        most_rows: int = MOST_ROWS,
        most_segments: int = MOST_SEGMENTS,
    ) -> None:
        self._rows, self._files, self._store, self._bucket, self._clock = rows, files, store, bucket, clock
        self._most_rows, self._most_segments = most_rows, most_segments
        self._lock = threading.Lock()

    def upload(self) -> int:
        """All that changed before the call. How many segments were written. Raises StoreError."""
        with self._lock:  # one that was begun goes on where its loop is cancelled
            return self._upload()

    def _upload(self) -> int:
        uploaded = self._rows.uploaded()
        if uploaded is None and self._rows.is_empty():
            return 0  # there is nothing to lose yet
        begins = uploaded is None or (uploaded.segments >= self._most_segments and self._rows.count() > 0)
        if begins:
            self._rows.begin(segments.new_generation(self._clock()))
        written = 0
        # A generation has a segment that completes it even where every draft is gone by then.
        while (changes := self._rows.changes(most_rows=self._most_rows, most_bytes=MOST_BYTES)) or (
            begins and not written
        ):
            self._upload_files(changes)
            is_complete = self._rows.count() == len(changes)
            self._upload_segment(changes, is_complete=is_complete)
            written += 1
            if is_complete:
                break  # what changed since then is of the next call
        return written

    def _upload_segment(self, changes: tuple[Change, ...], *, is_complete: bool) -> None:
        uploaded = self._rows.uploaded()
        assert uploaded is not None
        number = uploaded.segments + 1
        data = segments.segment_to_bytes(changes, is_complete=is_complete)
        while True:
            try:
                self._store.put_if(segments.uri_of(self._bucket, uploaded.generation, number), data, etag="")
                break
            except ObjectChanged:
                number += 1  # it arrived, and this process ended before it was noted: what is newer goes behind
        self._rows.confirm(changes, Uploaded(generation=uploaded.generation, segments=number))

    def _upload_files(self, changes: Iterable[Change]) -> None:
        """Before the segment that names them. A file that is gone belongs to an image that was removed since."""
        for digest in {str(change.row["sha256"]) for change in changes if change.table == "images" and change.row}:
            places = {
                "images": self._files.image(digest),
                "previews": self._files.preview(digest),
                "thumbnails": self._files.thumbnail(digest),
            }
            for kind, path in places.items():
                uri = segments.file_uri(self._bucket, kind, digest)
                if path.exists() and self._store.stat(uri) is None:
                    self._store.put_file(uri, path)


@asynccontextmanager
async def uploading(uploader: Uploader, *, every_s: float) -> AsyncIterator[None]:
    """Beside the block, and once more at its end; 0 for never."""
    if every_s <= 0:
        yield
        return
    task = asyncio.create_task(_repeat(uploader, every_s))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await _try(uploader)


async def _repeat(uploader: Uploader, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await asyncio.shield(asyncio.ensure_future(_try(uploader)))


async def _try(uploader: Uploader) -> None:
    try:
        await asyncio.to_thread(uploader.upload)
    except StoreError as error:
        log.warning("what changed in the drafts could not be uploaded, and is tried again: %s", error)
    except Exception:
        log.exception("what changed in the drafts could not be uploaded, and is tried again")
