"""The services as real processes, on a broker, a store and an MLflow server of the tests' own."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from truscore.storage import S3Store

from deploy.local.servers.mlflow_server import MlflowServer, ready_mlflow
from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.programs import REPOSITORY
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.services import commands
from tests.e2e.running import RunningServices, services_of
from tests.scheduling import TOGETHER

# For speed: the proof itself, and processes that wait for an order, are tested elsewhere.
LITTLE_PROOF = {
    "TRUSCORE_EXPORTER_PARITY_IMAGES": "2",
    "TRUSCORE_EXPORTER_BENCHMARK_ROUNDS": "1",
    "TRUSCORE_EXPORTER_PREPARED_CHILD": "false",
    "TRUSCORE_TRAINER_STANDBY": "false",
}


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """Begun, not waited for: everything but the tracker starts meanwhile."""
    python = ready_mlflow(REPOSITORY / ".local" / "mlflow-venv", lock=REPOSITORY / "requirements.lock")
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"), python)
    server.begin()
    yield server
    server.stop()


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """All of the Procfile on a virtual host and a bucket of their own."""

    node: RabbitMQ
    vhost: str
    objects: ObjectServer
    bucket: str
    services: RunningServices

    @property
    def amqp_url(self) -> str:
        return self.node.url_of(self.vhost)

    @property
    def store(self) -> S3Store:
        return S3Store(self.objects.endpoint, self.objects.access_key, self.objects.secret_key)


_KEPT = pytest.StashKey[tuple[Stack, ExitStack]]()


@pytest.fixture(scope="module")
def stack(
    request: pytest.FixtureRequest,
    _private_node: Callable[[], RabbitMQ],
    s3: ObjectServer,
    mlflow_server: MlflowServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Stack:
    """One stack for all modules that order runs and disturb nothing; the names of their datasets differ."""
    if _KEPT not in request.config.stash:
        with ExitStack() as opened:
            node, name = _private_node(), f"test-{uuid.uuid4().hex[:16]}"
            node.add_vhost(name)
            opened.callback(node.drop_vhost, name)
            s3.make_bucket(name)
            opened.callback(s3.drop_bucket, name)
            running = services_of(
                list(commands()),
                amqp_url=node.url_of(name),
                s3=s3,
                bucket=name,
                folder=tmp_path_factory.mktemp("stack"),
                mlflow_server=mlflow_server,
                environment=LITTLE_PROOF,
            )
            services = opened.enter_context(running)
            started = Stack(node=node, vhost=name, objects=s3, bucket=name, services=services)
            request.config.stash[_KEPT] = started, opened.pop_all()
    return request.config.stash[_KEPT][0]


@pytest.hookimpl(tryfirst=True)  # before the session's own servers, where no test follows
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """The stack ends with the last of its modules: eight services would idle through all later tests."""
    if _KEPT in item.config.stash and (nextitem is None or not is_together(nextitem)):
        opened = item.config.stash[_KEPT][1]
        del item.config.stash[_KEPT]
        opened.close()


def is_together(item: pytest.Item) -> bool:
    return item.path.relative_to(REPOSITORY).as_posix() in TOGETHER
