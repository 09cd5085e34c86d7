"""The one form that a release's archive has: the same files give the same bytes, and any other byte is a fault.

A ustar of plain members, sorted by name, without times or owners; a file that is in it twice is a hard link the second
time. Whoever reads one compares each header and each byte of padding with what the writer would have written.
"""

import hashlib
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

BLOCK_BYTES, RECORD_BYTES = tarfile.BLOCKSIZE, tarfile.RECORDSIZE
MOST_NAME_CHARS = 100
MOST_MEMBERS = 1000
MOST_MEMBER_BYTES = (8 << 30) - 1  # what the twelve digits of a ustar header hold
_CHUNK_BYTES = 1 << 20


class UnsafeName(ValueError):
    """A name that could leave the folder a package is unpacked into."""


class DamagedArchive(ValueError):
    """Bytes that the writer never writes; the message says where."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A file in the archive; `link` names the member that has its content, or is empty. `offset` is of the content."""

    name: str
    size_bytes: int
    sha256: str
    offset: int
    link: str = ""


def write_archive(target: Path, files: Mapping[str, Path]) -> None:
    """Writes the files under their names; the same path twice is one content. Raises UnsafeName and OSError."""
    first: dict[Path, str] = {}
    with target.open("wb") as archive:
        for name in sorted(files):
            path = files[name]
            link = first.setdefault(path, name)
            size_bytes = path.stat().st_size if link == name else 0
            if size_bytes > MOST_MEMBER_BYTES:
                raise ValueError(f"{path} has {size_bytes} bytes; a member has at most {MOST_MEMBER_BYTES}")
            archive.write(_header(name, size_bytes, link if link != name else ""))
            if link == name:
                with path.open("rb") as content:
                    while chunk := content.read(_CHUNK_BYTES):
                        archive.write(chunk)
                archive.write(bytes(-size_bytes % BLOCK_BYTES))
        archive.write(_end(archive.tell()))


def read_archive(file: BinaryIO) -> Iterator[Member]:
    """The members, each read whole for its digest. Raises DamagedArchive; reads nothing into memory but a chunk."""
    seen: dict[str, Member] = {}
    previous = ""
    while True:
        place = file.tell()
        header = file.read(BLOCK_BYTES)
        if header == bytes(BLOCK_BYTES):
            break
        name, size_bytes, link = _read_header(header, place)
        if name <= previous or len(seen) == MOST_MEMBERS:
            raise DamagedArchive(
                f"the archive is damaged: member {name!r} comes after {previous!r}; accepted: at most {MOST_MEMBERS} "
                "members, sorted by name"
            )
        if link and (link not in seen or seen[link].link):
            raise DamagedArchive(f"the archive is damaged: {name!r} links to {link!r}, which is no file before it")
        offset = file.tell()
        sha256 = seen[link].sha256 if link else _digest(file, name, size_bytes)
        member = Member(name=name, size_bytes=size_bytes, sha256=sha256, offset=offset, link=link)
        seen[name], previous = member, name
        yield member
    if bytes(BLOCK_BYTES) + file.read() != _end(place):
        raise DamagedArchive(f"the archive is damaged: its end, from byte {place} on, is not that of a package")


def check_name(name: str) -> None:
    """Raises UnsafeName for anything but a plain relative path of printable ASCII."""
    path = PurePosixPath(name)
    plain = name.isascii() and name.isprintable() and "\\" not in name and 0 < len(name) <= MOST_NAME_CHARS
    if not plain or path.is_absolute() or str(path) != name or not path.parts or ".." in path.parts:
        raise UnsafeName(
            f"package member {name!r}; accepted: a plain relative path of at most {MOST_NAME_CHARS} characters"
        )


def _header(name: str, size_bytes: int, link: str = "") -> bytes:
    check_name(name)
    member = tarfile.TarInfo(name)
    member.size, member.mode = size_bytes, 0o644
    if link:
        member.type, member.linkname = tarfile.LNKTYPE, link
    return member.tobuf(tarfile.USTAR_FORMAT)


def _read_header(header: bytes, place: int) -> tuple[str, int, str]:
    try:
        found = tarfile.TarInfo.frombuf(header, "ascii", "strict")
        link = found.linkname if found.islnk() else ""
        if _header(found.name, found.size, link) == header:
            return found.name, found.size, link
    except (tarfile.HeaderError, UnsafeName, ValueError) as error:
        raise DamagedArchive(f"the archive is damaged: the header at byte {place}: {error}") from error
    raise DamagedArchive(f"the archive is damaged: the header of {found.name!r} at byte {place} is not a package's")


def _digest(file: BinaryIO, name: str, size_bytes: int) -> str:
    digest, left = hashlib.sha256(), size_bytes
    while left:
        chunk = file.read(min(left, _CHUNK_BYTES))
        if not chunk:
            raise DamagedArchive(f"the archive is damaged: it ends {left} bytes before the end of {name!r}")
        digest.update(chunk)
        left -= len(chunk)
    if any(file.read(-size_bytes % BLOCK_BYTES)):
        raise DamagedArchive(f"the archive is damaged: the padding after {name!r} is not empty")
    return digest.hexdigest()


def _end(length: int) -> bytes:
    """Two empty blocks, and what fills the record."""
    return bytes(2 * BLOCK_BYTES + -(length + 2 * BLOCK_BYTES) % RECORD_BYTES)
