"""Decoded pixels of many images in one file that is mapped into memory: each written once, by whoever decodes it first.

A pack is named by what is in it: the images' digests and sizes, and what was made of them. So its layout is known
before a pixel is decoded, processes fill it together without a lock, and whatever is in it is right for whoever finds
it: a table of digests, one of each image's bytes, then the bytes. A digest is written after its bytes. What a killed
process or a power cut leaves half written fails its digest and is written again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import mmap
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 1
DIGEST_BYTES = 16
ALIGNED_BYTES = 64
LOW_WATER = 0.9
Shape = tuple[int, ...]


class Pack:
    """An open pack, shared by threads and forked processes; it is in use until the process ends or it is closed."""

    def __init__(self, path: Path, shapes: Mapping[str, Shape]) -> None:
        self._names = {name: place for place, name in enumerate(sorted(shapes))}
        self._shapes = dict(shapes)
        self._offsets, self.size_bytes = layout(shapes)
        self._verified = bytearray(len(shapes))
        # Kept from eviction as long as somebody has this lock.
        self._file = path.open("r+b", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_SH)
        self._map = mmap.mmap(self._file.fileno(), self.size_bytes, access=mmap.ACCESS_READ)
        self._writable = True

    def read(self, name: str) -> NDArray[np.uint8] | None:
        """A read-only view of an image's bytes in their shape; None where they are not there, or not as written."""
        import numpy as np

        if (place := self._names.get(name)) is None:
            return None
        shape = self._shapes[name]
        count = _count(shape)
        if not self._verified[place]:
            start = place * DIGEST_BYTES
            written = self._map[start : start + DIGEST_BYTES]
            with memoryview(self._map)[self._offsets[name] : self._offsets[name] + count] as content:
                if written != digest_of(content):
                    return None
            self._verified[place] = 1
        return np.frombuffer(self._map, dtype=np.uint8, count=count, offset=self._offsets[name]).reshape(shape)

    def write(self, name: str, pixels: NDArray[np.uint8]) -> None:
        """Keep an image's pixels; not where the image or its shape was not announced, nor on a full disk."""
        if not self._writable or pixels.shape != self._shapes.get(name):
            return
        content = memoryview(pixels.tobytes())
        try:
            # Not through the map: where the disk is full, writing there ends the process (SIGBUS).
            _write_all(self._file.fileno(), content, self._offsets[name])
            _write_all(self._file.fileno(), memoryview(digest_of(content)), self._names[name] * DIGEST_BYTES)
        except OSError:
            self._writable = False

    def close(self) -> None:
        """Release it; views that were read stay valid."""
        fcntl.flock(self._file, fcntl.LOCK_UN)  # the map has the file open as well
        self._file.close()
        self._writable = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PackFolder:
    """Packs on a disk, together at most ``limit_bytes``: those not in use make room, least recently opened first.

    ``min_free_bytes`` of the disk stay free.
    """

    path: Path
    limit_bytes: int
    min_free_bytes: int = 0

    def open(self, made: str, shapes: Mapping[str, Shape]) -> Pack | None:
        """The pack of these images, named by their digests; ``made`` says what was made of them and how.

        None where there is no room, and where there are no images. Raises OSError.
        """
        _, size_bytes = layout(shapes)
        if not shapes or size_bytes > self.limit_bytes:
            return None
        self.path.mkdir(parents=True, exist_ok=True)
        place = self.path / f"{key_of(made, shapes)}.pack"
        with self._locked():
            if not (place.exists() and place.stat().st_size == size_bytes):
                if not self._make_room(size_bytes):
                    return None
                _create(place, size_bytes)
            os.utime(place)
            return Pack(place, shapes)

    def _make_room(self, needed_bytes: int) -> bool:
        # By the bytes that they have been promised, not by those written so far: all of it may be written yet.
        packs = sorted(self.path.glob("*.pack"), key=lambda path: path.stat().st_mtime_ns)
        held_bytes = sum(path.stat().st_size for path in packs)
        wanted = self.limit_bytes * LOW_WATER if held_bytes + needed_bytes > self.limit_bytes else self.limit_bytes
        for path in packs:
            if held_bytes + needed_bytes <= wanted:
                break
            size_bytes = path.stat().st_size
            if _removed(path):
                held_bytes -= size_bytes
        enough = held_bytes + needed_bytes <= self.limit_bytes
        return enough and shutil.disk_usage(self.path).free >= needed_bytes + self.min_free_bytes

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.path / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def key_of(made: str, shapes: Mapping[str, Shape]) -> str:
    """The name of a pack, hexadecimal: of the same images in the same form it is the same."""
    content = json.dumps([FORMAT, made, sorted((name, list(shape)) for name, shape in shapes.items())])
    return hashlib.sha256(content.encode()).hexdigest()


def layout(shapes: Mapping[str, Shape]) -> tuple[dict[str, int], int]:
    """Where each image's bytes begin, and where the last ones end."""
    at, offsets = _aligned(len(shapes) * DIGEST_BYTES), {}
    for name in sorted(shapes):
        offsets[name] = at
        at = _aligned(at + _count(shapes[name]))
    return offsets, at


def digest_of(content: memoryview) -> bytes:
    """BLAKE2b of 16 bytes: what lies in a file of ours is held against decay, not against forgery."""
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()


def _create(place: Path, size_bytes: int) -> None:
    """A file of holes under a name of its own, then under the pack's: nobody opens one of another size."""
    unfinished = place.with_name(f".{uuid.uuid4().hex}")
    try:
        with unfinished.open("xb") as file:
            file.truncate(size_bytes)
        unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)


def _removed(path: Path) -> bool:
    """Whether nobody has it open, in which case it is gone."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        path.unlink(missing_ok=True)
    return True


def _write_all(file: int, content: memoryview, offset: int) -> None:
    while content:
        written = os.pwrite(file, content, offset)
        content, offset = content[written:], offset + written


def _count(shape: Sequence[int]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


def _aligned(at: int) -> int:
    return -(-at // ALIGNED_BYTES) * ALIGNED_BYTES
