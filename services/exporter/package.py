"""Everything of a release in one archive, byte for byte the same for the same files."""

import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

MAX_NAME_LENGTH = 200


class UnsafeName(ValueError):
    """A name that could leave the folder a package is unpacked into."""


def write_package(target: Path, files: Mapping[str, Path]) -> None:
    """Writes an uncompressed tar: sorted names, no times, no owners, ordinary files only."""
    for name in files:
        check_name(name)
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = files[name].stat().st_size
            member.mode = 0o644
            with files[name].open("rb") as content:
                archive.addfile(member, content)


def check_name(name: str) -> None:
    path = PurePosixPath(name)
    plain = name.isprintable() and "\\" not in name and 0 < len(name) <= MAX_NAME_LENGTH
    if not plain or path.is_absolute() or str(path) != name or not path.parts or ".." in path.parts:
        raise UnsafeName(
            f"package member {name!r}; accepted: a plain relative path of at most {MAX_NAME_LENGTH} characters"
        )
