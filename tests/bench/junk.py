"""A flood at the edge: `python -m tests.bench.junk [--messages N] [--orders N]`.

A neighbour, a process of its own, publishes a million messages that are no events to the inbox of the validator, with
orders among them. Printed: how fast both are taken, how long an order waits behind junk, what became of the junk, how
many lines the log has of it, and the memory of the process that refuses it. Exit status 0 where every order was taken
once, no junk is lost, and memory stays flat.
"""

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aio_pika
from truscore.bus import EXCHANGE, Envelope, connect, consume, dead_name
from truscore.bus.topology import DEAD_LETTERS_MAX, waiting_name
from truscore.events.v1.dataset_pb2 import DatasetReady

from tests.bench.relay import private_broker

SERVICE, KEY = "dataset-validator", "dataset.ready"
JUNK = b"\xff\xfe no protobuf"
IN_FLIGHT, WAIT_S, GROWTH_MB = 200, 3600, 20.0


@dataclass(kw_only=True)
class Edge:
    """The inbox's consumer, as the validator has it, and when each order was taken."""

    taken_at: dict[str, list[float]] = field(default_factory=dict)

    async def take(self, event: DatasetReady, _envelope: Envelope) -> None:
        self.taken_at.setdefault(event.dataset_id, []).append(time.monotonic())


class CountedLines(logging.Handler):
    """How many lines would stand in the log."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


def held_mb() -> float:
    """What this process holds, without mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon:")).split()[1]) / 1000


def bodies(messages: int, orders: int) -> Iterator[tuple[str, bytes]]:
    """Junk with orders spread over it: the order's name, empty for junk, and the body."""
    every = max(1, messages // max(1, orders))
    for number in range(messages):
        yield "", JUNK
        if number % every == every - 1 and number // every < orders:
            name = f"cards-{number // every}"
            yield name, DatasetReady(dataset_id=name, version="1", uri="s3://b/cards/").SerializeToString()


async def count(url: str, queue: str) -> int:
    async with await aio_pika.connect(url) as connection:
        declared = await (await connection.channel()).declare_queue(queue, passive=True)
        return int(declared.declaration_result.message_count or 0)


async def neighbour(url: str, options: argparse.Namespace) -> dict[str, float]:
    """When each order was published, by a process that floods the broker."""
    counts = ("--messages", str(options.messages), "--orders", str(options.orders))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.junk", *counts, "--flood", url, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    published_at: dict[str, float] = json.loads(out)
    return published_at


async def flood(url: str, messages: int, orders: int) -> dict[str, float]:
    """When each order was published; a broker that is asked for too much holds the neighbour up by its confirms."""
    published_at: dict[str, float] = {}
    async with await aio_pika.connect(url) as connection:
        exchange = await (await connection.channel()).get_exchange(EXCHANGE)
        window: list[asyncio.Task[object]] = []
        for name, body in bodies(messages, orders):
            if name:
                published_at[name] = time.monotonic()
            message = aio_pika.Message(body, delivery_mode=2)
            window.append(asyncio.ensure_future(exchange.publish(message, KEY)))
            if len(window) >= IN_FLIGHT:
                await asyncio.gather(*window)
                window.clear()
        await asyncio.gather(*window)
    return published_at


async def measure(url: str, options: argparse.Namespace) -> dict[str, object]:
    messages, orders = options.messages, options.orders
    edge, bus = Edge(), connect(url, service=SERVICE)
    consume(bus, DatasetReady, edge.take, service=SERVICE, prefetch=options.prefetch)
    await bus.start()
    before_mb, began = held_mb(), time.monotonic()
    published_at = await neighbour(url, options)
    published_s = time.monotonic() - began
    dead, inbox = dead_name(SERVICE), f"{SERVICE}.{KEY}"
    async with asyncio.timeout(WAIT_S):
        while len(edge.taken_at) < orders or await count(url, inbox):  # noqa: ASYNC110  a queue sets no event
            await asyncio.sleep(1)
    taken_s = time.monotonic() - began
    waited = sorted(at[0] - published_at[name] for name, at in edge.taken_at.items())
    dead_letters, waiting = await count(url, dead), await waiting_for_room(url)
    after_mb = held_mb()
    await bus.stop()
    return {
        "messages": messages, "orders": orders, "published_per_s": round(messages / published_s),
        "taken_per_s": round(messages / taken_s),
        "orders_taken_once": sum(len(at) == 1 for at in edge.taken_at.values()),
        "order_waited_s": {"median": round(waited[len(waited) // 2], 1), "most": round(waited[-1], 1)},
        "dead_letters": dead_letters, "waiting_for_room": waiting,
        "memory_mb": {"before": round(before_mb, 1), "after": round(after_mb, 1)},
    }  # fmt: skip


async def waiting_for_room(url: str) -> int:
    """Junk that found the dead letters full."""
    return await count(url, waiting_name(SERVICE))


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.bench.junk", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--prefetch", type=int, default=16, help="as TRUSCORE_VALIDATOR_SLOTS, whose default is 1")
    parser.add_argument("--flood", metavar="URL", help=argparse.SUPPRESS)  # of the neighbour's process
    options = parser.parse_args()
    if options.flood:
        sys.stdout.write(json.dumps(asyncio.run(flood(options.flood, options.messages, options.orders))))
        return 0
    lines = CountedLines()
    logging.getLogger("truscore").addHandler(lines)
    logging.getLogger("truscore").propagate = False
    with private_broker() as amqp_url:
        found = {**asyncio.run(measure(amqp_url, options)), "log_lines": lines.count}
    sys.stdout.write(json.dumps({**found, "dead_letters_bound": DEAD_LETTERS_MAX}) + "\n")
    memory = found["memory_mb"]
    assert isinstance(memory, dict)
    kept = int(str(found["dead_letters"])) + int(str(found["waiting_for_room"]))
    held = found["orders_taken_once"] == options.orders and kept >= options.messages
    return 0 if held and memory["after"] - memory["before"] < GROWTH_MB else 1


if __name__ == "__main__":
    sys.exit(main())
