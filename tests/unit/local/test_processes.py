"""Processes end when they should, and say why they did not start."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from truscore.process.supervised import ProcessFailed, Started, start_process, wait_until

from deploy.local.servers.ports import free_ports, is_listening

REPOSITORY = Path(__file__).parents[3]
DEADLINE_S = 30.0
# Starts a child that leaves a grandchild behind, says their ids, and then waits for its own end.
PARENT = """
import os, sys, time
from pathlib import Path
from truscore.process.supervised import start_process
careless = "sleep 600 & echo $!; wait"
child = start_process("child", ["sh", "-c", careless], log_path=Path(sys.argv[1]), env=dict(os.environ))
while not Path(sys.argv[1]).read_text().strip():
    time.sleep(0.01)
print(child.pid, Path(sys.argv[1]).read_text().strip(), flush=True)
time.sleep(600)
"""


def start(tmp_path: Path, *argv: str) -> Started:
    return start_process("test", argv, log_path=tmp_path / "test.log", env=dict(os.environ))


def gone(pids: list[int]) -> bool:
    return all(not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE for pid in pids)


def until(condition, what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_what_was_started_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", PARENT, str(tmp_path / "child.log")]
    parent = subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    try:
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert not gone(pids)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    until(lambda: gone(pids), f"{pids} outlived their parent")


def test_terminate_lets_a_process_end_in_order(tmp_path: Path) -> None:
    process = start(tmp_path, "sh", "-c", "trap 'echo bye; exit 3' TERM; echo up; sleep 600 & wait")
    wait_until(process, lambda: "up" in process.tail(), timeout_s=DEADLINE_S, what="a sign")
    assert process.terminate()
    assert process.exit_code == 3
    assert process.tail().splitlines() == ["up", "bye"]


def test_terminate_ends_a_process_that_will_not(tmp_path: Path) -> None:
    process = start(tmp_path, "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done")
    wait_until(process, lambda: "up" in process.tail(), timeout_s=DEADLINE_S, what="a sign")
    assert not process.terminate(grace_s=0.2)
    assert process.exit_code == -signal.SIGKILL


def test_what_a_process_leaves_in_its_group_ends_when_its_end_is_noticed(tmp_path: Path) -> None:
    process = start(tmp_path, "sh", "-c", "sleep 600 & echo $!")
    until(lambda: not process.running, "the shell still runs")
    left = int(process.tail())
    until(lambda: gone([left]), f"{left} outlived its group")
    process.kill()  # of one that has ended: its number may be a stranger's by now
    assert process.exit_code == 0


def test_a_process_that_ends_early_is_reported_with_its_last_words(tmp_path: Path) -> None:
    process = start(tmp_path, "sh", "-c", "echo no such setting >&2; exit 7")
    with pytest.raises(ProcessFailed, match=r"(?s)test ended with code 7.*no such setting"):
        wait_until(process, lambda: False, timeout_s=DEADLINE_S, what="an answer")


def test_a_process_that_never_answers_is_reported_with_the_deadline(tmp_path: Path) -> None:
    process = start(tmp_path, "sleep", "600")
    try:
        with pytest.raises(ProcessFailed, match=r"test: no answer within 0.1 s"):
            wait_until(process, lambda: False, timeout_s=0.1, what="answer")
    finally:
        process.kill()
    assert not process.running


def test_free_ports_differ_and_are_free() -> None:
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert not any(is_listening(port) for port in ports)
