"""Each user of the broker with the rights of the table: its service works, and what it may not do is refused."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aio_pika
import pytest
from aio_pika.exceptions import AMQPError
from aiormq.exceptions import ChannelAccessRefused
from truscore.audit import Request, chained
from truscore.bus import Bus, Envelope, canary, connect, consume, publisher, replay_log
from truscore.bus.audit_stream import append_audit, read_audit
from truscore.bus.declarations import all_queues
from truscore.bus.errors import BusError, BusUnavailable
from truscore.bus.permissions import SERVICES, permissions, permissions_of
from truscore.bus.queue_counts import count_queues, watched_queues
from truscore.bus.topology import AUDIT, EXCHANGE, LOG, TOPOLOGY, inbox_name
from truscore.events.v1.control_pb2 import RunCancel
from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.events.v1.telemetry_pb2 import AlertRaised
from yarl import URL

from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.rabbitmq.definitions import definitions
from services.cli.deep_checks.queues import queues
from services.cli.handlers.event_log import read_log
from tests.conftest import PrivateBroker
from tests.connected.bus.event_recorder import EventRecorder, publish_plainly, until

pytestmark = pytest.mark.connected
USERS = [each.user for each in permissions()]


@pytest.fixture(scope="module")
def addresses(_private_node: Callable[[], RabbitMQ]) -> Iterator[dict[str, str]]:
    """A broker's address for each user, on a virtual host that the definitions were imported into."""
    node, passwords = _private_node(), {user: f"password of {user}" for user in USERS}
    broker = PrivateBroker(node=node, vhost=f"test-{uuid.uuid4().hex[:12]}")
    node.add_vhost(broker.vhost)
    broker.manage("POST", "/api/definitions", definitions(passwords, vhost=broker.vhost))
    url = URL(broker.amqp_url)
    yield {user: str(url.with_user(user).with_password(password)) for user, password in passwords.items()}
    node.start()
    node.drop_vhost(broker.vhost)


class Refusals:
    """Tries one thing after the other as one user; each on a channel of its own, for a refusal closes it."""

    def __init__(self, connection: aio_pika.abc.AbstractConnection) -> None:
        self.connection = connection

    async def refused(self, act: str, *names: str) -> bool:
        channel = await self.connection.channel(publisher_confirms=True)
        try:
            await getattr(self, act)(channel, *names)
        except ChannelAccessRefused:
            return True
        await channel.close()
        return False

    async def publish(self, channel: Any, exchange: str, key: str) -> None:
        target = await channel.get_exchange(exchange, ensure=False) if exchange else channel.default_exchange
        await target.publish(aio_pika.Message(b""), key, mandatory=False, timeout=10)

    async def bind(self, channel: Any, queue: str, key: str) -> None:
        made = await channel.declare_queue(queue, durable=True, arguments={"x-expires": 60_000})
        await made.bind(EXCHANGE, key, timeout=10)

    async def get(self, channel: Any, queue: str) -> None:
        await (await channel.get_queue(queue, ensure=False)).get(fail=False, timeout=10)

    async def delete(self, channel: Any, queue: str) -> None:
        await channel.queue_delete(queue, timeout=10)

    async def declare(self, channel: Any, queue: str) -> None:
        await channel.declare_queue(queue, durable=True, timeout=10)


@pytest.mark.parametrize("user", USERS)
async def test_a_user_publishes_what_the_table_says_and_nothing_else(user: str, addresses: dict[str, str]) -> None:
    async with await aio_pika.connect(addresses[user]) as connection:
        may = Refusals(connection)
        allowed = {row.routing_key for row in TOPOLOGY if not await may.refused("publish", EXCHANGE, row.routing_key)}
        assert allowed == {row.routing_key for row in TOPOLOGY if user in row.publishers}
        # Straight into another's inbox: only who brings dead letters back.
        assert await may.refused("publish", "", inbox_name("trainer", "run.cancel")) == (user != "cli")


@pytest.mark.parametrize("user", USERS)
async def test_a_user_binds_its_queues_to_what_it_may_receive_and_nothing_else(
    user: str, addresses: dict[str, str]
) -> None:
    async with await aio_pika.connect(addresses[user]) as connection:
        may, queue = Refusals(connection), f"{user}.for-this-test"
        allowed = {row.routing_key for row in TOPOLOGY if not await may.refused("bind", queue, row.routing_key)}
        expected = permissions_of(user).bind
        assert allowed == {row.routing_key for row in TOPOLOGY if re.search(expected, row.routing_key)}
        assert await may.refused("bind", queue, "#")


@pytest.mark.parametrize("user", USERS)
async def test_queues_of_others_are_neither_read_nor_deleted_nor_made(user: str, addresses: dict[str, str]) -> None:
    async with await aio_pika.connect(addresses[user]) as connection:
        may = Refusals(connection)
        for queue in all_queues():
            if queue.name in {LOG, AUDIT} or queue.name.startswith(f"{user}."):
                continue
            dead = queue.name.endswith(".dead")
            assert await may.refused("get", queue.name) == (not (dead and user == "cli")), queue.name
            assert await may.refused("delete", queue.name), queue.name
        assert await may.refused("delete", LOG)
        assert await may.refused("delete", AUDIT)
        assert await may.refused("declare", "somebody.else")


