"""What README and docs tell people to type, typed: page by page, in order, against a running stack."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.addresses import to_env_file
from deploy.local.servers.programs import REPOSITORY
from tests.e2e.conftest import Stack
from tests.house.documents import Block, blocks, pages

PAGE_TIMEOUT_S = 400.0
TAIL = 6_000  # characters of the output that are shown where a page fails
PAGES = {str(page.relative_to(REPOSITORY)): page for page in pages() if any(block.is_run for block in blocks(page))}
# Not the reader's: each has to be made by what a page tells.
HIDDEN = {".git", ".local", ".venv"}

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture
def clone(tmp_path: Path, stack: Stack) -> Path:
    """The repository as a reader has it after `make up`: what a page writes stays here."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for entry in REPOSITORY.iterdir():
        if entry.name not in HIDDEN:
            (clone / entry.name).symlink_to(entry)
    (clone / ".venv").symlink_to(sys.prefix)
    (clone / ".local").mkdir()
    (clone / ".local" / "stack.env").write_text(to_env_file(stack.services.variables))
    return clone


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_commands_of_a_page_do_what_it_says(name: str, clone: Path) -> None:
    script = "".join(map(_step, filter(lambda block: block.is_run, blocks(PAGES[name]))))
    path = f"{clone / '.venv/bin'}:/usr/local/bin:/usr/bin:/bin"
    if name == "README.md":  # the page that tells how the command gets on the path
        path = path.partition(":")[2]
    environment = {"HOME": str(clone.parent), "PATH": path, "LANG": "C.UTF-8"}
    ended, output = _typed(script, clone, environment)
    assert ended == 0, f"{name} ended with {ended}, in the last block named here:\n{output[-TAIL:]}"


def _step(block: Block) -> str:
    """The block as a step of the page's script, announced so that a failure can be found."""
    command = block.text if block.language == "sh" else f"python - <<'END_OF_BLOCK'\n{block.text}END_OF_BLOCK\n"
    return f"echo {shlex.quote('### ' + block.place)}\n{command}"


def _typed(script: str, folder: Path, environment: dict[str, str]) -> tuple[int | None, str]:
    """How it ended (None: not in time) and all it printed; nothing that it started is left behind."""
    with subprocess.Popen(
        ["/bin/bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0,
    ) as process:  # fmt: skip
        try:
            output, _ = process.communicate(timeout=PAGE_TIMEOUT_S)
            return process.returncode, output
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None, process.communicate()[0]
