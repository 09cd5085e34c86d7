"""What a killed stack leaves behind stops nobody: files that name it are passed over, processes of it are ended."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from deploy.local.leftovers import leftovers
from deploy.local.places import Places
from deploy.local.servers.programs import REPOSITORY

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]
WAIT_S = 240.0
Command = Callable[..., "subprocess.Popen[str]"]


class EmptyMlflow(BaseHTTPRequestHandler):
    """A tracking server with nothing on record: the tracker needs no more, and a real one takes half a minute."""

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), EmptyMlflow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield dict(os.environ) | {
        "TRUSCORE_LOCAL_DIR": str(tmp_path_factory.mktemp("local")),
        "TRUSCORE_MLFLOW_URL": f"http://127.0.0.1:{server.server_port}",
    }
    server.shutdown()
    server.server_close()


@pytest.fixture
def where(environment: Mapping[str, str]) -> Places:
    return Places(folder=Path(environment["TRUSCORE_LOCAL_DIR"]))


@pytest.fixture
def command(environment: Mapping[str, str]) -> Iterator[Command]:
    """Starts `python -m deploy.local …`."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        started.append(
            subprocess.Popen(
                [sys.executable, "-u", "-m", "deploy.local", *arguments],
                cwd=REPOSITORY,
                env=dict(environment),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=WAIT_S)


def lines_until(process: "subprocess.Popen[str]", part: str) -> str:
    """What it prints up to the line with this part; pytest's own timeout bounds the wait."""
    lines: list[str] = []
    for line in process.stdout or ():
        lines.append(line)
        if part in line:
            return "".join(lines)
    pytest.fail(f"ended without {part!r}:\n{''.join(lines)}")


def cut_power(process: "subprocess.Popen[str]") -> None:
    """SIGKILL for the command and everything it started."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        with suppress(psutil.NoSuchProcess):  # it ended with one that was killed before
            member.kill()
    process.wait(WAIT_S)
    psutil.wait_procs(family, timeout=WAIT_S)


def test_a_stack_starts_anew_over_what_a_power_cut_left_and_down_clears_it_away(
    command: Command, where: Places
) -> None:
    first = command("up")
    lines_until(first, "running; addresses in")
    assert where.known()
    cut_power(first)
    assert (where.env_file.exists(), where.pid_file.exists()) == (True, True)
    assert (where.owner(), where.known()) == (None, {})
    second = command("up")
    lines_until(second, "running; addresses in")
    assert where.owner() == second.pid
    cut_power(second)
    output, _ = command("down").communicate(timeout=WAIT_S)
    assert "no stack runs here; cleared away what a killed one left: stack.env, stack.pid" in output
    assert (where.env_file.exists(), where.pid_file.exists()) == (False, False)


def test_processes_that_outlived_their_stack_are_ended_before_the_next_one_starts(
    command: Command, where: Places
) -> None:
    first = command("up")
    lines_until(first, "running; addresses in")
    orphans = leftovers(where.folder)
    reaper = next(p for p in psutil.Process(first.pid).children() if "reaper.py" in p.cmdline()[-1])
    reaper.kill()
    first.kill()
    first.wait(WAIT_S)
    assert all(process.is_running() for process in orphans)
    second = command("up")
    output = lines_until(second, "starting RabbitMQ")
    ended = re.search(r"ended (\d+) processes that a killed stack had left", output)
    # Helpers of the broker end by themselves once nobody is left to read what it prints.
    assert ended is not None, output
    assert 0 < int(ended[1]) <= len(orphans)
    assert not any(process.is_running() for process in orphans)
    assert leftovers(where.folder)[:1] not in ([orphan] for orphan in orphans)
    # While it starts, Ctrl-C is answered at once, and nothing is left of it.
    second.send_signal(signal.SIGINT)
    output, _ = second.communicate(timeout=WAIT_S)
    assert (second.returncode, "Traceback" in output) == (0, False), output
    assert "stopping" in output.splitlines()[1 if "SeaweedFS" in output.splitlines()[0] else 0]
    assert leftovers(where.folder) == []
    assert (where.env_file.exists(), where.pid_file.exists(), where.scratch.exists()) == (False, False, False)
