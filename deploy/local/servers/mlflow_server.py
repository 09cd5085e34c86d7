"""The MLflow server of the local stack, in a virtual environment of its own. Knows its installation and process."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from truscore.process.supervised import ProcessFailed, Started, start_process, wait_until

from deploy.local.servers.ports import LOOPBACK, free_ports
from deploy.mlflow.ready import NotReady, check

INSTALL_TIMEOUT_S = 600.0
# Measured: 25 s on two idle cores; everything else starts at the same time.
START_TIMEOUT_S = 180.0
STOP_GRACE_S = 15.0
# Nothing of ours uses the server's job queue, whose eight workers take 250 MB each.
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
PRELOAD = Path(__file__).resolve().parents[2] / "mlflow" / "preload"


def ready_mlflow(venv: Path, *, lock: Path) -> Path:
    """The Python in `venv` that has MLflow; the environment is made first, from the lock, when missing or older."""
    python = venv / "bin" / "python"
    mark = venv / ".ready"
    if mark.exists() and mark.stat().st_mtime >= lock.stat().st_mtime:
        return python
    uv = Path(sys.executable).with_name("uv")
    tool = str(uv) if uv.is_file() else shutil.which("uv")
    if tool is None:
        raise ProcessFailed(f"no uv beside {sys.executable}: run `make setup`")
    _run([tool, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(venv)])
    install = [tool, "pip", "install", "--quiet", "--python", str(python)]
    _run([*install, "--constraints", str(lock), "mlflow"])
    mark.touch()
    return python


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, check=False, text=True, capture_output=True, timeout=INSTALL_TIMEOUT_S)
    if done.returncode != 0:
        raise ProcessFailed(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stderr}")


class MlflowServer:
    """One server on SQLite that also hands out the artefacts, which lie in its folder."""

    def __init__(self, folder: Path, python: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self._python = python
        #: What the server inherits; without it, what this process has.
        self._inherited = environment
        self._port = free_ports(1)[0]
        self._process: Started | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def process(self) -> Started | None:
        """The server; None before it was begun."""
        return self._process

    def begin(self) -> None:
        """Start it without waiting: it takes longest of all."""
        (self.folder / "artifacts").mkdir(parents=True, exist_ok=True)
        self._process = start_process(
            "mlflow",
            [
                # Not the `mlflow` script: its first line would have to name a path that may hold blanks.
                self._python,
                *("-m", "mlflow", "server"),
                f"--host={LOOPBACK}",
                f"--port={self._port}",
                "--workers=1",
                # Relative to the server's folder: a path may hold characters that mean something in an address.
                "--backend-store-uri=sqlite:///mlflow.db",
                "--serve-artifacts",
                f"--artifacts-destination={(self.folder / 'artifacts').as_uri()}",
            ],
            log_path=self.folder / "mlflow.log",
            env=dict(os.environ if self._inherited is None else self._inherited) | QUIET | {"PYTHONPATH": str(PRELOAD)},
            cwd=self.folder,
        )

    def wait(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait until it has answered one call of each kind; `meanwhile` is called again and again, and may raise."""
        found = ""

        def ready() -> bool:
            nonlocal found
            meanwhile()
            try:
                check(self.url)
            except NotReady as reason:
                found = str(reason)
                return False
            return True

        if self._process is None:
            raise ProcessFailed("the MLflow server was never started")
        try:
            wait_until(self._process, ready, timeout_s=START_TIMEOUT_S, what="answer to one call of each kind")
        except ProcessFailed as failure:
            raise ProcessFailed(f"{failure}\n{found}") from None

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate(STOP_GRACE_S)
