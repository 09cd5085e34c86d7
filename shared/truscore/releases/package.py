"""A release's package.tar into a folder, from a file that is not trusted."""

import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

from truscore.releases.manifest import LIMIT_BYTES, MANIFEST, InvalidManifest, Manifest, read_manifest
from truscore.releases.verification import NotVerified, check_file

CARD_LIMIT_BYTES = 16 << 20
MOST_MEMBERS = 1000


def unpack(package: Path, folder: Path) -> Manifest:
    """The manifest and the files that it names, each verified, as plain files in `folder`, which is there.

    Nothing else is taken out, whatever the archive holds: no links, no folders, no owners. Raises InvalidManifest and
    NotVerified.
    """
    try:
        with tarfile.open(package, "r:") as archive:
            members = _members(archive, package)
            data = _content(archive, members, MANIFEST, package, limit_bytes=LIMIT_BYTES)
            manifest = read_manifest(data)
            for file in manifest.files:
                limit_bytes = CARD_LIMIT_BYTES if file.size_bytes is None else file.size_bytes
                _extract(archive, members, file.file_name, folder, package, limit_bytes=limit_bytes)
                check_file(folder / file.file_name, file)
    except tarfile.TarError as error:
        raise InvalidManifest(f"{package} is no package of a release: {error}") from error
    (folder / MANIFEST).write_bytes(data)
    return manifest


def _members(archive: tarfile.TarFile, package: Path) -> dict[str, tarfile.TarInfo]:
    found: dict[str, tarfile.TarInfo] = {}
    for number, member in enumerate(archive):
        if number == MOST_MEMBERS:
            raise NotVerified(f"{package} holds more than {MOST_MEMBERS} members")
        found.setdefault(member.name, member)
    return found


def _member(members: dict[str, tarfile.TarInfo], name: str, package: Path, *, limit_bytes: int) -> tarfile.TarInfo:
    member = members.get(name)
    if member is None or not member.isfile():
        raise NotVerified(f"{package} holds no file {name!r}; it holds {_some(sorted(members))}")
    if member.size > limit_bytes:
        raise NotVerified(f"{package}: {name} has {member.size} bytes, at most {limit_bytes} are accepted")
    return member


def _content(
    archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo], name: str, package: Path, *, limit_bytes: int
) -> bytes:
    content = archive.extractfile(_member(members, name, package, limit_bytes=limit_bytes))
    return content.read() if content is not None else b""


def _extract(
    archive: tarfile.TarFile,
    members: dict[str, tarfile.TarInfo],
    name: str,
    folder: Path,
    package: Path,
    *,
    limit_bytes: int,
) -> None:
    content = archive.extractfile(_member(members, name, package, limit_bytes=limit_bytes))
    if content is not None:
        with (folder / name).open("wb") as file:
            shutil.copyfileobj(content, file)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) or "nothing"
