"""Ctrl-C is answered at once and in words, whenever it comes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.interrupts import interruptible
from deploy.local.servers.programs import REPOSITORY

TIMEOUT_S = 60


def signals(first: int, *, then: Callable[[], None], output: list[str]) -> None:
    """The first signal within the block, and `then` on the way out of it."""
    with interruptible(lambda: output.append("stopping")):
        try:
            signal.raise_signal(first)
        finally:
            then()


def test_the_first_signal_is_answered_before_anything_is_ended() -> None:
    output: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        signals(signal.SIGINT, then=lambda: output.append("ending"), output=output)
    assert output == ["stopping", "ending"]


def test_a_second_signal_ends_what_is_waited_for_and_lets_the_ending_go_on() -> None:
    """In a process of its own: all children of the one that is interrupted end, and ours are the servers of others."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.unit.local.interrupted_twice"],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert ended.stdout.splitlines() == ["stopping", f"the child ended with {-signal.SIGKILL}", "interrupted"]
    assert ended.returncode == 0, ended.stderr


def test_an_interrupted_set_up_says_so_without_a_traceback(tmp_path: Path) -> None:
    """The package manager is a program that never ends, as one behind a slow mirror seems to be."""
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    for name in ("apt-get", "apt-cache", "dpkg-deb"):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho >'{begun}'\nexec sleep 600\n")
        program.chmod(0o755)
    given = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "TRUSCORE_RABBITMQ_PLACES": "/nowhere",
        "TRUSCORE_PROGRAMS_DIR": str(tmp_path / "programs"),
    }
    environment = {name: value for name, value in os.environ.items() if name != "TRUSCORE_AMQP_URL"} | given
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.local", "setup"],
        cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    alarm = threading.Timer(TIMEOUT_S, process.kill)
    alarm.start()
    try:
        assert begun.read_text() == "\n"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        printed, _ = process.communicate(timeout=TIMEOUT_S)
    finally:
        alarm.cancel()
        process.kill()
    assert (process.returncode, "Traceback" in printed) == (130, False), printed
    assert "the set-up stops here" in printed
