"""What of the broker lies in a backup's folder: written from it, and put back into another."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from google.protobuf.message import Message
from truscore.bus import Undecodable, UnknownMessage
from truscore.bus.codec import Wire, decode
from truscore.bus.consuming.dead_letters import services
from truscore.bus.topology import AUDIT, EXCHANGE, LOG, dead_name, row_routed
from truscore.files import atomic_write

from services.cli.backup import broker
from services.cli.backup.files import lines_of
from services.cli.backup.messages import PROPERTIES, Entry, from_plain, to_plain
from services.cli.handlers.open_orders import open_orders

STREAMS: Final = (LOG, AUDIT)
DEFINITIONS: Final = "definitions.json"


async def copy_broker(amqp_url: str, management_url: str, folder: Path) -> dict[str, int]:
    """Definitions, streams and dead letters; how many messages of each. Raises BrokerRefused."""
    found = broker.definitions(management_url, amqp_url)
    (folder / DEFINITIONS).write_text(json.dumps(found, indent=1))
    counts = {}
    async with broker.channel_to(amqp_url) as channel:
        for stream in STREAMS:
            if await broker.size_of(channel, stream) or stream == LOG:
                counts[stream] = await _write(folder / f"{stream}.jsonl", broker.entries_of(channel, stream))
    for service in services():
        # A channel for each: what was looked at goes back when it is closed.
        async with broker.channel_to(amqp_url) as channel:
            if letters := await broker.waiting_in(channel, dead_name(service)):
                counts[dead_name(service)] = await _write(folder / f"{dead_name(service)}.jsonl", _each(letters))
    return counts


async def put_broker(amqp_url: str, management_url: str, folder: Path) -> dict[str, int]:
    """Definitions, streams and dead letters into an empty virtual host, then every open order again; how many of each.

    Raises BrokerRefused."""
    broker.declare(management_url, amqp_url, json.loads((folder / DEFINITIONS).read_text()))
    counts = {}
    async with broker.channel_to(amqp_url) as channel:
        for stream in STREAMS:
            if (copied := folder / f"{stream}.jsonl").exists():
                counts[stream] = await broker.append(channel, stream, _read(copied))
        given_up: set[str] = set()
        for service in services():
            if (copied := folder / f"{dead_name(service)}.jsonl").exists():
                letters = list(_read(copied))
                await broker.put_into(channel, dead_name(service), letters)
                counts[dead_name(service)] = len(letters)
                given_up |= {letter.properties.get("message_id", "") for letter in letters}
        # What lies among the dead letters waits there for somebody to put the cause right.
        again = set(open_orders(_events(_read(folder / f"{LOG}.jsonl")))) - given_up
        for entry in _read(folder / f"{LOG}.jsonl"):
            if (event_id := entry.properties.get("message_id", "")) in again:
                again.discard(event_id)
                await broker.publish_again(channel, EXCHANGE, entry)
                counts["open orders"] = counts.get("open orders", 0) + 1
    return counts


def _events(entries: Iterator[Entry]) -> Iterator[tuple[str, Message]]:
    """Those that are events of the contract, decoded."""
    for entry in entries:
        known = {name: entry.properties.get(name, "") for name in PROPERTIES}
        wire = Wire(body=entry.body, timestamp=entry.timestamp, headers=entry.headers, **known)
        try:
            event, envelope = decode(wire, row_routed(entry.routing_key), received=datetime.now(tz=UTC))
        except (Undecodable, UnknownMessage):
            continue
        yield envelope.event_id, event


async def _write(path: Path, entries: AsyncIterator[Entry]) -> int:
    count = 0
    with atomic_write(path) as file:
        async for entry in entries:
            file.write(json.dumps(to_plain(entry)).encode() + b"\n")
            count += 1
    return count


async def _each(entries: list[Entry]) -> AsyncIterator[Entry]:
    for entry in entries:
        yield entry


def _read(path: Path) -> Iterator[Entry]:
    return (from_plain(line) for line in lines_of(path))
