"""Training processes: how they are started, ended, and what becomes of them when nobody is left to end them."""

import asyncio
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from truscore.process.logged import TAIL_BYTES, start_logged

from services.trainer.runs.launcher import Rendezvous, worker_command
from services.trainer.settings import training_environment
from tests.unit.trainer.service.stand import until

DEADLINE_S = 30
SLEEPER = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(120)"
PARENT = f"""
import subprocess, sys, time
command = [sys.executable, "-m", "truscore.process.die_with_parent", "0", sys.executable, "-c", {SLEEPER!r}]
subprocess.Popen(command, start_new_session=True)
time.sleep(120)
"""
SERVICE = """
import asyncio, os, sys
from itertools import pairwise
from pathlib import Path
from truscore.process.logged import start_logged

async def main():
    command = [sys.executable, "-c", sys.argv[1]]
    child = await start_logged(command, log_path=Path(sys.argv[2]) / "child.log", environment=dict(os.environ))
    await child.wait()

asyncio.run(main())
"""


async def ran(tmp_path: Path, program: str, **limits: int) -> tuple[int, str, bytes]:
    child = await start_logged(
        [sys.executable, "-c", program], log_path=tmp_path / "child.log", environment=dict(os.environ), **limits
    )  # fmt: skip
    status = await asyncio.wait_for(child.wait(), DEADLINE_S)
    return status, child.output_tail(), (tmp_path / "child.log").read_bytes()


async def test_what_a_process_prints_is_kept_with_its_status(tmp_path: Path) -> None:
    status, words, log = await ran(tmp_path, "import sys; print('out'); sys.exit('err')")
    assert (status, words.split()) == (1, ["out", "err"]) or words.split() == ["err", "out"]
    assert len(log.split()) == 2


async def test_the_signal_that_ended_a_process_is_its_status(tmp_path: Path) -> None:
    status, _, _ = await ran(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert status == -9


async def test_a_process_that_prints_without_end_fills_neither_disk_nor_memory(tmp_path: Path) -> None:
    _, words, log = await ran(tmp_path, "for n in range(40000): print('x' * 50, n)", log_limit_bytes=10_000)
    assert len(log) == 10_000
    assert words.endswith("39999")
    assert len(words) <= TAIL_BYTES


async def test_a_process_is_ended_with_all_of_its_group(tmp_path: Path) -> None:
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPER!r}])"
    child = await start_logged(
        [sys.executable, "-c", program], log_path=tmp_path / "child.log", environment=dict(os.environ)
    )
    log = tmp_path / "child.log"
    await until(lambda: log.exists() and log.read_text().endswith("\n"))
    grandchild = psutil.Process(int(log.read_text()))
    child.kill()
    assert await asyncio.wait_for(child.wait(), DEADLINE_S) == -9
    await until(lambda: gone(grandchild))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_no_training_process_outlives_its_trainer(tmp_path: Path, number: signal.Signals) -> None:
    service = subprocess.Popen([sys.executable, "-c", SERVICE, PARENT, str(tmp_path)])  # noqa: ASYNC220  starts at once
    log = tmp_path / "child.log"
    await until(lambda: log.exists() and log.read_text().endswith("\n"))
    worker = psutil.Process(int(log.read_text()))
    family = [worker, *psutil.Process(service.pid).children(recursive=True)]
    assert len(family) >= 2
    service.send_signal(number)
    service.wait(DEADLINE_S)
    await until(lambda: all(gone(process) for process in family))


def gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_each_training_process_of_torchrun_is_ended_with_its_parent() -> None:
    command = worker_command(Path("/runs/1"), processes=3)
    assert command[command.index("--nproc-per-node") + 1] == "3"
    assert command[-6:] == ["0", sys.executable, "-m", "services.trainer.worker.main", "--run-dir", "/runs/1"]
    assert "truscore.process.die_with_parent" in command


def test_torchrun_logs_into_the_folder_of_the_run() -> None:
    """By itself it makes a folder in the machine's temporary one at each start, and leaves it there."""
    command = worker_command(Path("/runs/1"), processes=2)
    assert command[command.index("--log-dir") + 1] == "/runs/1/torchrun"


def test_one_training_process_is_started_without_torchrun() -> None:
    command = worker_command(Path("/runs/1"), processes=1)
    assert command == [sys.executable, "-m", "services.trainer.worker.main", "--run-dir", "/runs/1"]


def test_training_processes_are_not_given_our_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRUSCORE_S3_SECRET_KEY", "hush")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    environment = training_environment(tmp_path)
    assert "hush" not in environment.values()
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment["HOME"] == str(tmp_path)


def test_hosts_meet_where_the_rendezvous_says_and_those_that_are_there_begin() -> None:
    meeting = Rendezvous(endpoint="10.0.0.1:29400", nodes="2:3", run="run-1-2", is_host=True, own_address="10.0.0.1")
    command = worker_command(Path("/runs/1"), processes=1, rendezvous=meeting)
    words = dict(pairwise(command))
    assert words["--nnodes"] == "2:3"
    assert (words["--rdzv-backend"], words["--rdzv-endpoint"]) == ("c10d", "10.0.0.1:29400")
    assert (words["--rdzv-id"], words["--local-addr"]) == ("run-1-2", "10.0.0.1")
    assert "is_host=true" in words["--rdzv-conf"]
    assert "--standalone" not in command
