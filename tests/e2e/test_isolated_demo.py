"""A whole demonstration reaches no other machine and writes nowhere but into the folder of the stack.

It runs on a clone that can only be read, with a home folder and temporary folders that are empty and stay so.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.demo import UNSEEN_CARDS
from deploy.local.servers.mlflow_server import ready_mlflow
from deploy.local.servers.programs import REPOSITORY, ready_rabbitmq
from deploy.local.settings import LocalSettings
from tests.e2e import isolated_network

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
PROBE_S = 30
WAIT_S = 560
# Torch asks for the name of 127.0.0.1 when the processes of a run find each other: by the C library, which asks the
# machine's own name server where it was given the address in its IPv6 form.
OWN_NAME = "192.0.2.53:53 1.0.0.127.in-addr.arpa"


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """How a command ended, what it printed, whom it wanted to reach and what it left in temporary folders."""

    code: int
    printed: str
    wanted: list[str]
    left: list[str]


@pytest.fixture(scope="module")
def alone() -> list[str]:
    """The command that gives another one a network and mounts of its own."""
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        pytest.skip("no unshare and mount (util-linux) on this machine")
    tried = []
    for options in (["--net", "--mount"], ["--map-root-user", "--net", "--mount"]):
        mounts = "mount -t tmpfs tmpfs /mnt && mount --bind . . && mount -o remount,bind,ro ."
        probe = ["unshare", *options, "sh", "-c", mounts]
        done = subprocess.run(probe, cwd=REPOSITORY, capture_output=True, text=True, timeout=PROBE_S, check=False)
        if done.returncode == 0:
            return ["unshare", *options]
        tried.append(done.stderr.strip())
    pytest.skip(f"this machine allows no network of one's own: {'; '.join(tried)}")


def watched(alone: list[str], folder: Path, command: list[str], environment: Mapping[str, str]) -> Watched:
    report = folder / "report.json"
    # What lies below the temporary folders and is needed nevertheless.
    kept = [path for path in (folder, REPOSITORY, Path(sys.prefix)) if is_temporary(path)]
    argv = [*alone, sys.executable, isolated_network.__file__, str(report), *map(str, kept), "--", *command]
    done = subprocess.run(
        argv, cwd=REPOSITORY, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=WAIT_S, check=False,
    )  # fmt: skip
    assert report.exists(), done.stdout
    return Watched(printed=done.stdout, **json.loads(report.read_text()))


def is_temporary(path: Path) -> bool:
    return any(Path(folder) in path.parents for folder in isolated_network.TEMPORARY)


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("socket.create_connection(('192.0.2.1', 443), timeout=5)", "192.0.2.1:443"),
        ("socket.create_connection(('2001:db8::1', 443), timeout=5)", "2001:db8::1:443"),
        ("socket.getaddrinfo('example.invalid', 80)", "192.0.2.53:53 example.invalid"),
    ],
    ids=["an address", "an IPv6 address", "a name"],
)
def test_a_connection_to_another_machine_is_recorded(alone: list[str], tmp_path: Path, address: str, seen: str) -> None:
    code = f"import socket, tempfile; tempfile.mkstemp(prefix='left-'); {address}"
    found = watched(alone, tmp_path, [sys.executable, "-c", code], os.environ)
    if "::" in seen and not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    assert found.code != 0
    assert seen in found.wanted
    assert any("left-" in path for path in found.left)


def test_a_demo_connects_to_no_other_machine_and_writes_only_into_its_folder(
    alone: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Fetched before, where they are missing: that is the set-up's part.
    ready_rabbitmq(LocalSettings())
    ready_mlflow(REPOSITORY / ".local" / "mlflow-venv", lock=REPOSITORY / "requirements.lock")
    folder = tmp_path_factory.mktemp("d")
    (home := folder / "home").mkdir()
    # Inductor notes the folder of its cache in the environment of whoever asks for it, such as these tests.
    named = ("TRUSCORE_", "MLFLOW_", "XDG_", "TMPDIR", "HOME", "TORCHINDUCTOR_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(named)}
    environment |= {"HOME": str(home), "TRUSCORE_LOCAL_DIR": str(folder / "local")}
    command = [sys.executable, "-m", "deploy.local", "demo", "--short", "--no-keep"]
    found = watched(alone, folder, command, environment)
    assert found.code == 0, found.printed
    assert "onnx: s3://" in found.printed
    assert found.printed.count(" true left ") == UNSEEN_CARDS
    assert "the guess" in found.printed
    assert len(list((folder / "local" / "demo").glob("*.png"))) == UNSEEN_CARDS
    assert set(found.wanted) <= {OWN_NAME}
    assert found.left == []
    assert list(home.rglob("*")) == []
