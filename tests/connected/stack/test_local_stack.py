"""`python -m deploy.local up` and `down`, run as people run them, in a folder of their own."""

import contextlib
import os
import queue
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from truscore.telemetry.probe import SERVING, health_of
from typer.testing import CliRunner

from deploy.local.addresses import PREFIXES, from_env_file
from deploy.local.servers.programs import REPOSITORY
from deploy.mlflow.ready import check
from services.cli.app import app
from services.cli.context import Code
from services.cli.settings import read_settings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]
START_S = 300.0
COMMAND_S = 240.0
MOST_BYTES = {"experiment_tracker": 170_000_000, "hyperparameter_search": 170_000_000}
MOST_BYTES_OTHERWISE = 120_000_000
# What waits for the next order has torch loaded; on a machine with little memory nothing waits.
WAITING_PROCESS = {"trainer": "services.trainer.worker.standby", "exporter": "services.exporter.child"}
MOST_BYTES_WAITING = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Up:
    """A stack that runs, and its folder."""

    command: "subprocess.Popen[str]"
    folder: Path
    environment: dict[str, str]

    @property
    def known(self) -> dict[str, str]:
        return from_env_file((self.folder / "stack.env").read_text())

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.command.pid).children(recursive=True)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        argv = [sys.executable, "-m", "deploy.local", *command]
        return subprocess.run(
            argv, cwd=REPOSITORY, env=self.environment, capture_output=True, text=True, timeout=COMMAND_S, check=False
        )


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """In a folder whose path means something else to a shell, to a search path and to an address."""
    folder = tmp_path_factory.mktemp("local") / "my card's; 50% é:$x#1"
    environment = dict(os.environ) | {"TRUSCORE_LOCAL_DIR": str(folder)}
    command = subprocess.Popen(
        [sys.executable, "-u", "-m", "deploy.local", "up"],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_for_line(command, "running; addresses in")
        yield Up(command=command, folder=folder, environment=environment)
    finally:
        command.terminate()
        command.wait(COMMAND_S)


def wait_for_line(command: "subprocess.Popen[str]", part: str) -> None:
    """Read what the command says until it says this; a thread goes on reading, so that it never blocks."""
    output: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in command.stdout or ():
            output.put(line)
        output.put(None)

    threading.Thread(target=read, daemon=True).start()
    lines: list[str] = []
    deadline = time.monotonic() + START_S
    while not lines or part not in lines[-1]:
        line = output.get(timeout=max(0.1, deadline - time.monotonic()))
        assert line is not None, "".join(lines)
        lines.append(line)


def test_every_service_serves_and_can_be_reached(up: Up) -> None:
    healths = {name: health_of(up.known[f"TRUSCORE_{prefix}_ADDRESS"]) for name, prefix in PREFIXES.items()}
    assert set(healths.values()) == {SERVING}, healths


def test_a_command_finds_the_stack_by_its_file(up: Up, tmp_path: Path) -> None:
    (tmp_path / ".local").symlink_to(up.folder)
    settings, _, where = read_settings(tmp_path)
    assert settings.monitor_address == up.known["TRUSCORE_MONITOR_ADDRESS"]
    assert "stack.env" in where


def test_the_stack_has_tokens_of_its_own_and_commands_find_theirs(
    up: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address = {"TRUSCORE_MONITOR_ADDRESS": up.known["TRUSCORE_MONITOR_ADDRESS"]}
    refused = CliRunner().invoke(app, ["alerts", "list"], env=address)
    assert getattr(refused.exception, "code", None) is Code.DENIED
    (tmp_path / ".local").symlink_to(up.folder)
    for arguments in (["alerts", "list"], ["audit", "list"], ["models", "list"], ["search", "list"]):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.exception
    kept = up.folder / "tokens"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert up.known["TRUSCORE_GRPC_TOKEN"] not in "".join(path.read_text() for path in kept.iterdir())


def test_mlflow_answers_one_call_of_each_kind_and_keeps_files_in_the_folder(up: Up) -> None:
    url = up.known["TRUSCORE_MLFLOW_URL"]
    check(url)
    file = f"{url}/api/2.0/mlflow-artifacts/artifacts/some/file.txt"
    with urllib.request.urlopen(urllib.request.Request(file, data=b"kept", method="PUT"), timeout=60):
        assert (up.folder / "mlflow" / "artifacts" / "some" / "file.txt").read_bytes() == b"kept"


def test_temporary_files_of_every_process_lie_in_the_folder_of_the_stack(up: Up) -> None:
    named = {process.environ().get("TMPDIR", "") for process in up.family() if "reaper.py" not in process.cmdline()[-1]}
    assert {Path(name).resolve() for name in named} == {up.folder / "tmp"}


def test_the_addresses_are_for_the_owner_only(up: Up) -> None:
    assert stat.S_IMODE((up.folder / "stack.env").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "service", ["dataset_validator", "trainer", "monitor", "experiment_tracker", "exporter", "hyperparameter_search"]
)
def test_an_idle_service_is_small(up: Up, service: str) -> None:
    found = [process for process in up.family() if f"services.{service}" in process.cmdline()]
    assert len(found) == 1
    family = (found[0], *found[0].children(recursive=True))
    waiting = [member for member in family if WAITING_PROCESS.get(service, "nothing waits") in member.cmdline()]
    used = sum(member.memory_info().rss for member in family if member not in waiting)
    assert used <= MOST_BYTES.get(service, MOST_BYTES_OTHERWISE), f"{service} takes {used / 1e6:.0f} MB"
    assert len(waiting) <= 1
    assert sum(member.memory_info().rss for member in waiting) <= MOST_BYTES_WAITING


def test_everything_listens_on_loopback_only(up: Up) -> None:
    listening = set()
    for process in up.family():
        # Helpers of the broker, its probes of disk and memory, come and go.
        with contextlib.suppress(psutil.NoSuchProcess):
            listening |= {
                connection.laddr.ip.removeprefix("::ffff:")
                for connection in process.net_connections()
                if connection.status == psutil.CONN_LISTEN
            }
    assert listening
    assert listening <= {"127.0.0.1", "::1"}


def test_a_second_stack_in_the_same_folder_is_refused(up: Up) -> None:
    second = up.run("up")
    assert second.returncode == 1
    assert "make down" in second.stderr


def test_down_ends_every_process(up: Up) -> None:
    family = up.family()
    assert len(family) > len(PREFIXES)
    down = up.run("down")
    assert (down.returncode, down.stdout.splitlines()[-1]) == (0, "stopped")
    assert up.command.wait(COMMAND_S) == 0
    _, left = psutil.wait_procs(family, timeout=10)
    assert left == []
    assert not (up.folder / "stack.env").exists()
    assert up.run("down").stdout.strip() == "no stack runs here"
