"""Starts the training process group and ends it. Keeps the tail of what it prints."""

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


def torchrun_command(run_dir: Path, *, processes: int, module: str = "services.trainer.worker.main") -> list[str]:
    """The training process under torchrun, each of its processes on a leash of its own."""
    leash = [sys.executable, "-m", "services.trainer.runs.die_with_parent", "0"]
    elastic = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "--no-python"]
    # Otherwise each attempt leaves a folder in the machine's temporary one.
    elastic += ["--log-dir", str(run_dir / "torchrun")]
    return [sys.executable, *elastic, *leash, sys.executable, "-m", module, "--run-dir", str(run_dir)]


@dataclass(kw_only=True, slots=True)
class Child:
    """A running training process group."""

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
            # The pipe closes with the last process of the group; a straggler must not hold the run up.
            with suppress(TimeoutError):
                await asyncio.wait_for(self.reader, REAP_TIMEOUT_S)
        return status

    def kill(self) -> None:
        """End the whole group at once; workers in sessions of their own follow by their leash."""
        if self.process.returncode is not None:
            return  # its number may be another's by now
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def last_words(self) -> str:
        """The end of what it printed, at most TAIL_BYTES bytes."""
        return b"".join(self.tail)[-TAIL_BYTES:].decode(errors="replace").strip()


async def launch(
    command: Sequence[str], *, run_dir: Path, environment: Mapping[str, str], log_limit_bytes: int = LOG_LIMIT_BYTES
) -> Child:
    """Start the command in a session of its own, on a leash held by this process."""
    # From the event loop's own thread: the kernel sends the parent-death signal when the *thread* that forked ends.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.trainer.runs.die_with_parent", str(os.getpid()), *command,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=dict(environment), start_new_session=True,
    )  # fmt: skip
    child = Child(process=process, log_path=run_dir / "child.log")
    child.reader = asyncio.create_task(_keep_log(child, log_limit_bytes))
    return child


async def _keep_log(child: Child, limit_bytes: int) -> None:
    if child.process.stdout is None:
        raise RuntimeError(f"the output of process {child.pid} is not a pipe")
    kept_bytes = written_bytes = 0
    with child.log_path.open("ab", buffering=0) as log:
        while chunk := await child.process.stdout.read(READ_BYTES):
            with suppress(OSError):  # a full disk must not fill the pipe and stop the training process
                log.write(chunk[: max(0, limit_bytes - written_bytes)])
            written_bytes += len(chunk)
            child.tail.append(chunk)
            kept_bytes += len(chunk)
            while kept_bytes - len(child.tail[0]) >= TAIL_BYTES:
                kept_bytes -= len(child.tail.popleft())
