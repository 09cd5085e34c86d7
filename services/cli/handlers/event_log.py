"""The event log, read once from a moment to its end: which objects its events name, and what was deleted."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from aio_pika.abc import AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError
from google.protobuf.message import Message
from truscore.bus import BusUnavailable, Undecodable, UnknownMessage, connect
from truscore.bus.broker import AWAY
from truscore.bus.codec import decode
from truscore.bus.consuming.delivery import wire_of
from truscore.bus.topology import LOG, row_routed
from truscore.events.v1.control_pb2 import ObjectsDeleted
from truscore.events.v1.dataset_pb2 import DatasetRejected, DatasetValidated
from truscore.events.v1.model_pb2 import ModelExported
from truscore.events.v1.training_pb2 import TrainingCompleted

# Events whose objects stay; a checkpoint of a pause goes when the run goes on.
LASTING: Final = (DatasetValidated, DatasetRejected, TrainingCompleted, ModelExported)
PREFETCH: Final = 500
QUIET_S: Final = 2.0
CONNECT_S: Final = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedObject:
    """An object that an event names; `size_bytes` is 0 where the event says none."""

    uri: str
    sha256: str
    size_bytes: int
    event: str
    at: datetime


@dataclass(kw_only=True, slots=True)
class LogReading:
    """What was read. `named`: by address, as the newest event says. `ahead_s`: by publisher, how far in the future an
    event of its was. `complete`: the end was reached."""

    events: int = 0
    oldest: datetime | None = None
    complete: bool = False
    named: dict[str, NamedObject] = field(default_factory=dict)
    deleted_uris: set[str] = field(default_factory=set)
    ahead_s: dict[str, float] = field(default_factory=dict)

    @property
    def objects(self) -> list[NamedObject]:
        """The oldest first."""
        return sorted(self.named.values(), key=lambda each: each.at)

    @property
    def deleted(self) -> tuple[str, ...]:
        """Addresses under which all was deleted."""
        return tuple(self.deleted_uris)


def read_log(amqp_url: str, *, since: datetime, deadline_s: float) -> LogReading:
    """BusUnavailable where the broker does not answer, or lets this user not read the log."""
    return asyncio.run(_read(amqp_url, since, deadline_s))


async def _read(amqp_url: str, since: datetime, deadline_s: float) -> LogReading:
    bus, reading, until = (
        connect(amqp_url, service="cli", retry_for_s=CONNECT_S),
        LogReading(),
        time.time() + deadline_s,
    )
    try:
        connection = await bus.connect()
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=PREFETCH)
        log = await channel.get_queue(LOG)
        async for message in log_entries(log, "first", limit_s=QUIET_S):
            reading.oldest = message.timestamp
            break
        async for message in log_entries(log, since, limit_s=deadline_s):
            _take(message, reading, now=datetime.now(tz=UTC))
        reading.complete = time.time() < until
    except (AMQPError, *AWAY) as error:
        raise BusUnavailable(f"{bus.safe_url}: the event log can't be read: {error!r}") from error
    else:
        return reading
    finally:
        await bus.stop()


async def log_entries(
    log: AbstractQueue, offset: str | datetime, *, limit_s: float
) -> AsyncIterator[AbstractIncomingMessage]:
    """What the log has from there on, until nothing comes for QUIET_S or `limit_s` are over."""
    until, arrived = time.time() + limit_s, asyncio.Queue[AbstractIncomingMessage](PREFETCH + 1)
    tag = await log.consume(arrived.put, arguments={"x-stream-offset": offset})
    try:
        while time.time() < until:
            try:
                async with asyncio.timeout(QUIET_S):
                    message = await arrived.get()
            except TimeoutError:
                return
            yield message
            await message.ack()
    finally:
        await log.cancel(tag)


def _take(message: AbstractIncomingMessage, reading: LogReading, *, now: datetime) -> None:
    try:
        event, envelope = decode(wire_of(message), row_routed(message.routing_key or ""), received=now)
    except (Undecodable, UnknownMessage):
        return
    reading.events += 1
    ahead_s = (envelope.time - now).total_seconds()
    reading.ahead_s[envelope.source] = max(ahead_s, reading.ahead_s.get(envelope.source, ahead_s))
    if isinstance(event, ObjectsDeleted) and event.uri.endswith("/"):
        reading.deleted_uris.add(event.uri)
    if isinstance(event, LASTING):
        for uri, sha256, size_bytes in references(event):
            reading.named[uri] = NamedObject(
                uri=uri, sha256=sha256, size_bytes=size_bytes, event=event.DESCRIPTOR.name, at=envelope.time
            )


def references(message: Message) -> Iterator[tuple[str, str, int]]:
    """Address, SHA-256 and size (0 where not said) of all that a message names, itself and what is in it: fields `…uri`
    beside `…sha256`."""
    names = {each.name for each in message.DESCRIPTOR.fields}
    for name in names:
        beside = name.removesuffix("uri") + "sha256"
        if name.endswith("uri") and beside in names and (uri := getattr(message, name)) and getattr(message, beside):
            size_bytes = getattr(message, "size_bytes", 0) if name == "uri" else 0
            yield uri, getattr(message, beside), size_bytes
    for each, value in message.ListFields():
        if each.message_type is not None:
            inner = [value] if isinstance(value, Message) else value
            for part in inner:
                if isinstance(part, Message):
                    yield from references(part)
