"""Processes with a log that are started, awaited and ended without an event loop; a reaper ends them if we die."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from truscore.process.output import tail_of
from truscore.process.reaper import family_of, kill_all

POLL_S = 0.05


class ProcessFailed(RuntimeError):
    """A process ended, or did not become ready in time; carries the end of its log."""


class Started:
    """One running process group, its log file, and the ways to end it."""

    def __init__(self, name: str, popen: "subprocess.Popen[bytes]", log_path: Path) -> None:
        self.name = name
        self.log_path = log_path
        self._popen = popen

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it. What it left in its group is ended with it."""
        if self._popen.returncode is None and _is_zombie(self.pid):
            # Before it is reaped: a zombie keeps its number, which may be a stranger's afterwards.
            self._end_group()
            self._popen.poll()
            _reaper().forget(self.pid)
        return self._popen.returncode

    @property
    def running(self) -> bool:
        return self.exit_code is None

    def wait(self, timeout_s: float) -> int:
        """Wait for its end; `ProcessFailed` when it still runs after `timeout_s`."""
        try:
            self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ProcessFailed(f"{self.name} still runs after {timeout_s:g} s\n{self.tail()}") from None
        _reaper().forget(self.pid)
        return self._popen.returncode

    def signal(self, number: int) -> None:
        """Send a signal to the process itself."""
        self._popen.send_signal(number)

    def terminate(self, grace_s: float = 15.0) -> bool:
        """SIGTERM, and after `grace_s` SIGKILL for it and whatever it started; whether the SIGTERM was enough."""
        if not self.running:
            return False
        family = family_of(self.pid)
        self._popen.terminate()
        in_order = True
        try:
            self._popen.wait(grace_s)
        except subprocess.TimeoutExpired:
            in_order = False
            self._popen.kill()
            self._popen.wait()
        self._end_group()
        _reaper().forget(self.pid)
        kill_all(family)
        return in_order

    def kill(self) -> None:
        """SIGKILL at once, the process and its group; nothing where it has ended."""
        if not self.running:
            return
        self._end_group()
        self._popen.wait()
        _reaper().forget(self.pid)

    def tail(self, lines: int = 40) -> str:
        """The last lines of the log."""
        return "\n".join(tail_of(self.log_path).splitlines()[-lines:])

    def failure(self) -> ProcessFailed:
        """Says how it ended, with the end of its log."""
        return ProcessFailed(
            f"{self.name} ended with code {self.exit_code}; its log {self.log_path} ends with:\n{self.tail()}"
        )

    def _end_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def _is_zombie(pid: int) -> bool:
    """Whether a child of ours ended and was not reaped yet, as it is not by this."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # another thread is just reaping it
        return False


def start_process(
    name: str, argv: Sequence[str | Path], *, log_path: Path, env: Mapping[str, str], cwd: Path | None = None
) -> Started:
    """Start a process in a group of its own; it ends with this process, even when this one is killed."""
    log_path.parent.mkdir(parents=True, exist_ok=True)
    reaper = _reaper()
    with log_path.open("ab") as log:
        popen = subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    reaper.watch(popen.pid)
    return Started(name, popen, log_path)


def wait_until(process: Started, ready: Callable[[], bool], *, timeout_s: float, what: str) -> None:
    """Poll `ready` until it holds; `ProcessFailed` with the log's end when the process dies or time is up."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if not process.running:
            raise process.failure()
        if time.monotonic() > deadline:
            raise ProcessFailed(
                f"{process.name}: no {what} within {timeout_s:g} s; its log {process.log_path} ends with:\n"
                f"{process.tail()}"
            )
        time.sleep(POLL_S)


class _Reaper:
    def __init__(self) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("reaper.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, pid: int) -> None:
        self._notify_reaper(f"+{pid}\n")

    def forget(self, pid: int) -> None:
        self._notify_reaper(f"-{pid}\n")

    def _notify_reaper(self, line: str) -> None:
        pipe = self._popen.stdin
        if pipe is None:
            raise ProcessFailed("the reaper was started without a pipe")
        # Who is ended at once may end the reaper too: what it was to watch is then ended by whoever did that.
        with contextlib.suppress(BrokenPipeError):
            pipe.write(line.encode())
            pipe.flush()


@functools.cache
def _reaper() -> _Reaper:
    """One for the life of this process: its pipe closing is what tells it that we are gone."""
    return _Reaper()
