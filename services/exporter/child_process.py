"""Runs the child: bounded in time and memory, ended with us, and its end understood."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from services.exporter.task import Result, Task, read_result, write_task

STDERR_LIMIT_CHARS = 4000
MEMORY_LOOK_S = 0.25


class ChildFault(RuntimeError):
    """The child ended without a result, for a reason that is no property of the model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What one export may take."""

    time_limit_s: float
    memory_limit_bytes: int


async def run_child(task: Task, folder: Path, *, bounds: Bounds) -> Result:
    """Have the task done in a process of its own. Raises ChildFault. When cancelled, the process is killed."""
    write_task(folder, task)
    with (folder / "stderr.txt").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.exporter.child",
            str(folder),
            stdin=asyncio.subprocess.PIPE,  # closes with us, and the child ends
            stdout=asyncio.subprocess.DEVNULL,
            stderr=errors,
            env=_environment(),
            start_new_session=True,
        )
    try:
        await _ended(process, bounds)
    finally:
        await _end(process)
    if process.returncode:
        raise ChildFault(f"the export process ended with code {process.returncode}: {_last_words(folder)}")
    return read_result(folder)


async def _ended(process: asyncio.subprocess.Process, bounds: Bounds) -> None:
    ending, watching = asyncio.ensure_future(process.wait()), asyncio.ensure_future(_outgrown(process, bounds))
    try:
        async with asyncio.timeout(bounds.time_limit_s):
            await asyncio.wait((ending, watching), return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError as error:
        raise ChildFault(f"the export took longer than {bounds.time_limit_s:g} s, which is all it may take") from error
    finally:
        ending.cancel()
        watching.cancel()
        results = await asyncio.gather(ending, watching, return_exceptions=True)
    if isinstance(results[1], int):
        raise ChildFault(
            f"the export took {results[1]} bytes of memory; at most {bounds.memory_limit_bytes} are allowed"
        )


async def _outgrown(process: asyncio.subprocess.Process, bounds: Bounds) -> int:
    """Returns once the process holds more memory than it may, with how much that is."""
    while True:
        held_bytes = await asyncio.to_thread(_resident_bytes, process.pid)
        if held_bytes > bounds.memory_limit_bytes:
            return held_bytes
        await asyncio.sleep(MEMORY_LOOK_S)


def _resident_bytes(pid: int) -> int:
    total = 0
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
    return total


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(process.wait())


def _environment() -> dict[str, str]:
    # Nothing of ours: what loads a checkpoint needs no keys.
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ORT_DISABLE_TELEMETRY": "1",  # otherwise importing onnxruntime writes a device id under ~/.cache, to be sent
        "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin while they wait take the cores from everybody else
        "CUDA_VISIBLE_DEVICES": "",  # artefacts are proved where the runtime that is shipped with us runs: on the CPU
    }


def _last_words(folder: Path) -> str:
    said = (folder / "stderr.txt").read_text(encoding="utf-8", errors="replace").strip()
    return said[-STDERR_LIMIT_CHARS:] or "nothing on stderr"
