"""Holds the studio's JavaScript to the types that its comments state, by TypeScript's compiler: `make types` runs it.

Users need no Node.js: where it, or a registry of packages, is out of reach, that is said in a line and is no failure.
"""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
STUDIO = REPOSITORY / "services" / "studio"
# Outside services/, where nothing that walks through the sources or makes images of them meets thousands of files.
INSTALLED = REPOSITORY / ".local" / "typescript"
NEEDED = ("package.json", "package-lock.json", ".npmrc")
OLDEST_NODE = 20
INSTALL_TIMEOUT_S = 120
CHECK_TIMEOUT_S = 120
VERSION_TIMEOUT_S = 30
# What npm says of packages that are not those of the lock. All else is a registry that does not answer as it should.
FAULTS = ("EUSAGE", "EINTEGRITY")


class CannotCheck(Exception):
    """What this machine lacks."""


class BrokenLock(Exception):
    """The lock is not that of package.json, or a package not that of the lock."""


def compiler() -> Path:
    """TypeScript's compiler as the lock has it; fetched once. Raises CannotCheck and BrokenLock."""
    _need_node()
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with (INSTALLED / ".turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        marker = INSTALLED / "node_modules" / ".digest"  # which npm removes with the folder before it fetches anew
        digest = hashlib.sha256((STUDIO / "package-lock.json").read_bytes()).hexdigest()
        if not marker.exists() or marker.read_text() != digest:
            _install()
            marker.write_text(digest)
    return INSTALLED / "node_modules" / ".bin" / "tsc"


def check(tsc: Path, project: Path = STUDIO, *options: str) -> tuple[bool, str]:
    """Whether all types are right in the folder of a tsconfig.json, and what the compiler says."""
    argv = [str(tsc), "--project", str(project), "--pretty", "false", *options]
    done = subprocess.run(argv, cwd=project, capture_output=True, text=True, timeout=CHECK_TIMEOUT_S, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def modules(studio: Path = STUDIO) -> list[Path]:
    """What browsers are served, but for what others wrote."""
    web = studio / "web"
    return sorted(path for path in web.rglob("*.js") if web / "vendor" not in path.parents)


def _need_node() -> None:
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise CannotCheck(f"there is no {program} here")
    argv = ["node", "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=False)
    version = re.match(r"v(\d+)\.", done.stdout)
    if version is None or int(version[1]) < OLDEST_NODE:
        raise CannotCheck(f"node is {done.stdout.strip() or 'of no known version'}; needed is {OLDEST_NODE} or newer")


def _install() -> None:
    for name in NEEDED:
        shutil.copy(STUDIO / name, INSTALLED)
    argv = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=20000"]
    try:
        done = subprocess.run(
            argv,
            cwd=INSTALLED,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotCheck(f"npm fetched no packages in {INSTALL_TIMEOUT_S} s") from error
    if done.returncode != 0:
        code = re.search(r"code (\w+)", done.stderr)
        if code and code[1] in FAULTS:
            raise BrokenLock(done.stderr)
        raise CannotCheck(f"npm fetched no packages: {code[1] if code else done.stderr.strip()[:200]}")


def main() -> None:
    """Entry point."""
    try:
        fine, said = check(compiler())
    except CannotCheck as error:
        print(f"javascript: not checked, {error}")  # noqa: T201
        return
    except BrokenLock as error:
        sys.exit(f"javascript: {error}")
    if not fine:
        sys.exit(f"{said}javascript: wrong types")
    print(f"javascript: {len(modules())} modules have the types that they state")  # noqa: T201


if __name__ == "__main__":
    main()
