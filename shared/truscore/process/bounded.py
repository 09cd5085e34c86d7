"""A Python program as a child: bounded in time and memory, ended with us, and how it ended reported."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from truscore.process.output import tail_of

STDERR_LIMIT_BYTES = 4000
LINE_LIMIT_BYTES = 65_536
MEMORY_POLL_S = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Exit:
    """How a process ended: ``code`` is its exit code, or minus the number of the signal that ended it.

    ``timed_out`` and ``memory_bytes`` (what it held, in bytes, when that was too much) say that it was ended here.
    """

    code: int
    stderr: str
    timed_out: bool = False
    memory_bytes: int | None = None


async def run_bounded(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    stderr: Path,
    time_limit_s: float,
    memory_limit_bytes: int | None = None,
    on_line: Callable[[bytes], None] | None = None,
) -> Exit:
    """Run a command to its end or to its bounds; its standard error goes to the file ``stderr``.

    Its standard input is a pipe that closes with this process: ``end_with_stdin`` in the child ends it then. With
    ``on_line``, each line of its standard output is passed on, cut at 64 KiB; otherwise it goes nowhere. Memory is that
    of the process and its descendants. When cancelled, the whole process group is killed.
    """
    process = await start(command, environment=environment, stderr=stderr, lines=on_line is not None)
    return await ended_within(
        process, stderr=stderr, time_limit_s=time_limit_s, memory_limit_bytes=memory_limit_bytes, on_line=on_line
    )


async def start(
    command: Sequence[str], *, environment: Mapping[str, str], stderr: Path, lines: bool = False
) -> asyncio.subprocess.Process:
    """The command as `run_bounded` starts it, in a session of its own, and not bounded yet. ``lines``: whether somebody
    reads its standard output."""
    with stderr.open("wb") as errors:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE if lines else asyncio.subprocess.DEVNULL,
            stderr=errors,
            env=dict(environment),
            start_new_session=True,
        )


async def ended_within(
    process: asyncio.subprocess.Process,
    *,
    stderr: Path,
    time_limit_s: float,
    memory_limit_bytes: int | None = None,
    on_line: Callable[[bytes], None] | None = None,
) -> Exit:
    """How a process that was started here ended: by itself, or by these bounds, which count from now."""
    timed_out, memory_bytes = False, None
    try:
        async with asyncio.timeout(time_limit_s):
            memory_bytes = await _ended(process, memory_limit_bytes, on_line)
    except TimeoutError:
        timed_out = True
    finally:
        await kill_group(process)
    return Exit(
        code=process.returncode or 0,
        stderr=tail_of(stderr, limit_bytes=STDERR_LIMIT_BYTES).strip() or "nothing on stderr",
        timed_out=timed_out,
        memory_bytes=memory_bytes,
    )


def clean_environment(**more: str) -> dict[str, str]:
    """An environment for a Python child that is given nothing of ours: it needs no keys to read what strangers sent.

    Only the folder for temporary files is passed on, where this process has one set.
    """
    scratch = {name: value for name, value in os.environ.items() if name == "TMPDIR"}
    return {
        **scratch,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONUTF8": "1",
        "TMPDIR": tempfile.gettempdir(),
        **more,
    }


async def _ended(
    process: asyncio.subprocess.Process, memory_limit_bytes: int | None, on_line: Callable[[bytes], None] | None
) -> int | None:
    """Return at the process's end with None, or once it holds more memory than it may, with how much that is."""
    reading = asyncio.gather(_read_lines(process, on_line), process.wait())
    if memory_limit_bytes is None:
        await reading
        return None
    watching = asyncio.ensure_future(_outgrown(process, memory_limit_bytes))
    try:
        await asyncio.wait((reading, watching), return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            await reading  # what went wrong in it is raised here
            return None
        return watching.result()
    finally:
        reading.cancel()
        watching.cancel()
        await asyncio.gather(reading, watching, return_exceptions=True)


async def _read_lines(process: asyncio.subprocess.Process, on_line: Callable[[bytes], None] | None) -> None:
    if process.stdout is None or on_line is None:
        return
    rest = b""
    while part := await process.stdout.read(LINE_LIMIT_BYTES):
        *lines, rest = (rest + part).split(b"\n")
        rest = rest[-LINE_LIMIT_BYTES:]
        for line in lines:
            on_line(line)


async def _outgrown(process: asyncio.subprocess.Process, limit_bytes: int) -> int:
    while True:
        held_bytes = await asyncio.to_thread(_resident_bytes, process.pid)
        if held_bytes > limit_bytes:
            return held_bytes
        await asyncio.sleep(MEMORY_POLL_S)


def _resident_bytes(pid: int) -> int:
    total = 0
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
    return total


async def kill_group(process: asyncio.subprocess.Process) -> None:
    """End the process and all that it started, and wait for it; nothing where it has ended."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(process.wait())
