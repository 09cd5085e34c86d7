"""The clients of examples/clients: each compiled from proto/ alone, and run against the services it orders from."""

import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aio_pika
import pytest
from truscore.synthesis import render_dataset

from deploy.local.servers.rabbitmq import RabbitMQ
from tests.e2e.conftest import Stack
from tests.e2e.example_clients import CLIENTS, Client, build
from tests.e2e.toolchains import ToolchainMissing

RUN_TIMEOUT_S = 300
EXPORTED = [
    *("dataset.validated", "order.attached", "training.started", "epoch.completed"),
    *("training.completed", "model.exported", "onnx"),
]

# What docs/clients.md tells an operator to grant: queues that the broker names, and the one exchange.
PERMISSIONS = {
    "configure": r"amq\.gen.*",
    "write": r"amq\.gen.*|truscore\.events",
    "read": r"amq\.gen.*|truscore\.events",
}

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
languages = pytest.mark.parametrize("language", CLIENTS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """What a client left."""

    exit_code: int
    output: str
    errors: str

    @property
    def received(self) -> list[str]:
        """Routing keys of the events it printed, in order."""
        return [line.split()[0] for line in self.output.splitlines()]


@dataclass(frozen=True, kw_only=True, slots=True)
class System:
    """The stack, as a client may reach it."""

    stack: Stack
    amqp_url: str  # of a user that may do what a client needs, and no more

    def upload(self, folder: Path, prefix: str) -> str:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.stack.store.put_file(f"s3://{self.stack.bucket}/{prefix}/{path.relative_to(folder).as_posix()}", path)
        return f"s3://{self.stack.bucket}/{prefix}/"


@pytest.fixture(scope="module")
def virtual_host(_private_node: Callable[[], RabbitMQ]) -> Iterator[Callable[[], str]]:
    """Makes virtual hosts, each with nothing on it, and returns their addresses."""
    node, made = _private_node(), list[str]()

    def make() -> str:
        made.append(f"test-{uuid.uuid4().hex[:12]}")
        return node.add_vhost(made[-1])

    yield make
    for name in made:
        node.drop_vhost(name)


def user_of(node: RabbitMQ, amqp_url: str) -> str:
    """The virtual host's address for a new user with a client's permissions; the private node forgets it at its end."""
    name, password, parts = f"client-{uuid.uuid4().hex[:12]}", uuid.uuid4().hex, urlsplit(amqp_url)
    node.manage("PUT", f"/api/users/{name}", {"password": password, "tags": ""})
    node.manage("PUT", f"/api/permissions{parts.path}/{name}", PERMISSIONS)
    return f"amqp://{name}:{password}@{parts.hostname}:{parts.port}{parts.path}"


@pytest.fixture(scope="module")
def system(stack: Stack) -> System:
    return System(stack=stack, amqp_url=user_of(stack.node, stack.amqp_url))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Client | ToolchainMissing]:
    """Every client, or why it could not be compiled here."""
    found: dict[str, Client | ToolchainMissing] = {}
    for language in CLIENTS:
        try:
            found[language] = build(language, tmp_path_factory.mktemp(language))
        except ToolchainMissing as missing:
            found[language] = missing
    return found


@pytest.fixture
def client(language: str, built: dict[str, Client | ToolchainMissing]) -> Client:
    found = built[language]
    if isinstance(found, ToolchainMissing):
        pytest.skip(str(found))
    return found


@pytest.fixture(scope="module")
def followed(
    built: dict[str, Client | ToolchainMissing], system: System, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Ended]:
    """What each client left that placed the same order at the same time as the others."""
    cards = render_dataset(tmp_path_factory.mktemp("cards"), count=16, seed=11, image_size=(160, 200))
    uri = system.upload(cards, "incoming/example-cards")
    started = {
        language: client.start(system.amqp_url, uri, "example-cards", "1", "first")
        for language, client in built.items()
        if isinstance(client, Client)
    }
    return {language: ended(process) for language, process in started.items()}


