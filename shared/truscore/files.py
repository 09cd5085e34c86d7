"""Files of this disk: whole or not there, and known by their digest. Knows paths and bytes; knows no object store."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedRandom
from pathlib import Path

# EFBIG: the file would pass a limit on file sizes; to who writes that is a disk that takes no more.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def is_full_disk(error: BaseException | None) -> bool:
    """Whether a disk without room, or a limit on files, is what it came of; libraries wrap a failed write in errors."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def atomic_write(path: Path, *, one_writer: bool = False) -> Iterator[BufferedRandom]:
    """A file to write, and to read back; on a clean exit it is at `path`, on any other there is no trace of it.

    Written beside its place, synced, then renamed. A process that is killed meanwhile leaves the part that it wrote:
    with `one_writer` that part has one name, and the next writer takes its place. Raises OSError.
    """
    partial: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if one_writer:
            partial = path.with_name(f".{path.name}.part")
            file = partial.open("w+b")
        else:
            handle, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=".part", dir=path.parent)
            partial = Path(name)
            file = os.fdopen(handle, "w+b")
        with file:
            yield file
            # On disk before the name is: after a power cut the name would otherwise point at an empty file.
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o644)
        partial.replace(path)
        partial = None
        sync_folder(path.parent)
    finally:
        if partial is not None:
            with suppress(FileNotFoundError):
                partial.unlink()


def sync_folder(folder: Path) -> None:
    """Make what was renamed in it durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Of a file's content, hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_at_most(path: Path, most_bytes: int) -> bytes | None:
    """The file's bytes; None where it has more. Raises OSError.

    What is set aside follows the file's size: `read(n)` sets n bytes aside before it knows how many there are.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(min(size, most_bytes) + 1)
        # One more than its size was: it has grown meanwhile, or is none whose size is known beforehand.
        while len(content) <= most_bytes and (part := file.read(min(2**20, most_bytes + 1 - len(content)))):
            content += part
    return None if len(content) > most_bytes else content
