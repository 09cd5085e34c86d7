"""A file that names a process says more than its number: numbers are given out again."""

import os
import subprocess
import sys

import pytest
from truscore.process.identity import pid_of, process_identity, still_runs


def test_this_process_still_runs() -> None:
    identity = process_identity(os.getpid())
    assert pid_of(identity) == os.getpid()
    assert still_runs(f"{identity}\n")


@pytest.mark.parametrize("part", [0, 2], ids=["another boot", "another start"])
def test_the_same_number_after_another_boot_or_start_is_another_process(part: int) -> None:
    parts = process_identity(os.getpid()).split(":")
    parts[part] = parts[part][::-1] + "1"
    assert not still_runs(":".join(parts))


def test_a_process_that_ended_no_longer_runs_even_before_its_parent_looked() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    identity = process_identity(process.pid)
    assert still_runs(identity)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and still on the books
    assert not still_runs(identity)
    process.wait()
    assert not still_runs(identity)


@pytest.mark.parametrize("text", ["", "\n", "1234", "a:b:c", "x:-1:2", "::"])
def test_what_is_no_identity_names_nobody(text: str) -> None:
    assert pid_of(text) is None
    assert not still_runs(text)
