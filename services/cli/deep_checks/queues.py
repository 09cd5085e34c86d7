"""The broker's version, and of each queue whether somebody consumes it and how full the dead letters are."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from truscore.bus import BusUnavailable, connect, topology
from truscore.bus.broker import AWAY

from services.cli.doctor import TIMEOUT_S, Check

LEAST_BROKER: Final = (3, 10)
DEADLINE_S: Final = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Queue:
    messages: int
    consumers: int


def queues(amqp_url: str) -> Iterator[Check]:
    """Version, inboxes and dead letters."""
    try:
        version, found = asyncio.run(asyncio.wait_for(_look(amqp_url), DEADLINE_S))
    except (BusUnavailable, *AWAY) as error:
        yield Check(name="queues", ok=False, found=f"not looked at: {error}", todo="see the check of the broker")
        return
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    yield Check(name="broker version", ok=numbers >= LEAST_BROKER, found=version, todo="RabbitMQ 3.10 or newer")
    for service, names in _inboxes().items():
        yield _inbox_check(service, {name: found.get(name) for name in names})
        yield _dead_check(service, found.get(topology.dead_name(service)))


def _inbox_check(service: str, inboxes: dict[str, _Queue | None]) -> Check:
    name = f"{service} inboxes"
    missing = sorted(queue for queue, state in inboxes.items() if state is None)
    if missing:
        todo = "start the service, or import the definitions of `python -m deploy.rabbitmq.definitions`"
        return Check(name=name, ok=False, found=f"not there: {', '.join(missing)}", todo=todo)
    deaf = sorted(queue for queue, state in inboxes.items() if state is not None and not state.consumers)
    waiting = sum(state.messages for state in inboxes.values() if state is not None)
    found = f"{waiting} messages wait" + (f"; nobody consumes {', '.join(deaf)}" if deaf else "")
    return Check(name=name, ok=not deaf, found=found, todo=f"start {service}: its orders wait meanwhile", grave=False)


def _dead_check(service: str, state: _Queue | None) -> Check:
    name, most = f"{service} dead letters", topology.DEAD_LETTERS_MAX
    if state is None:
        return Check(name=name, ok=False, found=f"{topology.dead_name(service)} is not there", todo=f"start {service}")
    full = state.messages >= most
    beyond = f": full, more wait in {topology.waiting_name(service)}" if full else ""
    todo = f"`truscore dead list {service}`{beyond}"
    return Check(name=name, ok=not state.messages, found=f"{state.messages} of {most}", todo=todo, grave=full)


def _inboxes() -> dict[str, list[str]]:
    by_service: dict[str, list[str]] = defaultdict(list)
    for row, listener in topology.inboxes():
        by_service[listener.service].append(topology.inbox_name(listener.service, row.routing_key))
    return by_service


async def _look(amqp_url: str) -> tuple[str, dict[str, _Queue]]:
    """The broker's version, and every queue that is there. Looking declares nothing."""
    from aio_pika.exceptions import ChannelNotFoundEntity

    bus = connect(amqp_url, service="cli", retry_for_s=TIMEOUT_S)
    try:
        connection = await bus.connect()
        transport = connection.transport
        properties = transport.connection.server_properties if transport else {}
        found = {}
        for name in [each for names in _inboxes().values() for each in names] + [*map(topology.dead_name, _inboxes())]:
            channel = await connection.channel()
            try:
                declared = await channel.declare_queue(name, passive=True, timeout=TIMEOUT_S)
            except ChannelNotFoundEntity:
                continue
            result = declared.declaration_result
            found[name] = _Queue(messages=result.message_count or 0, consumers=result.consumer_count or 0)
            await channel.close()
        return str(properties.get("version", "not stated")), found
    finally:
        await bus.stop()
