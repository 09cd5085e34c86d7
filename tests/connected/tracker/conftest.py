"""An MLflow server of our own, started when first asked for: it takes half a minute."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.servers.mlflow_server import MlflowServer, ready_mlflow
from deploy.local.settings import LocalSettings
from services.experiment_tracker.settings import configure_mlflow

# Before anything imports mlflow.
configure_mlflow(timeout_s=20)

REPOSITORY = Path(__file__).resolve().parents[3]


def mlflow_python() -> Path:
    """The interpreter of MLflow's own environment, which is made where it is missing."""
    return ready_mlflow(REPOSITORY / LocalSettings().local_dir / "mlflow-venv", lock=REPOSITORY / "requirements.lock")


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"), mlflow_python())
    server.begin()
    server.wait()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mlflow_url(request: pytest.FixtureRequest) -> str:
    """Address of an MLflow server: ours, or the one that the environment names."""
    named = LocalSettings().mlflow_url
    if named:
        return named
    server: MlflowServer = request.getfixturevalue("mlflow_server")
    return server.url
