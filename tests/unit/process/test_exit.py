"""The end of a process is not undone by what libraries do while the interpreter is taken down."""

import os
import subprocess
import sys
from pathlib import Path

# Stands for a library's thread that aborts then: the object is finalized with its module, after the exit handlers.
ABORTS_WHEN_FINALIZED = """
import os

class Aborting:
    def __del__(self, abort=os.abort):
        abort()

kept = Aborting()
"""


def run(arguments: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    (folder / "aborting.py").write_text(ABORTS_WHEN_FINALIZED)
    (folder / "sitecustomize.py").write_text("import aborting\n")
    path = os.pathsep.join(part for part in (str(folder), os.environ.get("PYTHONPATH", "")) if part)
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_exit_handlers_run_and_output_is_written_and_the_status_is_kept(tmp_path: Path) -> None:
    code = """
import atexit
from truscore.process.exit import exit_without_finalizing
atexit.register(print, "handled")
print("computed", end="\\n")
exit_without_finalizing(3)
"""
    assert run(["-c", "pass"], tmp_path).returncode < 0, "the interpreter's end aborts here, or the test shows nothing"
    ended = run(["-c", code], tmp_path)
    assert (ended.returncode, ended.stdout) == (3, "computed\nhandled\n"), ended.stderr


def test_a_training_process_ends_with_its_own_status(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    ended = run(["-m", "services.trainer.worker.main", "--run-dir", str(run_dir)], tmp_path)
    assert ended.returncode == 1, ended.stderr
    assert '"failed"' in (run_dir / "journal.jsonl").read_text()
