"""Drafts from the store onto a new disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from truscore.storage import ObjectMissing, Store

from services.studio.backup import segments
from services.studio.backup.changed_rows import Change, ChangedRows
from services.studio.backup.segments import InvalidSegment
from services.studio.drafts.files import Files

MOST_PACKED_BYTES: Final = 64 << 20


class RestoreRefused(Exception):
    """No row was changed; in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """What came back. `missing`: images by digest whose file is not in the store."""

    generation: str
    segments: int
    images: int
    missing: tuple[str, ...]


class Restore:
    """From one bucket. Blocks; raises StoreError."""

    def __init__(self, store: Store, bucket: str) -> None:
        self._store, self._bucket = store, bucket

    def generations(self) -> list[str]:
        """Oldest first."""
        place = segments.prefix(self._bucket)
        names = {entry.uri.removeprefix(place).partition("/")[0] for entry in self._store.list(place)}
        return sorted(filter(segments.is_generation, names))

    def into(self, rows: ChangedRows, files: Files, *, generation: str = "") -> Restored:
        """The newest generation that is complete, or the one that is named. Raises RestoreRefused; images that were
        fetched by then stay."""
        if not rows.is_empty():
            raise RestoreRefused("this studio has drafts: restore into an empty TRUSCORE_STUDIO_WORKDIR")
        known = self.generations()
        if generation and generation not in known:
            raise RestoreRefused(f"generation {generation!r}; the store has {', '.join(known) or 'none'}")
        for name in [generation] if generation else reversed(known):
            read = list(self._read(name))
            if any(is_complete for is_complete, _ in read):
                changes = [change for _, each in read for change in each]
                images, missing = self._fetch_images(changes, files)
                try:
                    rows.put_back(changes)
                except sqlite3.Error as error:
                    raise RestoreRefused(f"generation {name} does not fit together: {error}") from error
                return Restored(generation=name, segments=len(read), images=images, missing=missing)
        raise RestoreRefused(f"no generation under {segments.prefix(self._bucket)} is complete")

    def _read(self, generation: str) -> Iterator[tuple[bool, list[Change]]]:
        listed = self._store.list(segments.prefix(self._bucket, generation))
        for number, entry in enumerate(listed, start=1):
            if entry.uri != segments.uri_of(self._bucket, generation, number):
                raise RestoreRefused(f"{entry.uri} is not segment {number} of its generation: one is missing before it")
            try:
                yield segments.segment_from_bytes(self._store.get(entry.uri, limit_bytes=MOST_PACKED_BYTES))
            except InvalidSegment as error:
                raise RestoreRefused(f"{entry.uri}: {error}") from error

    def _fetch_images(self, changes: list[Change], files: Files) -> tuple[int, tuple[str, ...]]:
        last = {change.key: change.row for change in changes if change.table == "images"}
        digests = sorted({str(row["sha256"]) for row in last.values() if row})
        return len(digests), tuple(digest for digest in digests if not self._fetch(digest, files))

    def _fetch(self, digest: str, files: Files) -> bool:
        """Whether the image itself is here now."""
        places = {
            "previews": files.preview(digest),
            "thumbnails": files.thumbnail(digest),
            "images": files.image(digest),
        }
        for kind, path in places.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            # The name of an image is its digest; those of previews are not their own.
            proof = digest if kind == "images" else None
            try:
                self._store.get_file(segments.file_uri(self._bucket, kind, digest), path, sha256=proof)
            except ObjectMissing:
                continue
        return files.image(digest).exists()
