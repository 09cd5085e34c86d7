"""The disk's part of a backup: objects by digest, SQLite databases, folders."""

import json
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from truscore.files import atomic_write, sha256_of
from truscore.storage import Store

OBJECTS: Final = "objects.jsonl"
MOST_OBJECTS: Final = 10_000_000


class NotRestored(Exception):
    """Something is in the way, or is not what was backed up; the message names it."""


def copy_objects(store: Store, bucket: str, folder: Path) -> int:
    """Every object of the bucket, each content once, under its SHA-256; how many objects. Raises StoreError."""
    contents, count = folder / "objects", 0
    contents.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / OBJECTS) as listing:
        for entry in store.list(f"s3://{bucket}/", limit=MOST_OBJECTS):
            fetched = contents / ".fetched"
            stored = store.get_file(entry.uri, fetched)
            fetched.replace(contents / stored.sha256)
            key = entry.uri.removeprefix(f"s3://{bucket}/")
            line = {"key": key, "sha256": stored.sha256, "size_bytes": stored.size_bytes}
            listing.write(json.dumps(line).encode() + b"\n")
            count += 1
    return count


def put_objects(store: Store, bucket: str, folder: Path) -> int:
    """Every object back under its key; how many were missing. Raises NotRestored, StoreError."""
    count = 0
    for line in lines_of(folder / OBJECTS):
        uri, path = f"s3://{bucket}/{line['key']}", folder / "objects" / line["sha256"]
        if (there := store.stat(uri)) is not None:
            if there.size_bytes != line["size_bytes"] or (there.sha256 and there.sha256 != line["sha256"]):
                raise NotRestored(f"{uri} has other content by now: restore into an empty bucket")
            continue
        if sha256_of(path) != line["sha256"]:
            raise NotRestored(f"{path} is damaged: its SHA-256 is not its name")
        store.put_file(uri, path)
        count += 1
    return count


def copy_database(source: Path, target: Path) -> None:
    """A SQLite database as of one moment, while others write to it. Raises sqlite3.Error, OSError."""
    if not source.is_file():
        raise NotRestored(f"{source}: no such database")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as here:
        there.backup(here)


def put_database(source: Path, target: Path) -> None:
    """The database where it belongs. Raises NotRestored where there is one, or where it is damaged."""
    if target.exists():
        raise NotRestored(f"{target} is there already: move it away first")
    with closing(sqlite3.connect(source)) as found:
        if (state := found.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            raise NotRestored(f"{source} is damaged: {state}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def copy_folder(source: Path, target: Path) -> None:
    """A folder as a compressed archive."""
    if not source.is_dir():
        raise NotRestored(f"{source}: no such folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:gz") as archive:
        archive.add(source, arcname=".")


def put_folder(source: Path, target: Path) -> None:
    """The folder where it belongs. Raises NotRestored where it has something in it."""
    if target.exists() and any(target.iterdir()):
        raise NotRestored(f"{target} is not empty: move it away first")
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(source) as archive:
        archive.extractall(target, filter="data")


def lines_of(path: Path) -> Iterator[Mapping[str, Any]]:
    """Each line's JSON."""
    with path.open() as file:
        for line in file:
            yield json.loads(line)
