"""Servers and folders for tests: a private broker and a private object store, started once when first asked for."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.programs import ready_rabbitmq
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.servers.seaweedfs import SeaweedFS, find_weed
from deploy.local.settings import LocalSettings, SharedData

if TYPE_CHECKING:
    from truscore.storage import S3Store
    from xdist.remote import Producer

    from tests.postgres_server import PostgresServer
    from tests.scheduling import SharingFiles

# Before torch is loaded: threads that wait by spinning take the cores of the tests beside them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

REPOSITORY = Path(__file__).resolve().parents[1]

# The same examples in every run, so that a red run can be repeated; `make test ARGS=--hypothesis-profile=searching`
# draws new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--larger",
        type=int,
        default=1,
        metavar="TIMES",
        help="learning tests on so many times the images, for so many times the epochs",
    )
    parser.addoption(
        "--pictures", type=Path, default=None, metavar="FOLDER", help="where the walk through the studio keeps pictures"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "SharingFiles | None":
    from tests.scheduling import SharingFiles

    return SharingFiles(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def times(request: pytest.FixtureRequest) -> int:
    """How many times as many images and epochs learning tests take (`make test-learning`: three, or its TIMES)."""
    return int(request.config.getoption("--larger"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real datasets that may lie beside the repository."""
    named = SharedData().shared_data
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real datasets at {folder}: set TRUSCORE_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def _local_settings() -> LocalSettings:
    return LocalSettings()


@pytest.fixture(scope="session")
def _private_node(
    tmp_path_factory: pytest.TempPathFactory, _local_settings: LocalSettings
) -> Iterator[Callable[[], RabbitMQ]]:
    """Starts our own node at the first call; the same node after that."""
    started: list[RabbitMQ] = []

    def node() -> RabbitMQ:
        if not started:
            started.append(RabbitMQ(tmp_path_factory.mktemp("rabbitmq"), ready_rabbitmq(_local_settings)))
        started[0].start()
        return started[0]

    yield node
    for broker in started:
        broker.kill()
        broker.close()
        shutil.rmtree(broker.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> "Iterator[PostgresServer]":
    """A server of our own; tests take a schema each."""
    from tests.postgres_server import PostgresServer, is_available

    if not is_available():
        pytest.skip("no PostgreSQL here: initdb and postgres are not on the path")
    server = PostgresServer()
    yield server
    server.end()


@dataclass(frozen=True, kw_only=True, slots=True)
class PrivateBroker:
    """Our own node, and a virtual host of it for one test. Killing it is allowed: it is started again afterwards."""

    node: RabbitMQ
    vhost: str

    @property
    def amqp_url(self) -> str:
        return self.node.url_of(self.vhost)

    @property
    def running(self) -> bool:
        return self.node.running

    def start(self) -> None:
        """Start it again with its data and its ports; returns when it answers."""
        self.node.start()

    def stop(self) -> None:
        """Shut it down in order."""
        self.node.stop()

    def kill(self) -> None:
        """SIGKILL."""
        self.node.kill()

    def settle(self) -> None:
        """Have the queues declared so far on disk: RabbitMQ 3.10 forgets those of the last two seconds at a kill."""
        self.node.settle()

    def manage(self, method: str, path: str, body: object = None) -> object:
        """One call of the management API."""
        return self.node.manage(method, path, body)


@pytest.fixture
def private_broker(_private_node: Callable[[], RabbitMQ]) -> Iterator[PrivateBroker]:
    """A node of ours with a fresh virtual host, even where the environment names another broker."""
    node = _private_node()
    vhost = f"test-{uuid.uuid4().hex[:12]}"
    node.add_vhost(vhost)
    yield PrivateBroker(node=node, vhost=vhost)
    node.start()
    node.drop_vhost(vhost)


@pytest.fixture
def amqp_url(request: pytest.FixtureRequest, _local_settings: LocalSettings) -> str:
    """A broker's address: a fresh virtual host of our node, or the broker that the environment names, as it is."""
    if _local_settings.amqp_url is not None:
        return _local_settings.amqp_url.get_secret_value()
    broker: PrivateBroker = request.getfixturevalue("private_broker")
    return broker.amqp_url


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory, _local_settings: LocalSettings) -> Iterator[ObjectServer]:
    """An S3 server: SeaweedFS started here, or the one that the environment names."""
    named = _local_settings.object_server()
    if named is not None:
        yield named
        return
    store = SeaweedFS(tmp_path_factory.mktemp("seaweedfs"), find_weed())
    store.start()
    yield store.reach
    store.stop()
    # Gigabytes by the end of all tests; pytest itself keeps the folders of a session in which a test failed.
    shutil.rmtree(store.folder, ignore_errors=True)


@pytest.fixture
def bucket(s3: ObjectServer) -> Iterator[str]:
    """The name of an empty bucket that is removed after the test."""
    name = f"test-{uuid.uuid4().hex[:16]}"
    s3.make_bucket(name)
    yield name
    s3.drop_bucket(name)


@pytest.fixture
def store(s3: ObjectServer, bucket: str) -> "S3Store":
    """Our store on the server that has `bucket`; objects are named `s3://<bucket>/…`."""
    from truscore.storage import S3Store

    return S3Store(s3.endpoint, s3.access_key, s3.secret_key)
