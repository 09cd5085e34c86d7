"""The file that an object is fetched into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path

from truscore.files import atomic_write, is_full_disk
from truscore.storage.errors import NoSpace


@contextmanager
def object_file(path: Path, *, uri: str) -> Iterator[BufferedRandom]:
    """As `atomic_write`. Raises NoSpace where the disk takes no more of the object `uri`, and OSError otherwise."""
    try:
        with atomic_write(path) as file:
            yield file
    except OSError as error:
        if is_full_disk(error):
            raise NoSpace(uri, f"cannot be written to {path}: {error.strerror}") from error
        raise
