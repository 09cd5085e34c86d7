"""The events of one run: found in the event log, and put back into another."""

import asyncio
import json
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import Message
from truscore.bus import Undecodable, UnknownMessage
from truscore.bus.codec import Wire, decode
from truscore.bus.topology import LOG, row_routed
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetValidated
from truscore.events.v1.order_pb2 import OrderAttached, OrderPrioritized

from services.cli.archive.tar_file import ArchiveRefused
from services.cli.backup import broker
from services.cli.backup.messages import PROPERTIES, Entry, entry_of, from_plain, to_plain
from services.cli.handlers.event_log import PREFETCH, log_entries

MAX_EVENTS: Final = 5_000_000


async def events_about(amqp_url: str, run_id: str, *, deadline_s: float) -> list[tuple[Entry, Message]]:
    """What the log has of the run, in its order, with the orders that it answers. Raises BrokerRefused."""
    of_run: list[tuple[int, Entry, Message]] = []
    orders: dict[str, list[tuple[int, Entry, Message]]] = {}  # by the event id of the order
    answered: set[str] = set()
    until, began = time.monotonic() + deadline_s, datetime.now(tz=UTC)
    async with broker.channel_to(amqp_url) as channel:
        await channel.set_qos(prefetch_count=PREFETCH)
        log = await channel.get_queue(LOG, ensure=False)
        place = 0
        async for message in log_entries(log, "first", limit_s=deadline_s):
            if message.timestamp is not None and message.timestamp > began:
                break  # on a busy log there is always one more
            place, entry = place + 1, entry_of(message)
            if (event := decoded(entry)) is None:
                continue
            if getattr(event, "run_id", "") == run_id:
                of_run.append((place, entry, event))
                if isinstance(event, OrderAttached):
                    answered.add(event.order_event_id)
            elif (order_id := _order_of(entry, event)) is not None:
                orders.setdefault(order_id, []).append((place, entry, event))
    if time.monotonic() > until:
        raise broker.BrokerRefused(f"the event log could not be read to its end within {deadline_s:g} s: --timeout")
    ordered = [each for order_id in answered for each in orders.get(order_id, [])]
    return [(entry, event) for _, entry, event in sorted([*of_run, *ordered], key=lambda each: each[0])]


def _order_of(entry: Entry, event: Message) -> str | None:
    """Event id of the order that the event is, or carries."""
    if isinstance(event, DatasetReady):
        return str(entry.properties.get("message_id", ""))
    if isinstance(event, DatasetValidated):
        return event.order_event_id
    return event.order.order_event_id if isinstance(event, OrderPrioritized) else None


def decoded(entry: Entry) -> Message | None:
    """The event of the contract that an entry is; None where it is none."""
    known = {name: entry.properties.get(name, "") for name in PROPERTIES}
    wire = Wire(body=entry.body, timestamp=entry.timestamp, headers=entry.headers, **known)
    try:
        return decode(wire, row_routed(entry.routing_key), received=datetime.now(tz=UTC))[0]
    except (Undecodable, UnknownMessage):
        return None


def write_events(path: Path, entries: Iterable[Entry]) -> None:
    """A line of JSON for each, the same for the same events."""
    with path.open("w", encoding="utf-8") as file:
        for entry in entries:
            file.write(json.dumps(to_plain(entry), sort_keys=True) + "\n")


def read_events(path: Path, run_id: str) -> list[Entry]:
    """Raises ArchiveRefused where a line is no event, or one of another run."""
    entries = list(_lines(path))
    events = [decoded(entry) for entry in entries]
    answered = {event.order_event_id for event in events if isinstance(event, OrderAttached) and event.run_id == run_id}
    for number, (entry, event) in enumerate(zip(entries, events, strict=True), start=1):
        if event is None:
            raise ArchiveRefused(f"{path.name} line {number}: no event of the contract")
        if getattr(event, "run_id", "") != run_id and _order_of(entry, event) not in answered:
            raise ArchiveRefused(f"{path.name} line {number}: {event.DESCRIPTOR.name} is not about {run_id}")
    return entries


def _lines(path: Path) -> Iterator[Entry]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if number > MAX_EVENTS:
                raise ArchiveRefused(f"{path.name} has more than {MAX_EVENTS} lines")
            try:
                yield from_plain(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise ArchiveRefused(f"{path.name} line {number}: {error!r}") from error


async def put_events(amqp_url: str, entries: Iterable[Entry], run_id: str, *, deadline_s: float) -> int:
    """Put those events at the log's end that it has not; no service takes them for orders. How many they were.

    Raises BrokerRefused."""
    there = await events_about(amqp_url, run_id, deadline_s=deadline_s)
    held = {entry.properties.get("message_id") for entry, _ in there}
    missing = [entry for entry in entries if entry.properties.get("message_id") not in held]
    async with broker.channel_to(amqp_url) as channel:
        return await broker.add(channel, LOG, missing)


def copied_events(amqp_url: str, run_id: str, *, deadline_s: float) -> list[tuple[Entry, Message]]:
    """`events_about`, for who has no event loop."""
    return asyncio.run(events_about(amqp_url, run_id, deadline_s=deadline_s))


def restored_events(amqp_url: str, entries: list[Entry], run_id: str, *, deadline_s: float) -> dict[str, Any]:
    """`put_events`, for who has no event loop."""
    return {"events": asyncio.run(put_events(amqp_url, entries, run_id, deadline_s=deadline_s))}
