"""A child that is there before its order: it has imported what exporting takes, and waits.

Each does one order, as any other child: what one was given, no later one sees.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from truscore.process.bounded import kill_group, start

log = logging.getLogger("truscore.exporter")

COMMAND = (sys.executable, "-m", "services.exporter.child")


@dataclass(frozen=True, kw_only=True, slots=True)
class StartedChild:
    """Its standard error goes to `stderr`."""

    process: asyncio.subprocess.Process
    stderr: Path


@dataclass(slots=True)
class PreparedChildren:
    """At most one child waits at any time. `folder` is where their standard errors go."""

    folder: Path
    environment: Mapping[str, str]
    _waiting: StartedChild | None = field(default=None, init=False)

    async def prepare(self) -> None:
        """Have one wait, where none does and one can be started: an order without one starts its own."""
        if self._waiting is not None and self._waiting.process.returncode is None:
            return
        self._forget()
        stderr = self.folder / f"child-{uuid4()}.txt"
        try:
            self._waiting = await started(("--wait",), environment=self.environment, stderr=stderr)
        except OSError as error:
            log.warning("no child waits for the next order: %s", error)

    def take(self) -> StartedChild | None:
        """The one that waits, for its order; None where there is none, or it has ended."""
        taken = self._waiting
        if taken is None or taken.process.returncode is not None:
            self._forget()
            return None
        self._waiting = None
        return taken

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """One waits from here on; none when the block has ended."""
        await self.prepare()
        try:
            yield
        finally:
            if self._waiting is not None:
                await kill_group(self._waiting.process)
            self._forget()

    def _forget(self) -> None:
        if self._waiting is not None:
            self._waiting.stderr.unlink(missing_ok=True)
        self._waiting = None


async def started(arguments: Sequence[str], *, environment: Mapping[str, str], stderr: Path) -> StartedChild:
    """A child that is not bounded yet."""
    process = await start((*COMMAND, *arguments), environment=environment, stderr=stderr)
    return StartedChild(process=process, stderr=stderr)


async def give_order(child: StartedChild, folder: Path) -> None:
    """Its task lies in the folder. A child that has ended meanwhile is found so by whoever waits for its end."""
    if child.process.stdin is not None:
        with suppress(BrokenPipeError, ConnectionResetError):
            child.process.stdin.write(f"{folder}\n".encode())
            await child.process.stdin.drain()
