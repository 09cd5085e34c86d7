"""The MLflow server of the local stack, in a virtual environment of its own. Knows its installation and process."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from deploy.local.loopback import Refused, request_json
from deploy.local.ports import LOOPBACK, free_ports
from deploy.local.processes import ProcessFailed, Started, start_process, wait_until

INSTALL_TIMEOUT_S = 600.0
# Measured: 25 s on two idle cores; everything else starts at the same time.
START_TIMEOUT_S = 180.0
STOP_GRACE_S = 15.0
# Nothing of ours uses the server's job queue, whose eight workers take 250 MB each.
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def ready_mlflow(venv: Path, *, lock: Path) -> Path:
    """The `mlflow` program in `venv`; the environment is made first, from the lock, when it is missing or older."""
    program = venv / "bin" / "mlflow"
    mark = venv / ".ready"
    if mark.exists() and mark.stat().st_mtime >= lock.stat().st_mtime:
        return program
    uv = Path(sys.executable).with_name("uv")
    tool = str(uv) if uv.is_file() else shutil.which("uv")
    if tool is None:
        raise ProcessFailed(f"no uv beside {sys.executable}: run `make setup`")
    _run([tool, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(venv)])
    install = [tool, "pip", "install", "--quiet", "--python", str(venv / "bin" / "python")]
    _run([*install, "--constraints", str(lock), "mlflow"])
    mark.touch()
    return program


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, check=False, text=True, capture_output=True, timeout=INSTALL_TIMEOUT_S)
    if done.returncode != 0:
        raise ProcessFailed(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stderr}")


class MlflowServer:
    """One server on SQLite that also hands out the artefacts, which lie in its folder."""

    def __init__(self, folder: Path, program: Path) -> None:
        self.folder = folder.resolve()
        self._program = program
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
                self._program,
                "server",
                f"--host={LOOPBACK}",
                f"--port={self._port}",
                "--workers=1",
                f"--backend-store-uri=sqlite:///{self.folder / 'mlflow.db'}",
                "--serve-artifacts",
                f"--artifacts-destination={self.folder / 'artifacts'}",
            ],
            log_path=self.folder / "mlflow.log",
            env=dict(os.environ) | QUIET,
            cwd=self.folder,
        )

    def wait(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait until it answers; `meanwhile` is called again and again, and may raise."""

        def ready() -> bool:
            meanwhile()
            return self._answers()

        if self._process is None:
            raise ProcessFailed("the MLflow server was never started")
        wait_until(self._process, ready, timeout_s=START_TIMEOUT_S, what="an answer on /health")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate(STOP_GRACE_S)

    def _answers(self) -> bool:
        try:
            request_json(self._port, "POST", "/api/2.0/mlflow/experiments/search", body={"max_results": 1})
        except (OSError, Refused):
            return False
        return True
