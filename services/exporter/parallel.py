"""The formats of one order, each made in a child of its own, several at once within one budget.

A child that dies, hangs or outgrows its part takes its own format with it and no other. It is tried once more, alone,
with the whole memory and the time that is left: what was too much beside the others may be enough then.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from services.exporter.child_process import Bounds, ChildFault
from services.exporter.release import Artifact, Refusal
from services.exporter.task import Result, Task

# A fault that nobody can name, twice: the format's own library has ended its process.
DIED = "export_process"


class RunChild(Protocol):
    """Has a task done in a process of its own, within its bounds. Raises ChildFault."""

    async def __call__(self, task: Task, folder: Path, *, bounds: Bounds) -> Result: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What one order may take: `bounds` are those of all its children together, `cores` what they share, `at_once` how
    many there are at most."""

    bounds: Bounds
    cores: int
    at_once: int


@dataclass(slots=True)
class _Attempts:
    """What came of the formats so far. `left` have not begun yet."""

    left: int
    results: dict[str, Result] = field(default_factory=dict)
    faults: dict[str, ChildFault] = field(default_factory=dict)


async def make_formats(
    task: Task, folder: Path, *, run: RunChild, budget: Budget, clock: Callable[[], float] = time.monotonic
) -> Result:
    """The task's result, its files in `folder`. Raises ChildFault where nothing at all came of it and another try may
    succeed. When cancelled, the children are killed."""
    if len(task.formats) == 1:
        return await run(task, folder, bounds=budget.bounds)
    places = min(budget.at_once, budget.cores, len(task.formats))
    ends_s = clock() + budget.bounds.time_limit_s
    share = replace(task, threads=max(1, budget.cores // places))
    attempts, free = _Attempts(left=len(task.formats)), asyncio.Semaphore(places)

    async def beside_others(name: str) -> None:
        async with free:
            # Whoever waits behind this one gets as much: what is not used goes on to them.
            turns = math.ceil(attempts.left / places)
            attempts.left -= 1
            bounds = Bounds(
                time_limit_s=(ends_s - clock()) / turns,
                memory_limit_bytes=budget.bounds.memory_limit_bytes // places,
            )
            await _attempt(attempts, share, name, folder, run=run, bounds=bounds)

    await _all([beside_others(name) for name in task.formats])
    for name in [name for name, fault in attempts.faults.items() if fault.code in {"", "memory_limit", "time_limit"}]:
        if (left_s := ends_s - clock()) > 0:
            bounds = replace(budget.bounds, time_limit_s=left_s)
            await _attempt(attempts, task, name, folder, run=run, bounds=bounds)
    return _together(task.formats, attempts)


async def _attempt(attempts: _Attempts, task: Task, name: str, folder: Path, *, run: RunChild, bounds: Bounds) -> None:
    """In a folder of its own: formats leave files of the same names beside what they make."""
    own = folder / f"{name}-{'again' if name in attempts.faults else 'first'}"
    own.mkdir()
    try:
        result = await run(replace(task, formats=(name,), output_folder=str(own)), own, bounds=bounds)
    except ChildFault as fault:
        attempts.faults[name] = fault
        return
    attempts.faults.pop(name, None)
    for file in (*(each.file_name for each in result.artifacts), *(each.report for each in result.refusals)):
        if file:
            (own / file).rename(folder / file)
    attempts.results[name] = result


async def _all(jobs: Sequence[object]) -> None:
    """All of them; where one raises or this is cancelled, none goes on."""
    running = [asyncio.ensure_future(job) for job in jobs]  # type: ignore[call-overload]
    try:
        await asyncio.gather(*running)
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _together(formats: Sequence[str], attempts: _Attempts) -> Result:
    artifacts: list[Artifact] = []
    refusals: list[Refusal] = []
    for name in formats:
        if fault := attempts.faults.get(name):
            refusals.append(Refusal(format=name, code=fault.code or DIED, message=str(fault)))
        else:
            artifacts += attempts.results[name].artifacts
            refusals += attempts.results[name].refusals
    if not artifacts and (unnamed := [fault for fault in attempts.faults.values() if not fault.code]):
        raise unnamed[0]
    return Result(artifacts=tuple(artifacts), refusals=tuple(refusals))
