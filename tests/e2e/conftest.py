"""The services as real processes, on a broker, a store and an MLflow server of the tests' own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from deploy.local.servers.mlflow_server import MlflowServer, ready_mlflow
from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.programs import REPOSITORY
from deploy.local.services import commands
from tests.e2e.running import RunningServices, services_of


class Broker(Protocol):
    @property
    def amqp_url(self) -> str: ...


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """Begun, not waited for: everything but the tracker starts meanwhile."""
    python = ready_mlflow(REPOSITORY / ".local" / "mlflow-venv", lock=REPOSITORY / "requirements.lock")
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"), python)
    server.begin()
    yield server
    server.stop()


@pytest.fixture
def service_environment() -> dict[str, str]:
    """What a test module sets beyond the addresses, by overriding this fixture."""
    return {}


@pytest.fixture
def running_services(
    private_broker: Broker,
    s3: ObjectServer,
    bucket: str,
    mlflow_server: MlflowServer,
    service_environment: dict[str, str],
    tmp_path: Path,
) -> Iterator[RunningServices]:
    """All of the Procfile."""
    with services_of(
        list(commands()),
        amqp_url=private_broker.amqp_url,
        s3=s3,
        bucket=bucket,
        folder=tmp_path,
        mlflow_server=mlflow_server,
        environment=service_environment,
    ) as services:
        yield services
