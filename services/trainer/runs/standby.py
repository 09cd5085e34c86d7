"""A training process that is started before its order: it has imported what training needs, and waits for a folder.

Bounded to one, and for runs of one process. Whatever happens to it before it has taken an order is no more than a start
that was not spared: the run's process is then started as if there were no standby.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from truscore.process.logged import LoggedProcess, start_logged

from services.trainer.runs.launcher import standby_command, worker_command

log = structlog.get_logger(__name__)
HAND_OVER_TIMEOUT_S = 5.0
READY, TAKEN = b"ready\n", b"taken\n"


def single_worker(run_dir: Path) -> list[str]:
    """What a standby process stands for."""
    return worker_command(run_dir, processes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Waiting:
    """A process that waits for its order, and our end of its socket."""

    child: LoggedProcess
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def take(self, run_dir: Path) -> bool:
        """Give it its order; whether it has taken it. From then on it is a training process like any other."""
        try:
            async with asyncio.timeout(HAND_OVER_TIMEOUT_S):
                self.writer.write(json.dumps({"run_dir": str(run_dir)}).encode() + b"\n")
                await self.writer.drain()
                return await self.reader.readline() == TAKEN
        except (OSError, TimeoutError):
            return False
        except BaseException:  # cancelled: nobody would look after it
            self.child.kill()
            raise

    async def end(self) -> None:
        self.child.kill()
        self.writer.close()
        await self.child.wait()


@dataclass(kw_only=True, slots=True)
class Standby:
    """At most one training process in waiting, in the environment that all training processes have."""

    environment: Mapping[str, str]
    command: Callable[[int], Sequence[str]] = standby_command
    stands_for: Callable[[Path], Sequence[str]] = single_worker
    _starting: asyncio.Task[_Waiting | None] | None = None

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep one from here to the end of the block, which ends it."""
        self.prepare()
        try:
            yield
        finally:
            await self._end()

    def prepare(self) -> None:
        """Start one in the background where there is none.

        One that dies is replaced when the next run begins and no sooner: what fails at its start would be tried
        without end.
        """
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())

    async def wait_ready(self) -> int | None:
        """The process id of the one that waits, once it does; None where it died at its start."""
        waiting = await asyncio.shield(self._starting) if self._starting else None
        return waiting.child.pid if waiting else None

    async def hand_over(self, command: Sequence[str], run_dir: Path, *, log_path: Path) -> LoggedProcess | None:
        """The process in waiting, which trains in the folder now; None where the command has to be started.

        That is where it is not the command stood for, or nobody is ready. Another is prepared either way.
        """
        if list(command) != list(self.stands_for(run_dir)):
            return None
        waiting = self._withdraw()
        self.prepare()
        if waiting is None:
            return None
        if not await waiting.take(run_dir):
            await waiting.end()
            log.warning("the standby process took no order", printed=waiting.child.output_tail())
            return None
        waiting.writer.close()
        waiting.child.log_to(log_path)
        return waiting.child

    def _withdraw(self) -> _Waiting | None:
        """The one that is ready, for this caller alone."""
        if self._starting is None or not self._starting.done():
            return None
        starting, self._starting = self._starting, None
        if starting.cancelled():
            return None
        if error := starting.exception():
            log.warning("no standby process could be started", error=str(error))
            return None
        return starting.result()

    async def _start(self) -> _Waiting | None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = self.command(theirs.fileno())
            child = await start_logged(command, log_path=None, environment=self.environment, pass_fds=[theirs.fileno()])
        reader, writer = await asyncio.open_connection(sock=ours)
        waiting = _Waiting(child=child, reader=reader, writer=writer)
        try:
            if await reader.readline() == READY:
                log.info("a standby training process is ready", pid=child.pid)
                return waiting
        except asyncio.CancelledError:
            await waiting.end()
            raise
        await waiting.end()
        log.warning("the standby process died at its start", printed=child.output_tail())
        return None

    async def _end(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if waiting := self._withdraw():
            await waiting.end()
