"""A journal in the store, for a training process whose disk the service does not see.

Numbered objects that are only ever added, each a run of whole lines. Each is written on the condition that there is
none: of two processes that take themselves for the attempt's, one is refused at the first segment that both write.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from truscore.storage import ObjectChanged, ObjectMissing, Store

from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.uploads import Fenced

SEGMENT_LIMIT_BYTES = 8 << 20
SEGMENTS_LIMIT = 1_000_000


class Segments:
    """The journal of one attempt, from its beginning; one reader or one writer of it."""

    def __init__(self, store: Store, keys: RunKeys, attempt: int) -> None:
        self._store = store
        self._keys = keys
        self._attempt = attempt
        self._next = 0
        self.size_bytes = 0  # of all that was read or appended

    def read(self) -> bytes:
        """The next segment; empty where there is none yet."""
        try:
            lines = self._store.get(self._keys.segment(self._attempt, self._next), limit_bytes=SEGMENT_LIMIT_BYTES)
        except ObjectMissing:
            return b""
        self._count(lines)
        return lines

    def append(self, lines: bytes, *, offset: int) -> None:
        """Add the next segment, whose first byte is the journal's at ``offset``; harmless when it is repeated.

        Raises Fenced where another process has gone on with the journal, ValueError where the segment does not follow.
        """
        if offset != self.size_bytes or not lines.endswith(b"\n") or len(lines) > SEGMENT_LIMIT_BYTES:
            raise ValueError(
                f"a segment of {len(lines)} bytes at {offset}: accepted are whole lines, at most {SEGMENT_LIMIT_BYTES} "
                f"bytes, at {self.size_bytes}"
            )
        uri = self._keys.segment(self._attempt, self._next)
        try:
            self._store.put_if(uri, lines, etag="", content_type="application/jsonl")
        except ObjectChanged:
            # The answer to our own write may have been lost: then what is there is ours.
            if self._store.get(uri, limit_bytes=SEGMENT_LIMIT_BYTES) != lines:
                raise Fenced(f"another process writes the journal of attempt {self._attempt}: {uri}") from None
        self._count(lines)

    def copy_to(self, path: Path) -> None:
        """Write all there is, from the beginning, into a file that appears whole."""
        partial = path.with_name(f".{path.name}.part")
        with partial.open("wb") as file:
            while lines := self.read():
                file.write(lines)
        partial.replace(path)

    def _count(self, lines: bytes) -> None:
        self._next += 1
        self.size_bytes += len(lines)


def drop_segments(store: Store, keys: RunKeys, *, attempts: int) -> None:
    """Remove the segments of the first so many attempts, whose journals are in the store as whole objects."""
    for attempt in range(1, attempts + 1):
        if store.stat(keys.journal(attempt)) is not None:
            for uri in list(_uris(store, keys.segments(attempt))):
                store.delete(uri)


def _uris(store: Store, prefix: str) -> Iterator[str]:
    with suppress(ObjectMissing):
        yield from (entry.uri for entry in store.list(prefix, limit=SEGMENTS_LIMIT))
