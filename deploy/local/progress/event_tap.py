"""Receives every event of one order. Knows the event log; knows nothing of what it will be read for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from truscore.bus import Envelope, connect, replay_log

KEPT_EVENTS = 100_000


class NoEvent(RuntimeError):
    """No event came for too long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TappedEvent:
    """One event as plain values; `fields` is its protobuf JSON with the proto's own names."""

    name: str
    subject: str
    published_at: datetime
    received_at: datetime
    fields: dict[str, Any] = field(repr=False)


@asynccontextmanager
async def tap_events(amqp_url: str) -> AsyncIterator["asyncio.Queue[TappedEvent]"]:
    """The events from now on, in order."""
    tapped: asyncio.Queue[TappedEvent] = asyncio.Queue(KEPT_EVENTS)

    async def keep(event: Message, envelope: Envelope, _offset: int) -> None:
        await tapped.put(
            TappedEvent(
                name=event.DESCRIPTOR.name,
                subject=envelope.subject,
                published_at=envelope.time,
                received_at=datetime.now(UTC),
                fields=MessageToDict(event, preserving_proto_field_name=True),
            )
        )

    broker = connect(amqp_url, service="demo")
    replay_log(broker, keep, service="demo", offset="next")
    await broker.start()
    try:
        yield tapped
    finally:
        await broker.stop()


async def next_event(
    tapped: "asyncio.Queue[TappedEvent]", wanted: Callable[[TappedEvent], bool], *, timeout_s: float
) -> TappedEvent:
    """The next one that is wanted; `NoEvent` when none comes in time, whatever else comes: hosts report their hardware
    all the time."""
    try:
        async with asyncio.timeout(timeout_s):
            while not wanted(event := await tapped.get()):
                pass
            return event
    except TimeoutError:
        raise NoEvent(f"no event of the order for {timeout_s:g} s") from None
