"""Another name for a folder whose own path some program can't take. Knows paths; knows nothing of what lies there.

RabbitMQ's start scripts split paths at blanks, and a Unix socket's path has 107 bytes at most. Such a folder gets a
symbolic link with a short name of plain letters, the same one each time, in a directory that is ours alone.
"""

import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

PLAIN = re.compile(r"[A-Za-z0-9._/+\-]+")
# Room for `pymp-xxxxxxxx/listener-xxxxxxxx` of Python's multiprocessing within the 107 bytes of a socket's path.
MOST_BYTES = 70


class NoPlainPath(RuntimeError):
    """No directory for such links can be had."""


def is_plain(path: Path) -> bool:
    """Whether every program of the stack takes the path as it is."""
    return bool(PLAIN.fullmatch(str(path))) and len(os.fsencode(path)) <= MOST_BYTES


def plain_path(folder: Path) -> Path:
    """The folder itself where its path is plain, else a link to it. `NoPlainPath` where no link can be made."""
    folder = folder.absolute()
    if is_plain(folder):
        return folder
    link = _directory() / _name(folder)
    if not link.is_symlink() or link.readlink() != folder:
        link.unlink(missing_ok=True)
        link.symlink_to(folder, target_is_directory=True)
    return link


def drop_plain_path(folder: Path) -> None:
    """Remove the folder's link, where it has one."""
    folder = folder.absolute()
    if not is_plain(folder):
        (_directory() / _name(folder)).unlink(missing_ok=True)


def _name(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]


def directories() -> list[Path]:
    """Where links may lie, the preferred place first."""
    parents = dict.fromkeys((Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")))  # noqa: S108
    return [parent / f"truscore-{os.getuid()}" for parent in parents]


def _directory() -> Path:
    refused: dict[Path, str] = {}
    for directory in directories():
        reason = _unusable(directory)
        if not reason:
            return directory
        refused[directory] = reason
    reasons = "; ".join(f"{directory} {reason}" for directory, reason in refused.items())
    raise NoPlainPath(f"no directory for links with plain names: {reasons}")


def _unusable(directory: Path) -> str:
    """Why links can't lie there; empty where they can. The directory is made where it is missing."""
    if not is_plain(directory):
        return "has no plain path itself"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        status = directory.lstat()
    except OSError as error:
        return f"can't be made: {error.strerror}"
    # Anybody may have made it before us, and we start programs by these links.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        return "belongs to somebody else"
    return "can be written by others" if status.st_mode & 0o022 else ""
