"""Hears everything that is said about one order. Knows the event log; knows nothing of what it will be read for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from truscore.bus import Envelope, connect, replay_log

KEPT_EVENTS = 100_000


class Silence(RuntimeError):
    """Nothing was said for too long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """One event as plain values; `fields` is its protobuf JSON with the proto's own names."""

    name: str
    subject: str
    said_at: datetime
    heard_at: datetime
    fields: dict[str, Any] = field(repr=False)


@asynccontextmanager
async def witness(amqp_url: str) -> AsyncIterator["asyncio.Queue[Heard]"]:
    """The events said from now on, in order."""
    heard: asyncio.Queue[Heard] = asyncio.Queue(KEPT_EVENTS)

    async def keep(event: Message, envelope: Envelope, _offset: int) -> None:
        await heard.put(
            Heard(
                name=event.DESCRIPTOR.name,
                subject=envelope.subject,
                said_at=envelope.time,
                heard_at=datetime.now(UTC),
                fields=MessageToDict(event, preserving_proto_field_name=True),
            )
        )

    broker = connect(amqp_url, service="demo")
    replay_log(broker, keep, service="demo", offset="next")
    await broker.start()
    try:
        yield heard
    finally:
        await broker.stop()


async def next_heard(heard: "asyncio.Queue[Heard]", *, timeout_s: float) -> Heard:
    """The next event; `Silence` when none comes in time."""
    try:
        return await asyncio.wait_for(heard.get(), timeout_s)
    except TimeoutError:
        raise Silence(f"no event for {timeout_s:g} s") from None
