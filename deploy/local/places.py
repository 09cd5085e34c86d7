"""Where a local stack keeps things, and whether it runs. Knows files; starts nothing."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from truscore.process.identity import pid_of, process_identity, still_runs

from deploy.local.addresses import from_env_file
from deploy.local.servers.programs import REPOSITORY
from deploy.local.settings import LocalSettings


class AlreadyRunning(RuntimeError):
    """Another stack runs in the same folder."""


class PlaceRefused(RuntimeError):
    """The folder named for the stack can't be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Where a local stack keeps things."""

    folder: Path

    @property
    def env_file(self) -> Path:
        return self.folder / "stack.env"

    @property
    def pid_file(self) -> Path:
        return self.folder / "stack.pid"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def scratch(self) -> Path:
        """Temporary files of everything in the stack; empty before it starts, gone after it."""
        return self.folder / "tmp"

    @property
    def drawings(self) -> Path:
        """What the last demonstration's model found of cards that it had not seen, as pictures."""
        return self.folder / "demo"

    def owner(self) -> int | None:
        """Id of the process that runs the stack here. A file left by one that was killed names nobody."""
        identity = self.pid_file.read_text() if self.pid_file.exists() else ""
        return pid_of(identity) if still_runs(identity) else None

    def known(self) -> dict[str, str]:
        """The addresses of the stack that runs here; empty when none does, or when it is still starting."""
        if self.owner() is None or not self.env_file.exists():
            return {}
        return from_env_file(self.env_file.read_text())

    def clear(self) -> list[Path]:
        """Remove the files that say that a stack runs; returns those that were there."""
        there = [path for path in (self.env_file, self.pid_file) if path.exists()]
        for path in there:
            path.unlink(missing_ok=True)
        return there


def places(settings: LocalSettings) -> Places:
    """The folder of the settings; a relative one is within the repository. `PlaceRefused` for a name nothing takes."""
    folder = (REPOSITORY / settings.local_dir.expanduser()).resolve()
    try:
        named = str(folder).encode("utf-8").decode("utf-8")
    except UnicodeEncodeError:
        named = ""
    if not named.isprintable() or not named:
        raise PlaceRefused(f"the folder {os.fsencode(folder)!r} can't be used: accepted are printable characters")
    if folder.exists() and not folder.is_dir():
        raise PlaceRefused(f"{folder} is no folder: TRUSCORE_LOCAL_DIR names one, or one that is to be made")
    return Places(folder=folder)


@contextmanager
def alone(where: Places) -> Iterator[None]:
    """Hold the folder for one stack; `AlreadyRunning` where another holds it."""
    with (where.folder / "stack.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"a stack starts, runs or ends in {where.folder}: `make down` stops it") from None
        where.clear()
        where.pid_file.write_text(f"{process_identity(os.getpid())}\n")
        try:
            yield
        finally:
            where.clear()
