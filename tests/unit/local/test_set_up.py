"""`make setup` refuses what can't work before it starts, and says in words that it was interrupted."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deploy.local.servers.programs import REPOSITORY

TIMEOUT_S = 240
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")


@pytest.fixture(autouse=True)
def _typed_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under `make test` a further make would take itself for a part of it, and print so."""
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"):
        monkeypatch.delenv(name, raising=False)


def clone(folder: Path) -> Path:
    """What `make setup` reads before it installs anything."""
    folder.mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, folder)
    return folder


def test_a_clone_whose_path_has_a_colon_is_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = clone(tmp_path / "cards: mine")
    made = subprocess.run(["make", "setup"], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert made.returncode != 0
    assert (
        made.stdout
        == f"The folder '{folder}' has a colon or a control character in its path: move it to one without.\n"
    )
    assert not (folder / ".venv").exists()


def test_a_set_up_interrupted_while_it_makes_the_environment_says_so_without_a_traceback(tmp_path: Path) -> None:
    folder, begun = clone(tmp_path / "my clone"), tmp_path / "begun"
    os.mkfifo(begun)
    slow = f"open({str(begun)!r}, 'w').close(); import time; time.sleep(600)"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exit 0\nexec "{sys.executable}" -c "{slow}"\n')
    python.chmod(0o755)
    # A shell has what it runs in the background ignore interrupts, and what these tests start would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    make = subprocess.Popen(
        ["make", "setup", f"PYTHON={python}"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    signal.signal(signal.SIGINT, before)
    alarm = threading.Timer(TIMEOUT_S, make.kill)
    alarm.start()
    try:
        begun.read_text()
        os.killpg(make.pid, signal.SIGINT)  # as a terminal does
        printed, _ = make.communicate(timeout=TIMEOUT_S)
    finally:
        alarm.cancel()
        make.kill()
    assert make.returncode != 0
    assert "interrupted: the same command goes on with it" in printed
    assert "Traceback" not in printed
