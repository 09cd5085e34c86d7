"""Which source runs here, and among which packages."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

GIT_TIMEOUT_S = 10
DIRTY: Final = "-dirty"  # as `git describe --dirty` says it


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeVersion:
    """Empty where nobody knows."""

    git_commit: str = ""
    git_dirty: bool = False
    environment_digest: str = ""


def code_version(folder: Path, *, stated: str = "") -> CodeVersion:
    """Of the source at the folder, and of this process. ``stated``: the commit, with "-dirty" where files differed
    from it, of an image that has no repository."""
    commit = stated.removesuffix(DIRTY) or _git(folder, "rev-parse", "HEAD")
    differs = stated.endswith(DIRTY) or (not stated and bool(_git(folder, "status", "--porcelain", "-uno")))
    return CodeVersion(
        git_commit=commit, git_dirty=bool(commit) and differs, environment_digest=environment_digest(environment())
    )


@cache
def environment() -> tuple[str, ...]:
    """Python, the machine and every installed package as "name==version", sorted; the same for equal installations.

    Read once: what a process has imported does not change with what is installed later.
    """
    # A distribution reads its file anew for each of its properties.
    found = [each.metadata for each in distributions()]
    packages = {f"{each['Name'].lower().replace('_', '-')}=={each['Version']}" for each in found if each["Name"]}
    return (f"Python {platform.python_version()}", f"{platform.system()} {platform.machine()}", *sorted(packages))


def environment_digest(lines: tuple[str, ...]) -> str:
    """SHA-256 of the lines, each with its end, hexadecimal."""
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def _git(folder: Path, *arguments: str) -> str:
    """What git says; empty where there is no git or no repository."""
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