@pytest.mark.parametrize("user", USERS)
async def test_only_the_monitor_writes_audit_records(user: str, addresses: dict[str, str]) -> None:
    async with await aio_pika.connect(addresses[user]) as connection:
        assert await Refusals(connection).refused("publish", AUDIT, AUDIT) == (user != "monitor")


@pytest.fixture
async def as_user(addresses: dict[str, str]) -> AsyncIterator[Callable[[str], Bus]]:
    made: list[Bus] = []

    def make(service: str) -> Bus:
        made.append(connect(addresses[service], service=service, instance=f"i{len(made)}"))
        return made[-1]

    yield make
    for bus in made:
        await bus.stop()


async def test_an_order_goes_from_its_sender_to_a_service_that_fails_once_and_takes_it_again(as_user: Any) -> None:
    validator, sender = as_user("dataset-validator"), as_user("upstream")
    seen = []

    async def handle(event: DatasetReady, _: Envelope) -> None:
        seen.append(event.dataset_id)
        if len(seen) == 1:
            raise RuntimeError("a fault")

    consume(validator, DatasetReady, handle, service="dataset-validator")
    bird = canary(validator, service="dataset-validator", every_s=3600)
    await validator.start()
    await sender.start()
    await publisher(sender, service="upstream").publish(DatasetReady(dataset_id="d"), subject="d/1")

    async def twice() -> bool:
        return len(seen) == 2 and bird.alive()

    await until(twice)


@pytest.mark.parametrize("service", ["monitor", "experiment-tracker"])
async def test_a_reader_of_the_log_reaches_its_end_and_raises_alerts(service: str, as_user: Any) -> None:
    bus, recorder = as_user(service), EventRecorder()

    async def read(event: Any, envelope: Envelope, _: int) -> None:
        await recorder(event, envelope)

    reader = replay_log(bus, read, service=service, offset="first")
    await bus.start()
    await publisher(bus, service=service).publish(AlertRaised(rule=service), subject="host")

    async def raised() -> bool:
        return reader.caught_up.is_set() and any(
            isinstance(event, AlertRaised) and event.rule == service for event, _ in recorder.received
        )

    await until(raised)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_starts_and_its_canary_comes_back(service: str, as_user: Any) -> None:
    bus = as_user(service)
    bird = canary(bus, service=service, every_s=3600)
    await bus.start()

    async def alive() -> bool:
        return bird.alive()

    await until(alive)


async def test_a_service_publishes_nothing_that_is_not_its_own(as_user: Any) -> None:
    bus = as_user("monitor")
    await bus.start()
    with pytest.raises((BusError, AMQPError)):
        await publisher(bus, service="monitor", deadline_s=2).publish(RunCancel(run_id="run-1"), subject="run-1")


async def test_who_published_a_request_is_what_the_broker_knows_and_nobody_can_pretend(
    as_user: Any, addresses: dict[str, str]
) -> None:
    bus, recorder = as_user("monitor"), EventRecorder()
    replay_log(bus, recorder, service="monitor", offset="first")
    await bus.start()
    for user in ("cli", "studio"):
        sender = as_user(user)
        await sender.start()
        await publisher(sender, service=user).publish(RunCancel(run_id=f"run-of-{user}"), subject="run")
    await publish_plainly(addresses["cli"], "run.cancel", RunCancel(run_id="run-of-nobody"))
    with pytest.raises(AMQPError):
        await publish_plainly(addresses["cli"], "run.cancel", RunCancel(run_id="run-forged"), user_id="studio")

    async def all_came() -> bool:
        return "run-of-nobody" in {getattr(event, "run_id", "") for event, _ in recorder.received}

    await until(all_came)
    users = {event.run_id: envelope.user for event, envelope in recorder.received if isinstance(event, RunCancel)}
    assert users == {"run-of-cli": "cli", "run-of-studio": "studio", "run-of-nobody": ""}


async def test_the_monitor_appends_to_the_audit_record_and_reads_it_to_its_end(
    as_user: Any, addresses: dict[str, str]
) -> None:
    bus = as_user("monitor")
    await bus.start()
    request = Request(
        action="cancel",
        subject="run-1",
        identity="cli",
        requested_by="anna",
        source="truscore/cli",
        requested_at_ns=1,
        event_id="e",
        event_type="t",
        log_offset=0,
        content="{}",
    )
    record = chained(request, None)
    await append_audit(bus, record)
    assert [found async for found in read_audit(addresses["monitor"])][-1] == record


async def test_the_command_line_may_look_at_every_queue_and_read_the_log(addresses: dict[str, str]) -> None:
    """What `truscore doctor --deep` does, with the rights of its own user."""
    url, since = addresses["cli"], datetime.now(tz=UTC) - timedelta(days=1)
    checks = {check.name: check for check in await asyncio.to_thread(lambda: list(queues(url)))}
    assert checks["broker version"].ok
    assert checks["trainer dead letters"].ok
    assert (await asyncio.to_thread(read_log, url, since=since, deadline_s=10)).complete
    with pytest.raises(BusUnavailable, match="can't be read"):
        await asyncio.to_thread(read_log, addresses["upstream"], since=since, deadline_s=10)


async def test_the_monitor_counts_every_queue_and_one_that_is_missing_stops_nothing(
    as_user: Any, addresses: dict[str, str]
) -> None:
    bus = as_user("monitor")
    await bus.start()
    names = [queue.name for queue in watched_queues()]
    counts = await count_queues(addresses["monitor"], ["no.such.queue", *names])
    assert set(counts) == set(names)
