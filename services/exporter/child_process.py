"""Runs the child: bounded in time and memory, ended with us, and its end understood."""

import time
from dataclasses import dataclass
from pathlib import Path

from truscore.process.bounded import Exit, clean_environment, ended_within

from services.exporter.engine_process import EngineFault, proven_by_engine
from services.exporter.prepared_child import PreparedChildren, give_order, started
from services.exporter.task import DISK_FULL, Result, Task, read_result, write_task

LEAST_S = 10.0  # that an engine has for a file that was made in time


class ChildFault(RuntimeError):
    """The child ended without a result. `code` names what it ran out of, which another try would too; empty where
    another try may succeed."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What one export may take."""

    time_limit_s: float
    memory_limit_bytes: int


async def run_child(task: Task, folder: Path, *, bounds: Bounds, prepared: PreparedChildren | None = None) -> Result:
    """Have the task done in a process of its own, one of `prepared` where one waits, and its files proved in another.
    Raises ChildFault. When cancelled, the process is killed."""
    write_task(folder, task)
    began_s = time.monotonic()
    ended = await _ended(folder, bounds, prepared)
    if ended.timed_out:
        raise ChildFault(
            f"the export took longer than {bounds.time_limit_s:g} s, which is all it may take", code="time_limit"
        )
    if ended.memory_bytes is not None:
        raise ChildFault(
            f"the export took {ended.memory_bytes} bytes of memory; at most {bounds.memory_limit_bytes} are allowed",
            code="memory_limit",
        )
    if ended.code == DISK_FULL:
        raise ChildFault(f"the disk of the exporter's work folder is full: {ended.stderr}", code="disk_full")
    if ended.code:
        raise ChildFault(f"the export process ended with code {ended.code}: {ended.stderr}")
    try:
        return await proven_by_engine(
            read_result(folder),
            folder,
            time_limit_s=max(LEAST_S, bounds.time_limit_s - (time.monotonic() - began_s)),
            memory_limit_bytes=bounds.memory_limit_bytes,
        )
    except EngineFault as error:
        raise ChildFault(str(error)) from error


async def _ended(folder: Path, bounds: Bounds, prepared: PreparedChildren | None) -> Exit:
    child = prepared.take() if prepared is not None else None
    if child is None:
        child = await started((str(folder),), environment=environment(), stderr=folder / "stderr.txt")
    else:
        await give_order(child, folder)
    try:
        return await ended_within(
            child.process,
            stderr=child.stderr,
            time_limit_s=bounds.time_limit_s,
            memory_limit_bytes=bounds.memory_limit_bytes,
        )
    finally:
        child.stderr.unlink(missing_ok=True)


def environment() -> dict[str, str]:
    return clean_environment(
        OMP_WAIT_POLICY="PASSIVE",  # threads that spin while they wait take the cores from everybody else
        CUDA_VISIBLE_DEVICES="",  # artefacts are proved where the runtime that is shipped with us runs: on the CPU
    )
