"""Files that appear whole or not at all: written beside their place, made durable, then renamed."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from truscore.storage.errors import NoSpace

# EFBIG: the file would pass a limit on file sizes; to the caller that is a disk that takes no more.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def atomic_write(path: Path, *, uri: str = "") -> Iterator[BinaryIO]:
    """A file to write; on a clean exit it is at `path`, on any other there is no trace of it.

    Raises NoSpace where the disk takes no more of the object `uri`, and OSError otherwise.
    """
    partial: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=".part", dir=path.parent)
        partial = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o644)
        partial.replace(path)
        partial = None
        _sync_folder(path.parent)
    except OSError as error:
        if uri and error.errno in _FULL:
            raise NoSpace(uri, f"cannot be written to {path}: {error.strerror}") from error
        raise
    finally:
        if partial is not None:
            with suppress(FileNotFoundError):
                partial.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
