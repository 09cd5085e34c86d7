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

LOG_LIMIT_BYTES = 16 << 20
TAIL_BYTES = 4096
READ_BYTES = 1 << 16
REAP_TIMEOUT_S = 30.0


@dataclass(kw_only=True, slots=True)
class LoggedProcess:
    """A running process group."""

    process: asyncio.subprocess.Process
    log_path: Path
    reader: asyncio.Task[None] | None = None
    tail: deque[bytes] = field(default_factory=deque)

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

    def output_tail(self) -> str:
        """The end of what it printed, at most TAIL_BYTES bytes."""
        return b"".join(self.tail)[-TAIL_BYTES:].decode(errors="replace").strip()


async def start_logged(
    command: Sequence[str], *, log_path: Path, environment: Mapping[str, str], log_limit_bytes: int = LOG_LIMIT_BYTES
) -> LoggedProcess:
    """Start the command in a session of its own; it is killed by the kernel when this process dies."""
    # From the event loop's own thread: the kernel sends the parent-death signal when the *thread* that forked ends.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "truscore.process.die_with_parent", str(os.getpid()), *command,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=dict(environment), start_new_session=True,
    )  # fmt: skip
    started = LoggedProcess(process=process, log_path=log_path)
    started.reader = asyncio.create_task(_keep_log(started, log_limit_bytes))
    return started


async def _keep_log(started: LoggedProcess, limit_bytes: int) -> None:
    if started.process.stdout is None:
        raise RuntimeError(f"the output of process {started.pid} is not a pipe")
    kept_bytes = written_bytes = 0
    with started.log_path.open("ab", buffering=0) as log:
        while chunk := await started.process.stdout.read(READ_BYTES):
            with suppress(OSError):  # a full disk must not fill the pipe and stop the process
                log.write(chunk[: max(0, limit_bytes - written_bytes)])
            written_bytes += len(chunk)
            started.tail.append(chunk)
            kept_bytes += len(chunk)
            while kept_bytes - len(started.tail[0]) >= TAIL_BYTES:
                kept_bytes -= len(started.tail.popleft())
