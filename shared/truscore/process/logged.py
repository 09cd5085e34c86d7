"""A long-lived process group that dies with us; its output goes to a bounded log, and the end of it is kept at hand."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

LOG_LIMIT_BYTES = 16 << 20
HELD_BYTES = 1 << 16  # of what is printed before there is a log to write to
TAIL_BYTES = 4096
READ_BYTES = 1 << 16
REAP_TIMEOUT_S = 30.0


@dataclass(kw_only=True, slots=True)
class LoggedProcess:
    """A running process group. Without a log its output is read all the same: a full pipe would stop the process."""

    process: asyncio.subprocess.Process
    log_limit_bytes: int = LOG_LIMIT_BYTES
    reader: asyncio.Task[None] | None = None
    tail: deque[bytes] = field(default_factory=deque)
    _log: BinaryIO | None = None
    _held: bytearray = field(default_factory=bytearray)
    _tail_bytes: int = 0
    _written_bytes: int = 0

    @property
    def pid(self) -> int:
        return self.process.pid

    async def wait(self) -> int:
        """Exit status: 0, a positive code, or minus the signal that ended it."""
        status = await self.process.wait()
        if self.reader is not None:
            # The pipe closes with the last process of the group; a straggler must not hold the caller up.
            with suppress(TimeoutError):
                await asyncio.wait_for(self.reader, REAP_TIMEOUT_S)
        return status

    def kill(self) -> None:
        """End the whole group at once; processes in sessions of their own follow where they die with their parent."""
        if self.process.returncode is not None:
            return  # its number may be another's by now
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def log_to(self, path: Path) -> None:
        """Append the output to a file from here on, after what was held of it so far: its first HELD_BYTES bytes."""
        self._log = path.open("ab", buffering=0)
        self._write(bytes(self._held))
        self._held.clear()
        if self.reader is not None and self.reader.done():
            self.close_log()

    def close_log(self) -> None:
        if self._log is not None:
            self._log.close()

    def keep(self, chunk: bytes) -> None:
        """Log what it printed, as far as the limit goes, and keep the end of it at hand."""
        if self._log is None:
            self._held += chunk[: HELD_BYTES - len(self._held)]
        else:
            self._write(chunk)
        self.tail.append(chunk)
        self._tail_bytes += len(chunk)
        while self._tail_bytes - len(self.tail[0]) >= TAIL_BYTES:
            self._tail_bytes -= len(self.tail.popleft())

    def _write(self, chunk: bytes) -> None:
        if self._log is not None:
            with suppress(OSError):  # a full disk must not fill the pipe and stop the process
                self._log.write(chunk[: max(0, self.log_limit_bytes - self._written_bytes)])
        self._written_bytes += len(chunk)

    def output_tail(self) -> str:
        """The end of what it printed, at most TAIL_BYTES bytes."""
        return b"".join(self.tail)[-TAIL_BYTES:].decode(errors="replace").strip()


async def start_logged(
    command: Sequence[str],
    *,
    log_path: Path | None,
    environment: Mapping[str, str],
    log_limit_bytes: int = LOG_LIMIT_BYTES,
    pass_fds: Sequence[int] = (),
) -> LoggedProcess:
    """Start the command in a session of its own; it is killed by the kernel when this process dies.

    Without ``log_path`` the first HELD_BYTES bytes of its output are held for ``log_to``.
    """
    # From the event loop's own thread: the kernel sends the parent-death signal when the *thread* that forked ends.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "truscore.process.die_with_parent", str(os.getpid()), *command,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=dict(environment), start_new_session=True, pass_fds=pass_fds,
    )  # fmt: skip
    started = LoggedProcess(process=process, log_limit_bytes=log_limit_bytes)
    if log_path is not None:
        started.log_to(log_path)
    started.reader = asyncio.create_task(_keep_log(started))
    return started


async def _keep_log(started: LoggedProcess) -> None:
    if started.process.stdout is None:
        raise RuntimeError(f"the output of process {started.pid} is not a pipe")
    try:
        while chunk := await started.process.stdout.read(READ_BYTES):
            started.keep(chunk)
    finally:
        started.close_log()
