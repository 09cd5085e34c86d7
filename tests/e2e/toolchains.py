"""What this machine has to compile a client with. Knows programs on PATH and Debian packages; installs nothing."""

import fcntl
import functools
import re
import shutil
import subprocess
from pathlib import Path

from deploy.local.servers.debian import FetchFailed, can_fetch, fetch_packages
from deploy.local.servers.programs import REPOSITORY

# Libraries that the system lacks, unpacked beside the rest of what is local.
FOLDER = REPOSITORY / ".local" / "client-libraries"


VERSION_TIMEOUT_S = 30


class ToolchainMissing(Exception):
    """What this machine lacks to compile a client, with the packages that would bring it."""


def need(program: str, packages: str, *, at_least: int = 0) -> None:
    """A program on PATH, of the major version or a newer one."""
    if shutil.which(program) is None:
        raise ToolchainMissing(f"no {program} here; Debian, Ubuntu: sudo apt-get install {packages}")
    if at_least and (found := _major_version(program)) < at_least:
        raise ToolchainMissing(f"{program} is of version {found}; the client needs {at_least} or newer")


def _major_version(program: str) -> int:
    """The first number of `--version`; 0 where there is none."""
    argv = [program, "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=False)
    number = re.search(r"\d+", done.stdout + done.stderr)
    return int(number[0]) if number else 0


@functools.cache
def debian_file(package: str, file: str) -> Path:
    """A file of a Debian package: the installed one, or else the package is unpacked into the local folder."""
    installed, unpacked = Path("/", file), FOLDER / package / file
    if installed.exists():
        return installed
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{package}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not unpacked.exists():
            _unpack(package)
    if not unpacked.exists():
        raise ToolchainMissing(f"package {package} of this system has no /{file}")
    return unpacked


def _unpack(package: str) -> None:
    advice = f"Debian, Ubuntu: sudo apt-get install {package}"
    if not can_fetch():
        raise ToolchainMissing(f"{package} is not installed and there is no apt to fetch it; {advice}")
    try:
        fetch_packages(package, FOLDER / package, families=())
    except FetchFailed as failure:
        raise ToolchainMissing(f"{package} is not installed and was not fetched: {failure}; {advice}") from None


def debian_libraries(program: Path) -> str:
    """Where an unpacked program's shared libraries lie; empty for an installed one."""
    folder = program.parents[2] / "usr" / "lib"
    return ":".join(str(path) for path in sorted(folder.glob("*-linux-*"))) if FOLDER in program.parents else ""
