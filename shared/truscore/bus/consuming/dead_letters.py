"""Dead letters: look at them, send them home once the cause is gone, or delete those that nobody needs."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aio_pika.abc import AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import ChannelNotFoundEntity
from google.protobuf import json_format

from truscore.bus import topology
from truscore.bus.broker import AWAY, Bus, connect
from truscore.bus.codec import RETRIES_HEADER, decode
from truscore.bus.consuming.consumer import DEAD_HEADER
from truscore.bus.consuming.delivery import carried, copy_of, wire_of
from truscore.bus.errors import BusError, BusUnavailable, Undecodable, UnknownMessage
from truscore.bus.publisher import publish
from truscore.bus.topology import RETRY_QUEUE_HEADER

TIMEOUT_S: Final = 30
LIST_LIMIT: Final = 1000


class NoSuchLetter(BusError):
    """No dead letter of the service has the id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """A message that a service gave up on."""

    letter_id: str  # 12 hexadecimal digits, the same each time the letter is looked at
    service: str
    inbox: str
    routing_key: str
    type: str
    event_id: str
    correlation_id: str
    kind: str  # "poison", "undecodable", "failed", or RabbitMQ's reason, for example "delivery_limit"
    reason: str
    exception: str
    traceback: str
    deliveries: int
    at: str  # ISO 8601; empty where the broker gave up, which gives no time
    traceparent: str
    size_bytes: int
    content: str  # JSON where it could be decoded, else the first bytes in hexadecimal


def services() -> tuple[str, ...]:
    """Our services that have dead letters."""
    return tuple(dict.fromkeys(listener.service for _, listener in topology.inboxes()))


async def list_dead(amqp_url: str, service: str, *, limit: int = 100) -> list[DeadLetter]:
    """The oldest dead letters of a service, at most `limit`. They stay where they are."""
    async with _opened(amqp_url, service) as (_, queue):
        return [_letter(message, service) async for message in _each(queue, limit)]


async def show_dead(amqp_url: str, service: str, letter_id: str) -> DeadLetter:
    """One dead letter. NoSuchLetter where there is none."""
    for letter in await list_dead(amqp_url, service, limit=topology.DEAD_LETTERS_MAX):
        if letter.letter_id.startswith(letter_id):
            return letter
    raise NoSuchLetter(f"{topology.dead_name(service)} has no letter {letter_id!r}")


async def replay_dead(
    amqp_url: str, service: str, letter_ids: Sequence[str] = (), *, limit: int = LIST_LIMIT
) -> list[DeadLetter]:
    """Put the letters (all where no id is given) back into their inboxes, with all their retries before them."""

    async def put_back(bus: Bus, message: AbstractIncomingMessage, letter: DeadLetter) -> None:
        await publish(bus, "", letter.inbox, copy_of(message, _cleared(message.headers)), timeout_s=TIMEOUT_S)

    return await _taken(amqp_url, service, letter_ids, limit=limit, first=put_back)


async def discard_dead(
    amqp_url: str, service: str, letter_ids: Sequence[str] = (), *, limit: int = LIST_LIMIT
) -> list[DeadLetter]:
    """Delete the letters (all where no id is given) for good. NoSuchLetter where none is there that was named."""

    async def keep_nothing(_bus: Bus, _message: AbstractIncomingMessage, _letter: DeadLetter) -> None:
        pass

    return await _taken(amqp_url, service, letter_ids, limit=limit, first=keep_nothing)


async def _taken(
    amqp_url: str,
    service: str,
    letter_ids: Sequence[str],
    *,
    limit: int,
    first: Callable[[Bus, AbstractIncomingMessage, DeadLetter], Awaitable[None]],
) -> list[DeadLetter]:
    """The letters, which leave their queue once ``first`` has done its part with each."""
    taken: list[DeadLetter] = []
    async with _opened(amqp_url, service) as (bus, queue):
        async for message in _each(queue, limit if not letter_ids else topology.DEAD_LETTERS_MAX):
            letter = _letter(message, service)
            if letter_ids and not letter.letter_id.startswith(tuple(letter_ids)):
                continue
            await first(bus, message, letter)
            await message.ack()
            taken.append(letter)
    if letter_ids and not taken:
        raise NoSuchLetter(f"{topology.dead_name(service)} has no letter {', '.join(letter_ids)}")
    return taken


@asynccontextmanager
async def _opened(amqp_url: str, service: str) -> AsyncIterator[tuple[Bus, AbstractQueue]]:
    """The dead letters' queue; what was taken and not acknowledged goes back when it closes."""
    bus = connect(amqp_url, service="dead-letters")
    connection = await bus.connect()
    try:
        channel = await connection.channel()
        queue = await channel.get_queue(topology.dead_name(service))
        yield bus, queue
    except ChannelNotFoundEntity as error:
        known = ", ".join(services())
        raise UnknownMessage(f"{service!r} has no dead letters' queue; services that have one: {known}") from error
    except AWAY as error:
        raise BusUnavailable(f"{bus.safe_url} went away: {error!r}") from error
    finally:
        await bus.stop()


async def _each(queue: AbstractQueue, limit: int) -> AsyncIterator[AbstractIncomingMessage]:
    for _ in range(limit):
        message = await queue.get(fail=False, timeout=TIMEOUT_S)
        if message is None:
            return
        yield message


def _letter(message: AbstractIncomingMessage, service: str) -> DeadLetter:
    headers = message.headers
    inbox, kind = _header_text(headers, "inbox"), _header_text(headers, "kind")
    if not inbox:
        inbox, kind = _text(headers.get("x-first-death-queue")), _text(headers.get("x-first-death-reason"))
    routing_key = inbox.removeprefix(f"{service}.")
    return DeadLetter(
        letter_id=hashlib.sha256(f"{message.message_id}|{inbox}|".encode() + message.body).hexdigest()[:12],
        service=service,
        inbox=inbox,
        routing_key=routing_key,
        type=message.type or "",
        event_id=message.message_id or "",
        correlation_id=message.correlation_id or "",
        kind=kind,
        reason=_header_text(headers, "reason") or f"RabbitMQ gave up: {kind}",
        exception=_header_text(headers, "exception"),
        traceback=_header_text(headers, "traceback"),
        deliveries=int(_header_text(headers, "deliveries") or topology.DELIVERY_LIMIT),
        at=_header_text(headers, "at"),
        traceparent=_text(headers.get("traceparent")),
        size_bytes=len(message.body),
        content=_content(message, routing_key),
    )


def _content(message: AbstractIncomingMessage, routing_key: str) -> str:
    try:
        event, _ = decode(wire_of(message), topology.row_routed(routing_key), received=datetime.now(tz=UTC))
    except (Undecodable, UnknownMessage):
        return message.body[:256].hex()
    return json_format.MessageToJson(event, preserving_proto_field_name=True)


def _cleared(headers: Any) -> dict[str, Any]:
    """Headers without the marks of the earlier life."""
    return {
        name: value
        for name, value in carried(headers).items()
        if not name.startswith(DEAD_HEADER) and name not in {RETRIES_HEADER, RETRY_QUEUE_HEADER}
    }


def _header_text(headers: Any, name: str) -> str:
    return _text(headers.get(f"{DEAD_HEADER}{name}"))


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)
