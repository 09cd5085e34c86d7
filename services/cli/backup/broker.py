"""The broker's part of a backup: definitions, the streams of events and of audit records, dead letters."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity, ChannelPreconditionFailed

from services.cli.backup.messages import Entry, entry_of

TIMEOUT_S: Final = 30
PREFETCH: Final = 200
MARKER_HEADER: Final = "truscore-marker"  # entries with it are no events: readers of the streams pass them over
RESTORE_EXCHANGE: Final = "truscore.restore"
# What lies in a virtual host, as RabbitMQ's definitions name it.
OF_VHOST: Final = ("permissions", "topic_permissions", "policies", "parameters", "queues", "exchanges", "bindings")


class BrokerRefused(Exception):
    """The broker is away or does not let us; the message says what and what would."""


def definitions(management_url: str, amqp_url: str) -> dict[str, Any]:
    """What is declared in the address's virtual host, and the users that may use it. Raises BrokerRefused."""
    vhost = vhost_of(amqp_url)
    everything = _call("GET", management_url, amqp_url, "/api/definitions")
    found = {
        name: [each for each in everything.get(name, []) if each.get("vhost", vhost) == vhost] for name in OF_VHOST
    }
    users = {each["user"] for each in found["permissions"]}
    found["users"] = [each for each in everything["users"] if each["name"] in users]
    found["vhosts"] = [each for each in everything["vhosts"] if each["name"] == vhost]
    return found


def declare(management_url: str, amqp_url: str, found: Mapping[str, Any]) -> None:
    """Declare what ``definitions`` found; what is there stays. Raises BrokerRefused."""
    _call("POST", management_url, amqp_url, "/api/definitions", found)


def vhost_of(amqp_url: str) -> str:
    """The virtual host that an AMQP address names."""
    return unquote(urlsplit(amqp_url).path.removeprefix("/")) or "/"


def _call(method: str, management_url: str, amqp_url: str, path: str, body: object = None) -> Any:
    address, login = urlsplit(management_url), urlsplit(amqp_url)
    user, password = unquote(login.username or "guest"), unquote(login.password or "guest")
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=TIMEOUT_S)
    token = "Basic " + b64encode(f"{user}:{password}".encode()).decode()
    try:
        content = None if body is None else json.dumps(body)
        headers = {"Authorization": token, "Content-Type": "application/json"}
        connection.request(method, path, body=content, headers=headers)
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, HTTPException) as error:
        raise BrokerRefused(f"RabbitMQ's management at {management_url} does not answer: {error}") from error
    finally:
        connection.close()
    if answer.status >= 300:
        raise BrokerRefused(
            f"RabbitMQ's management answered {method} {path} of user {user!r} with {answer.status}: {text[:300]!r}; "
            "definitions take a user with the tag administrator"
        )
    return json.loads(text) if text else None


@asynccontextmanager
async def channel_to(amqp_url: str) -> AsyncIterator[AbstractChannel]:
    """A channel with confirms, which is not restored when it is lost. Raises BrokerRefused."""
    try:
        async with await aio_pika.connect(amqp_url, timeout=TIMEOUT_S) as connection:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            await channel.set_qos(prefetch_count=PREFETCH)
            yield channel
    except ChannelPreconditionFailed as error:
        raise BrokerRefused(
            f"the broker refused a message: {error}; to put back messages of other users, the restoring user needs the "
            "tag impersonator (rabbitmqctl set_user_tags USER administrator impersonator)"
        ) from error
    except (AMQPError, OSError, TimeoutError) as error:
        raise BrokerRefused(f"the broker went away or refused: {error!r}") from error


async def entries_of(channel: AbstractChannel, stream: str) -> AsyncIterator[Entry]:
    """All entries of a stream that are there now, oldest first; none where there is no such stream."""
    marker = uuid4().hex
    received: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    queue = await channel.get_queue(stream, ensure=False)
    tag = await queue.consume(received.put, arguments={"x-stream-offset": "first"}, timeout=TIMEOUT_S)
    end = aio_pika.Message(b"", headers={MARKER_HEADER: marker}, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
    await channel.default_exchange.publish(end, stream, timeout=TIMEOUT_S)
    while True:
        async with asyncio.timeout(TIMEOUT_S):
            message = await received.get()
        await message.ack()
        if message.headers.get(MARKER_HEADER) == marker:
            break
        yield entry_of(message)
    await queue.cancel(tag)


async def append(channel: AbstractChannel, stream: str, entries: Iterable[Entry]) -> int:
    """Put entries at a stream's end, in order, and nowhere else; how many. Raises BrokerRefused where it has some."""
    if held := await size_of(channel, stream):
        raise BrokerRefused(f"the stream {stream} has {held} entries already: restore into an empty virtual host")
    return await add(channel, stream, entries)


async def add(channel: AbstractChannel, stream: str, entries: Iterable[Entry]) -> int:
    """Put entries at a stream's end, in order, and nowhere else; how many."""
    exchange = await channel.declare_exchange(RESTORE_EXCHANGE, aio_pika.ExchangeType.FANOUT, durable=False)
    queue = await channel.get_queue(stream, ensure=False)
    try:
        await queue.bind(exchange)
        count = 0
        for batch in _batches(entries, PREFETCH):
            # Frames of one channel keep their order; each batch is confirmed before the next.
            await asyncio.gather(*(_publish(exchange, entry, entry.routing_key) for entry in batch))
            count += len(batch)
    finally:
        await exchange.delete()
    return count


async def size_of(channel: AbstractChannel, queue: str) -> int:
    """Messages in a queue; 0 where it is not there."""
    try:
        found = await channel.declare_queue(queue, passive=True)
    except ChannelNotFoundEntity:
        await channel.reopen()
        return 0
    return found.declaration_result.message_count or 0


async def waiting_in(channel: AbstractChannel, queue_name: str) -> list[Entry]:
    """What waits in a queue, oldest first. It goes back when the channel is closed."""
    if not await size_of(channel, queue_name):
        return []
    queue, found = await channel.get_queue(queue_name, ensure=False), []
    while (message := await queue.get(fail=False, timeout=TIMEOUT_S)) is not None:
        found.append(entry_of(message))
    return found


async def put_into(channel: AbstractChannel, queue_name: str, entries: Iterable[Entry]) -> None:
    """Put messages into a queue, past all exchanges."""
    for entry in entries:
        await _publish(channel.default_exchange, entry, queue_name)


async def publish_again(channel: AbstractChannel, exchange_name: str, entry: Entry) -> None:
    """As its publisher published it, under the same event id."""
    exchange = await channel.get_exchange(exchange_name, ensure=False)
    await _publish(exchange, entry, entry.routing_key)


async def _publish(exchange: Any, entry: Entry, routing_key: str) -> None:
    message = aio_pika.Message(
        entry.body,
        headers=dict(entry.headers),
        timestamp=entry.timestamp,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        **entry.properties,
    )
    await exchange.publish(message, routing_key, timeout=TIMEOUT_S)


def _batches(entries: Iterable[Entry], size: int) -> Iterable[list[Entry]]:
    batch: list[Entry] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