def ended(process: "subprocess.Popen[str]") -> Ended:
    try:
        output, errors = process.communicate(timeout=RUN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
        errors += f"\nno end within {RUN_TIMEOUT_S} s"
    return Ended(exit_code=process.returncode, output=output, errors=errors)


def runs_in(left: Ended) -> set[str]:
    return set(re.findall(r"run-[0-9a-f]{20}", left.output))


@languages
def test_it_follows_its_order_to_the_exported_model(
    language: str, client: Client, followed: dict[str, Ended], system: System
) -> None:
    left = followed[language]
    print(f"{language}:\n{left.output}")  # noqa: T201  shown with -s, and where the test fails
    assert left.exit_code == 0, f"{left.errors}\n{left.output}\n{system.stack.services.tails()}"
    assert left.received[0] == "ordered"
    assert list(dict.fromkeys(left.received[1:])) == EXPORTED


@languages
@pytest.mark.parametrize("dataset_id", ["example-cards", "the-same-cards"])
def test_who_comes_when_the_run_is_over_is_given_its_run_and_its_model(
    language: str, dataset_id: str, client: Client, followed: dict[str, Ended], system: System
) -> None:
    """The same order once more, and one for the same images under another name: both are the same run."""
    uri = f"s3://{system.stack.bucket}/incoming/example-cards/"
    left = ended(client.start(system.amqp_url, uri, dataset_id, "1", "first"))
    print(left.output)  # noqa: T201
    assert left.exit_code == 0, f"{left.errors}\n{left.output}\n{system.stack.services.tails()}"
    assert left.received == [
        "ordered",
        *(key for key in EXPORTED if key not in {"training.started", "epoch.completed"}),
    ]
    assert runs_in(left) == runs_in(followed[language])


def test_the_same_order_placed_by_several_systems_is_one_run(followed: dict[str, Ended]) -> None:
    runs = {language: runs_in(left) for language, left in followed.items()}
    assert len(set.union(*runs.values())) == 1, runs


@languages
def test_a_rejected_dataset_ends_it_with_what_was_found(client: Client, system: System) -> None:
    uri = f"s3://{system.stack.bucket}/nothing/"
    left = ended(client.start(system.amqp_url, uri, "nothing", "1", "first"))
    print(left.output)  # noqa: T201
    assert left.exit_code == 1, left.errors
    assert left.received == ["ordered", "dataset.rejected", "order.nothing_there"]


@languages
def test_it_says_that_no_service_ever_connected(client: Client, virtual_host: Callable[[], str]) -> None:
    left = ended(client.start(virtual_host(), "s3://bucket/cards/", "cards", "1", "first"))
    assert (left.exit_code, left.output) == (3, "")
    assert "no service of TruScore has connected to this virtual host yet" in left.errors


@languages
async def test_an_order_that_nobody_listens_for_comes_back(client: Client, virtual_host: Callable[[], str]) -> None:
    amqp_url = virtual_host()
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        await channel.declare_exchange("truscore.events", "topic", durable=True)
    left = ended(client.start(amqp_url, "s3://bucket/cards/", "cards", "1", "first"))
    assert (left.exit_code, left.output) == (3, "")
    assert "the order was returned: nothing listens for dataset.ready" in left.errors


@languages
async def test_a_lost_connection_ends_it(
    client: Client, virtual_host: Callable[[], str], request: pytest.FixtureRequest
) -> None:
    amqp_url = virtual_host()
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange("truscore.events", "topic", durable=True)
        inbox = await channel.declare_queue("an-inbox", durable=True)
        await inbox.bind(exchange, "dataset.ready")
    process = client.start(amqp_url, "s3://bucket/cards/", "cards", "1", "first")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("ordered")
    request.getfixturevalue("_private_node")().drop_vhost(urlsplit(amqp_url).path.lstrip("/"))
    left = ended(process)
    assert left.exit_code == 3
    assert left.errors
