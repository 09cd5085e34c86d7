"""A child that waits for its order: the same answers and the same bounds as one that is started for it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from services.exporter.child_process import Bounds, ChildFault, environment, run_child
from services.exporter.prepared_child import PreparedChildren
from services.exporter.task import Task

ROOMY = Bounds(time_limit_s=400, memory_limit_bytes=8 << 30)


@pytest.fixture
async def prepared(tmp_path: Path) -> AsyncIterator[PreparedChildren]:
    folder = tmp_path / "waiting"
    folder.mkdir()
    children = PreparedChildren(folder=folder, environment=environment())
    async with children.kept():
        yield children
    assert _waiting() == []
    assert list(folder.iterdir()) == []


@pytest.fixture
def task(tmp_path: Path) -> Task:
    (tmp_path / "best.pt").write_bytes(b"no checkpoint")
    return Task(
        checkpoint=str(tmp_path / "best.pt"),
        formats=("onnx",),
        pictures=(),
        benchmark_rounds=1,
        output_folder=str(tmp_path),
        provenance={},
    )


async def test_the_child_that_waits_does_the_order_and_no_second_one(
    prepared: PreparedChildren, task: Task, tmp_path: Path
) -> None:
    before = await _one_waiting()
    result = await run_child(task, tmp_path, bounds=ROOMY, prepared=prepared)
    assert [refusal.code for refusal in result.refusals] == ["checkpoint_unreadable"]
    assert not before.is_running()
    assert prepared.take() is None
    for _ in range(2):
        await prepared.prepare()
    after = await _one_waiting()
    assert after.pid != before.pid


@pytest.mark.parametrize(
    ("bounds", "code"),
    [
        (replace(ROOMY, memory_limit_bytes=1 << 20), "memory_limit"),
        (replace(ROOMY, time_limit_s=0.01), "time_limit"),
    ],
)
async def test_its_bounds_are_those_of_its_order(
    prepared: PreparedChildren, task: Task, tmp_path: Path, bounds: Bounds, code: str
) -> None:
    with pytest.raises(ChildFault) as fault:
        await run_child(task, tmp_path, bounds=bounds, prepared=prepared)
    assert fault.value.code == code
    assert _waiting() == []


async def test_a_child_that_died_while_it_waited_is_given_no_order(prepared: PreparedChildren) -> None:
    child = await _one_waiting()
    os.kill(child.pid, signal.SIGKILL)
    async with asyncio.timeout(20):
        while child.is_running():  # noqa: ASYNC110  until its end is noticed
            await asyncio.sleep(0.02)
    assert prepared.take() is None
    await prepared.prepare()
    assert await _one_waiting()


async def _one_waiting() -> psutil.Process:
    """A process that was just started shows its command line a moment later."""
    async with asyncio.timeout(20):
        while not (found := _waiting()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    (child,) = found
    return child


def _waiting() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "services.exporter.child" in child.cmdline()
    ]
