"""Which processes a stack takes for its own, told by real ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.leftovers import MARK, leftovers

SLEEPS = "import os, sys; sys.argv[1:] and os.chroot(sys.argv[1]); print(flush=True); sys.stdin.read()"


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "in a container"])
def test_only_processes_that_see_the_same_folder_are_of_its_stack(elsewhere: bool, tmp_path: Path) -> None:
    if elsewhere and os.geteuid() != 0:
        pytest.skip("chroot needs root")
    folder = tmp_path / ".local"
    command = [sys.executable, "-c", SLEEPS, *([str(tmp_path)] if elsewhere else [])]
    environment = {**os.environ, MARK: str(folder)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert [found.pid for found in leftovers(folder)] == ([] if elsewhere else [process.pid])
        process.terminate()
