"""The objects of a run in an archive: which of them come along, and their way back into a store."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from truscore.storage import Store

from services.cli.archive.tar_file import ArchiveRefused, Member, member_of

FOLDERS: Final = ("datasets/", "runs/", "models/")
MAX_REPORT_FILES: Final = 10_000


def fetched_objects(
    store: Store, named: Mapping[str, tuple[str, int]], report_uri: str, folder: Path, *, most_bytes: int | None
) -> tuple[dict[str, Path], list[Member], list[Member]]:
    """What events name by digest and the report's files, fetched: paths and members by name, and what was left out
    for its size. Raises StoreError, DigestMismatch where an object is not what its event says."""
    paths: dict[str, Path] = {}
    members: list[Member] = []
    left_out: list[Member] = []
    for uri, (sha256, size_bytes) in sorted(named.items()):
        there = store.stat(uri)
        size = there.size_bytes if there is not None else size_bytes
        if there is None or (most_bytes is not None and size > most_bytes):
            left_out.append(Member(name=_name(uri), sha256=sha256, size_bytes=size, uri=uri))
            continue
        paths[_name(uri)] = _fetched(store, uri, folder, sha256=sha256)
    prefix = report_uri.rpartition("/")[0] + "/"
    for entry in store.list(prefix, limit=MAX_REPORT_FILES) if report_uri else ():
        if entry.uri not in named:
            paths[_name(entry.uri)] = _fetched(store, entry.uri, folder, sha256=None)
    members = [
        member_of(name, path, uri=f"s3://{unquote(name.removeprefix('objects/'))}") for name, path in paths.items()
    ]
    return paths, members, left_out


def _name(uri: str) -> str:
    return f"objects/{quote(uri.removeprefix('s3://'), safe='/')}"


def _fetched(store: Store, uri: str, folder: Path, *, sha256: str | None) -> Path:
    path = folder / _name(uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    store.get_file(uri, path, sha256=sha256)
    return path


def put_objects(store: Store, bucket: str, members: Iterable[Member], folder: Path) -> int:
    """Every object under its address; how many were missing. Raises ArchiveRefused, StoreError."""
    there_before = 0
    wanted = [member for member in members if member.uri]
    for member in wanted:
        key = member.uri.removeprefix(f"s3://{bucket}/")
        if key == member.uri or not key.startswith(FOLDERS) or _name(member.uri) != member.name:
            raise ArchiveRefused(f"{member.uri} is no object below {', '.join(FOLDERS)} of the bucket {bucket!r}")
        if (there := store.stat(member.uri)) is not None and (there.size_bytes, there.sha256 or member.sha256) != (
            member.size_bytes,
            member.sha256,
        ):
            raise ArchiveRefused(f"{member.uri} has other content here: nothing was changed")
    for member in wanted:
        if store.stat(member.uri) is not None:
            there_before += 1
        else:
            store.put_file(member.uri, folder / member.name)
    return len(wanted) - there_before
