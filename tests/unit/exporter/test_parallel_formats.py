"""The formats of one order, several at once: what one of them does to the others, which is nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from services.exporter.child_process import Bounds, ChildFault
from services.exporter.parallel import Budget, make_formats
from services.exporter.release import Artifact, Refusal
from services.exporter.task import Result, Task

FORMATS = ("onnx", "quantized", "mobile", "tensorrt")
BUDGET = Budget(bounds=Bounds(time_limit_s=1000, memory_limit_bytes=12_000), cores=8, at_once=2)


@dataclass
class Children:
    """Play the child processes: each leaves a file of one name and one of its own, unless `act` says otherwise."""

    artifact: Artifact
    act: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    begun: list[tuple[str, Bounds, int]] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    most_memory: int = 0
    cancelled: set[str] = field(default_factory=set)
    _memory: dict[str, int] = field(default_factory=dict)

    async def __call__(self, task: Task, folder: Path, *, bounds: Bounds) -> Result:
        (name,) = task.formats
        self.begun.append((name, bounds, task.threads))
        self._memory[name] = bounds.memory_limit_bytes
        self.most_memory = max(self.most_memory, sum(self._memory.values()))
        self.running.add(name)
        try:
            await asyncio.sleep(0)
            if name in self.act:
                await self.act[name]()
        except asyncio.CancelledError:
            self.cancelled.add(name)
            raise
        finally:
            self.running.discard(name)
            del self._memory[name]
        (folder / "model.onnx").write_text(f"left by {name}")
        (folder / f"{name}.bin").write_text(name)
        if name == "mobile":
            (folder / "refused-mobile.json").write_text("{}")
            refusal = Refusal(format=name, code="parity", message="no", report="refused-mobile.json")
            return Result(artifacts=(), refusals=(refusal,))
        return Result(artifacts=(replace(self.artifact, format=name, file_name=f"{name}.bin"),), refusals=())

    def times(self, name: str) -> int:
        return sum(each == name for each, _, _ in self.begun)


@pytest.fixture
def children(artifact: Artifact) -> Children:
    return Children(artifact)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(
        checkpoint="", formats=FORMATS, pictures=(), benchmark_rounds=1, output_folder=str(tmp_path), provenance={}
    )


def failing(*faults: ChildFault) -> Callable[[], Awaitable[None]]:
    """Raises one fault each time, and is well once they are spent."""
    left = list(faults)

    async def act() -> None:
        if left:
            raise left.pop(0)

    return act


def made(result: Result) -> list[str]:
    return [each.format for each in result.artifacts]


def refused(result: Result) -> dict[str, str]:
    return {each.format: each.code for each in result.refusals}


async def test_two_are_made_at_once_and_together_they_are_promised_no_more_than_there_is(
    children: Children, task: Task, tmp_path: Path
) -> None:
    met = asyncio.Event()

    async def meet() -> None:
        if {"onnx", "quantized"} <= children.running:
            met.set()
        await asyncio.wait_for(met.wait(), 10)

    children.act = {"onnx": meet, "quantized": meet}
    result = await make_formats(task, tmp_path, run=children, budget=BUDGET)
    assert made(result) == ["onnx", "quantized", "tensorrt"]
    assert children.most_memory == 12_000
    assert {threads for _, _, threads in children.begun} == {4}


async def test_files_come_together_and_none_takes_the_place_of_anothers(
    children: Children, task: Task, tmp_path: Path
) -> None:
    children.artifact = replace(children.artifact, file_name="model.onnx")
    result = await make_formats(task, tmp_path, run=children, budget=BUDGET)
    assert [(tmp_path / each.file_name).read_text() for each in result.artifacts] == ["onnx", "quantized", "tensorrt"]
    assert (tmp_path / "refused-mobile.json").exists()
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize("code", ["time_limit", "memory_limit", "disk_full", ""])
async def test_one_that_fails_for_good_holds_none_of_the_others(
    code: str, children: Children, task: Task, tmp_path: Path
) -> None:
    fault = ChildFault("it was too much", code=code)
    children.act = {"quantized": failing(fault, fault)}
    result = await make_formats(task, tmp_path, run=children, budget=BUDGET)
    assert made(result) == ["onnx", "tensorrt"]
    assert refused(result) == {"quantized": code or "export_process", "mobile": "parity"}


async def test_one_that_outgrew_its_part_is_tried_again_alone_with_all_there_is(
    children: Children, task: Task, tmp_path: Path
) -> None:
    children.act = {"tensorrt": failing(ChildFault("it took 7000 bytes", code="memory_limit"))}
    result = await make_formats(task, tmp_path, run=children, budget=BUDGET)
    assert made(result) == ["onnx", "quantized", "tensorrt"]
    name, bounds, threads = children.begun[-1]
    assert (name, bounds.memory_limit_bytes, threads) == ("tensorrt", 12_000, 0)
    assert children.most_memory == 12_000


async def test_what_another_try_would_not_mend_is_not_tried_again(
    children: Children, task: Task, tmp_path: Path
) -> None:
    children.act = {"onnx": failing(ChildFault("the disk is full", code="disk_full"))}
    assert refused(await make_formats(task, tmp_path, run=children, budget=BUDGET))["onnx"] == "disk_full"
    assert children.times("onnx") == 1


async def test_where_nothing_came_of_any_the_fault_is_raised_for_the_order_to_be_tried_again(
    children: Children, task: Task, tmp_path: Path
) -> None:
    fault = ChildFault("killed by signal 9")
    children.act = {name: failing(fault, fault) for name in FORMATS}
    with pytest.raises(ChildFault, match="signal 9"):
        await make_formats(task, tmp_path, run=children, budget=BUDGET)


async def test_time_is_shared_by_those_that_wait_for_one_another(
    children: Children, task: Task, tmp_path: Path
) -> None:
    await make_formats(task, tmp_path, run=children, budget=replace(BUDGET, at_once=1), clock=lambda: 0.0)
    assert [bounds.time_limit_s for _, bounds, _ in children.begun] == [250, pytest.approx(1000 / 3), 500, 1000]


async def test_one_format_alone_has_all_of_the_machine(children: Children, task: Task, tmp_path: Path) -> None:
    await make_formats(replace(task, formats=("onnx",)), tmp_path, run=children, budget=BUDGET)
    assert children.begun == [("onnx", BUDGET.bounds, 0)]


async def test_a_cancelled_order_leaves_no_child(children: Children, task: Task, tmp_path: Path) -> None:
    began = asyncio.Event()

    async def hang() -> None:
        began.set()
        await asyncio.Event().wait()

    children.act = dict.fromkeys(FORMATS, hang)
    waiting = asyncio.ensure_future(make_formats(task, tmp_path, run=children, budget=BUDGET))
    await began.wait()
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert children.running == set()
    assert children.cancelled == {"onnx", "quantized"}
