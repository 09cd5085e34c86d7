"""The training process that is started before its order, and every way in which it may be of no use."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from truscore.events.v1.training_pb2 import TrainingCompleted, TrainingProgressed
from truscore.process.logged import HELD_BYTES, start_logged

from services.trainer.launchers.local import LocalLauncher
from services.trainer.runs import standby as standby_module
from services.trainer.runs.standby import Standby
from services.trainer.worker.standby import LOWEST_PRIORITY, at_lowest_priority
from tests.unit.trainer.service.stand import DEADLINE_S, Stand, some_dataset, until
from tests.unit.trainer.service.test_process_groups import gone

CHILD = Path(__file__).with_name("standby_child.py")
SERVICE = """
import asyncio, os, sys
from services.trainer.runs.standby import Standby

async def main():
    standby = Standby(environment=dict(os.environ), command=lambda fd: [sys.executable, sys.argv[1], str(fd), *sys.argv[2:]])
    async with standby.kept():
        await standby.wait_ready()
        await asyncio.Event().wait()

asyncio.run(main())
"""  # noqa: E501


@asynccontextmanager
async def stand_with(tmp_path: Path, misbehave: str = "") -> AsyncIterator[tuple[Stand, Standby]]:
    """A trainer with a standby process that is ready, or has died at its start."""
    stand = Stand(folder=tmp_path / "here", gates=tmp_path / "gates")

    def command(link: int) -> list[str]:
        return [sys.executable, str(CHILD), str(link), str(stand.gates), misbehave]

    standby = Standby(
        environment=dict(os.environ),
        command=command,
        stands_for=lambda folder: stand.command(None, folder),  # type: ignore[arg-type]
    )
    launcher = LocalLauncher(command=stand.command, environment=dict(os.environ), standby=standby)
    stand.runs._deps = replace(stand.deps, launcher=launcher)
    async with standby.kept():
        await standby.wait_ready()
        yield stand, standby


def pid(stand: Stand, name: str = "pid") -> int:
    return int((stand.gates / name).read_text())


async def completed(stand: Stand) -> TrainingCompleted:
    await stand.order(some_dataset(stand.store))
    [event] = stand.published(TrainingCompleted)
    assert [each.step for each in stand.received(TrainingProgressed)] == list(range(1, 13))
    assert isinstance(event, TrainingCompleted)
    return event


async def test_a_run_is_trained_by_the_process_in_waiting_and_another_is_prepared(tmp_path: Path) -> None:
    async with stand_with(tmp_path) as (stand, standby):
        waiting = pid(stand, "standby-pid")
        assert (await completed(stand)).attempts == 1
        assert pid(stand) == waiting
        assert await standby.wait_ready() not in (None, waiting)


@pytest.mark.parametrize("misbehave", ["fail at start", "die before taking"])
async def test_a_standby_process_that_fails_costs_no_attempt(tmp_path: Path, misbehave: str) -> None:
    async with stand_with(tmp_path, misbehave) as (stand, _):
        waiting = pid(stand, "standby-pid")
        assert (await completed(stand)).attempts == 1
        assert pid(stand) != waiting


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_standby_process_that_is_killed_or_hangs_while_it_waits_costs_no_attempt(
    tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby_module, "HAND_OVER_TIMEOUT_S", 0.2)
    async with stand_with(tmp_path) as (stand, _):
        waiting = psutil.Process(pid(stand, "standby-pid"))
        waiting.send_signal(number)
        assert (await completed(stand)).attempts == 1
        assert pid(stand) != waiting.pid
        assert gone(waiting)


async def test_one_that_dies_once_it_has_the_order_is_a_training_process_that_died(tmp_path: Path) -> None:
    async with stand_with(tmp_path, "die after taking") as (stand, _):
        assert (await completed(stand)).attempts == 2


async def test_two_runs_that_begin_at_once_do_not_get_the_same_process(tmp_path: Path) -> None:
    async with stand_with(tmp_path) as (_, standby):
        folders = [tmp_path / "one", tmp_path / "two"]
        for folder in folders:
            folder.mkdir()
        handed = await asyncio.gather(
            *(
                standby.hand_over(standby.stands_for(folder), folder, log_path=folder / "child.log")
                for folder in folders
            )
        )
        assert [process is None for process in handed] == [False, True]
        assert handed[0] is not None
        assert await handed[0].wait() != 0  # there is no order in that folder
        assert "order.json" in (tmp_path / "one/child.log").read_text()


async def test_another_command_than_the_one_stood_for_is_started(tmp_path: Path) -> None:
    async with stand_with(tmp_path) as (_, standby):
        assert await standby.hand_over(["torchrun"], tmp_path, log_path=tmp_path / "child.log") is None


async def test_what_is_printed_before_the_order_blocks_nothing_and_is_logged_with_a_bound(tmp_path: Path) -> None:
    async with stand_with(tmp_path, "print") as (stand, _):
        await completed(stand)
        [log] = stand.folder.glob("runs/*/attempt-1/child.log")
        assert log.read_bytes() == b"x" * HELD_BYTES


async def test_a_standby_process_is_given_what_a_training_process_is_given(tmp_path: Path) -> None:
    async with stand_with(tmp_path) as (stand, _):
        waiting = psutil.Process(pid(stand, "standby-pid"))
        plain = await start_logged(
            [sys.executable, "-c", "import time; time.sleep(60)"],
            log_path=tmp_path / "log",
            environment=dict(os.environ),
        )
        other = psutil.Process(plain.pid)
        await until(lambda: "sleep" in " ".join(other.cmdline()) and "die_with_parent" not in other.cmdline())
        limits = (psutil.RLIMIT_NOFILE, psutil.RLIMIT_AS, psutil.RLIMIT_CORE, psutil.RLIMIT_STACK)
        for of in (
            psutil.Process.environ, psutil.Process.cwd, psutil.Process.nice, psutil.Process.cpu_affinity,
            psutil.Process.ppid, lambda process: [process.rlimit(limit) for limit in limits],
            lambda process: str(Path(f"/proc/{process.pid}/fd/0").readlink()),
            lambda process: os.getsid(process.pid) == process.pid,
        ):  # fmt: skip
            assert of(waiting) == of(other)
        plain.kill()
        await plain.wait()


def test_what_is_prepared_gives_way_to_others_and_the_process_does_not_after_it() -> None:
    lowest: list[int] = []
    before = os.getpriority(os.PRIO_PROCESS, 0)
    at_lowest_priority(lambda: lowest.append(os.getpriority(os.PRIO_PROCESS, 0)))
    assert (lowest, os.getpriority(os.PRIO_PROCESS, 0)) == ([LOWEST_PRIORITY], before)
    with pytest.raises(ImportError, match="no such thing"):
        at_lowest_priority(_fail)


def _fail() -> None:
    raise ImportError("no such thing")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_no_standby_process_outlives_its_trainer(tmp_path: Path, number: signal.Signals) -> None:
    service = subprocess.Popen([sys.executable, "-c", SERVICE, str(CHILD), str(tmp_path), ""])  # noqa: ASYNC220
    file = tmp_path / "standby-pid"
    await until(lambda: file.exists() and file.read_text())
    waiting = psutil.Process(int(file.read_text()))
    service.send_signal(number)
    service.wait(DEADLINE_S)
    await until(lambda: gone(waiting))
