"""A reproducible tar with a manifest of digests, written and read. What is read is anybody's: nothing of it is trusted.

`manifest.json` comes first and names every other file with size and SHA-256. The same files give the same bytes: names
are sorted, and times, owners and rights are fixed.
"""

import hashlib
import json
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final

from truscore.files import atomic_write, sha256_of

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
MAX_MANIFEST_BYTES: Final = 16 << 20
MAX_FILES: Final = 100_000
MAX_BYTES: Final = 1 << 40
CHUNK_BYTES: Final = 1 << 20
# No `..`, nothing absolute, no blanks at an end, nothing that a terminal or Windows reads as something else.
_PART: Final = r"[A-Za-z0-9_%\-][A-Za-z0-9_.%\-]{0,199}"
NAME: Final = re.compile(rf"{_PART}(?:/{_PART}){{0,31}}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class ArchiveRefused(ValueError):
    """The file is no archive of ours, or not as it was written; the message names what is wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A file of the archive; `uri` is where the object lay that it is, empty where it is none."""

    name: str
    sha256: str
    size_bytes: int
    uri: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """`left_out` are objects that events name and the archive has not, with their digests."""

    run_id: str
    contract: str
    members: tuple[Member, ...]
    left_out: tuple[Member, ...] = ()
    format: int = FORMAT


def member_of(name: str, path: Path, *, uri: str = "") -> Member:
    """Of a file on this disk."""
    return Member(name=name, sha256=sha256_of(path), size_bytes=path.stat().st_size, uri=uri)


def write_archive(target: Path, manifest: Manifest, files: Mapping[str, Path]) -> str:
    """Write the members from `files`, by name; the archive's SHA-256. It appears whole or not at all."""
    members = sorted(manifest.members, key=lambda each: each.name)
    plain = asdict(manifest) | {"members": [asdict(each) for each in members]}
    content = json.dumps(plain, indent=1, sort_keys=True).encode() + b"\n"
    with atomic_write(target) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(_info(MANIFEST, len(content)), BytesIO(content))
        for member in members:
            with files[member.name].open("rb") as source:
                archive.addfile(_info(member.name, member.size_bytes), source)
    return sha256_of(target)


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, 0, 0o644
    return info


def read_archive(source: Path, folder: Path | None) -> Manifest:
    """Verify every file against the manifest; write them under `folder`, where one is named. Raises ArchiveRefused.

    Nothing but regular files with plain names is accepted, each once, none that the manifest does not name and as many
    bytes of each as it says: no link, no device, no path that climbs out, and nothing that grows beyond its word.
    """
    try:
        with tarfile.open(source, mode="r:") as archive:
            manifest = _manifest(archive, source)
            expected = {member.name: member for member in manifest.members}
            while (info := archive.next()) is not None:
                member = expected.pop(info.name, None)
                if member is None:
                    raise ArchiveRefused(f"{source}: {info.name[:200]!r} is not in the manifest, or there twice")
                if not info.isreg() or info.size != member.size_bytes:
                    raise ArchiveRefused(f"{source}: {info.name} is no file of {member.size_bytes} bytes")
                content = archive.extractfile(info)
                if content is None:
                    raise ArchiveRefused(f"{source}: {info.name} has no content")
                _take(content, member, source, folder)
    except (tarfile.TarError, EOFError) as error:
        raise ArchiveRefused(f"{source} is no archive of an experiment: {error}") from error
    if expected:
        raise ArchiveRefused(f"{source}: {min(expected)} is missing")
    return manifest


def _manifest(archive: tarfile.TarFile, source: Path) -> Manifest:
    info = archive.next()
    content = archive.extractfile(info) if info is not None and info.isreg() else None
    if info is None or content is None or info.name != MANIFEST or info.size > MAX_MANIFEST_BYTES:
        raise ArchiveRefused(f"{source} does not begin with {MANIFEST} of at most {MAX_MANIFEST_BYTES} bytes")
    try:
        plain = json.loads(content.read())
        if plain["format"] != FORMAT:
            raise ArchiveRefused(f"{source}: format {plain['format']!r}, accepted is {FORMAT}")
        manifest = Manifest(
            run_id=str(plain["run_id"]),
            contract=str(plain["contract"]),
            members=_members(plain["members"]),
            left_out=_members(plain["left_out"]),
        )
    except ArchiveRefused:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArchiveRefused(f"{source}: {MANIFEST}: {error!r:.300}") from error
    names = [member.name for member in manifest.members]
    size = sum(member.size_bytes for member in manifest.members)
    if len(set(names)) < len(names) or len(names) > MAX_FILES or size > MAX_BYTES:
        raise ArchiveRefused(f"{source} names a file twice, or more than {MAX_FILES} files or {MAX_BYTES} bytes")
    return manifest


def _members(plain: Sequence[Mapping[str, Any]]) -> tuple[Member, ...]:
    members = tuple(Member(**each) for each in plain)
    for each in members:
        whole = isinstance(each.size_bytes, int) and 0 <= each.size_bytes <= MAX_BYTES and isinstance(each.uri, str)
        if not (whole and NAME.fullmatch(each.name) and _SHA256.fullmatch(each.sha256)) or each.name == MANIFEST:
            raise ValueError(f"{each!r:.300} is no file")
    return members


def _take(content: IO[bytes], member: Member, source: Path, folder: Path | None) -> None:
    digest = hashlib.sha256()
    target = None if folder is None else folder / member.name
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") if target is not None else BytesIO() as file:
        while chunk := content.read(CHUNK_BYTES):
            digest.update(chunk)
            if target is not None:
                file.write(chunk)
    if digest.hexdigest() != member.sha256:
        if target is not None:
            target.unlink()
        raise ArchiveRefused(f"{source}: {member.name} has another SHA-256 than the manifest says")
