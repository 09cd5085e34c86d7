"""The release before this one, out of git: where no tag names it, the last commit of the contract's version before."""

import re
import subprocess
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
VERSION_FILE = "shared/truscore/events/__init__.py"
TAGS = "v[0-9]*"
TIMEOUT_S = 120


class NoRelease(Exception):
    """There is none to be had here; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A commit, what it is called, and the version of the contract that it speaks."""

    commit: str
    name: str
    contract: str

    def unpack(self, folder: Path) -> Path:
        """Its source in the folder, which is made."""
        archive = _git("archive", self.commit, "services", "shared", "pyproject.toml")
        with tarfile.open(fileobj=BytesIO(archive)) as packed:
            packed.extractall(folder, filter="data")
        return folder


def previous_release() -> Release:
    """The newest tag before this commit, else the parent of the commit that raised the contract's version."""
    try:
        if _git("rev-parse", "--is-shallow-repository").strip() == b"true":
            raise NoRelease("this clone has no history: fetch it with git fetch --unshallow --tags")
        tags = _git("tag", "--list", TAGS, "--merged", "HEAD^", "--sort=-version:refname").decode().split()
        if tags:
            return Release(commit=tags[0], name=tags[0], contract=_contract(tags[0]))
        ours = _contract("HEAD")
        for commit in _git("log", "--format=%H", "--", VERSION_FILE).decode().split():
            if (theirs := _contract(f"{commit}^")) != ours:
                return Release(commit=f"{commit}^", name=f"contract {theirs}", contract=theirs)
    except (OSError, subprocess.SubprocessError) as error:
        raise NoRelease(f"no git history here: {error}") from error
    raise NoRelease(f"no commit before this one speaks another contract than {ours}")


def _contract(commit: str) -> str:
    found = re.search(r'CONTRACT_VERSION: Final = "([^"]+)"', _git("show", f"{commit}:{VERSION_FILE}").decode())
    return found.group(1) if found else ""


def _git(*arguments: str) -> bytes:
    return subprocess.run(
        ["git", *arguments], cwd=REPOSITORY, check=True, capture_output=True, timeout=TIMEOUT_S
    ).stdout
