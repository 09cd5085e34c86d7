"""Confirmed events per second through `Publisher.publish_many`, beside raw aio-pika, on a private broker.

`python -m tests.bench.relay [--events N] [--json]`. Each event is persistent and confirmed, and goes into a quorum
queue and the log's stream; raw aio-pika publishes the same bytes along the same way with the same number in flight.
``p99`` is of the time until all of so many in flight are confirmed: what the last of them waits.
"""

import argparse
import asyncio
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aio_pika
from truscore.bus import EXCHANGE, Bus, OutgoingEvent, connect, publisher
from truscore.bus.codec import encode
from truscore.bus.publisher import IN_FLIGHT, address, amqp_message
from truscore.events.v1.training_pb2 import TrainingProgressed

from deploy.local.servers.programs import ready_rabbitmq
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.settings import LocalSettings

TARGET_PER_S, TARGET_P99_MS = 2500, 100
ROUNDS = 3
QUEUE = "bench.training.progressed"
KEY = "training.progressed"
PURGE_TIMEOUT_S = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Events per second, median of the rounds; milliseconds of the slowest hundredth of all windows."""

    publisher_per_s: float
    raw_per_s: float
    publisher_p99_ms: float
    raw_p99_ms: float
    body_bytes: int


def outgoing(step: int) -> OutgoingEvent:
    """A report of the size that training makes."""
    event = TrainingProgressed(
        run_id="run-0123456789abcdef0123", attempt=1, step=step, total_steps=100_000, epoch=1, loss=0.5 / (step + 1)
    )
    event.loss_parts.update({"loss_classifier": 0.1, "loss_box_reg": 0.2, "loss_mask": 0.3})
    return OutgoingEvent(event=event, subject=event.run_id, sequence=step)


async def publish_by_bus(bus: Bus, events: int, waited_s: list[float]) -> None:
    """Ours, as the relay hands over what it has read: so many at once."""
    ours = publisher(bus, service="trainer")
    for first in range(0, events, IN_FLIGHT):
        began = time.perf_counter()
        await ours.publish_many(outgoing(step) for step in range(first, min(first + IN_FLIGHT, events)))
        waited_s.append(time.perf_counter() - began)


async def publish_all(amqp_url: str, events: int, waited_s: list[float]) -> None:
    """Raw aio-pika: the same messages, as many in flight, and nothing else."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        exchange = await channel.get_exchange(EXCHANGE, ensure=False)
        for first in range(0, events, IN_FLIGHT):
            began = time.perf_counter()
            window = [raw_message(step) for step in range(first, min(first + IN_FLIGHT, events))]
            await asyncio.gather(*(exchange.publish(message, KEY, mandatory=True) for message in window))
            waited_s.append(time.perf_counter() - began)


def raw_message(step: int) -> aio_pika.Message:
    published = outgoing(step)
    return amqp_message(
        encode(published.event, address(published, source="truscore/trainer", now=datetime.now(tz=UTC)))
    )


async def per_second(work: Callable[[], Awaitable[None]], events: int) -> float:
    """Events per second of one round."""
    started = time.perf_counter()
    await work()
    return events / (time.perf_counter() - started)


async def measure(amqp_url: str, events: int) -> Measured:
    """Both in turn, so that neither has the quieter machine."""
    bus = connect(amqp_url, service="trainer")
    await bus.start()
    try:
        channel = await (await bus.connect()).channel()
        queue = await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        await queue.bind(EXCHANGE, KEY)
        ours: list[float] = []
        raw: list[float] = []
        ours_s: list[float] = []
        raw_s: list[float] = []
        for _ in range(ROUNDS):
            ours.append(await per_second(lambda: publish_by_bus(bus, events, ours_s), events))
            await queue.purge(timeout=PURGE_TIMEOUT_S)
            raw.append(await per_second(lambda: publish_all(amqp_url, events, raw_s), events))
            await queue.purge(timeout=PURGE_TIMEOUT_S)
    finally:
        await bus.stop()
    return Measured(
        publisher_per_s=statistics.median(ours),
        raw_per_s=statistics.median(raw),
        publisher_p99_ms=statistics.quantiles(ours_s, n=100)[98] * 1e3,
        raw_p99_ms=statistics.quantiles(raw_s, n=100)[98] * 1e3,
        body_bytes=outgoing(0).event.ByteSize(),
    )


@contextmanager
def private_broker() -> Iterator[str]:
    """A node of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="truscore-bench-") as folder:
        node = RabbitMQ(Path(folder), ready_rabbitmq(LocalSettings()))
        node.start()
        try:
            yield node.add_vhost("bench")
        finally:
            node.close()


def main() -> int:
    """Measure and print; 1 where the target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with private_broker() as amqp_url:
        measured = asyncio.run(measure(amqp_url, options.events))
    figures = {
        "speaker_events_per_s": round(measured.publisher_per_s),
        "raw_aio_pika_events_per_s": round(measured.raw_per_s),
        "ratio": round(measured.publisher_per_s / measured.raw_per_s, 2),
        "target_events_per_s": TARGET_PER_S,
        "speaker_p99_ms": round(measured.publisher_p99_ms, 1),
        "raw_aio_pika_p99_ms": round(measured.raw_p99_ms, 1),
        "target_p99_ms": TARGET_P99_MS,
        "in_flight": IN_FLIGHT,
        "body_bytes": measured.body_bytes,
        "events": options.events,
        "rounds": ROUNDS,
        "machine": platform.platform(),
    }
    text = json.dumps(figures) if options.json else "\n".join(f"{name:28} {value}" for name, value in figures.items())
    sys.stdout.write(f"{text}\n")
    return 0 if measured.publisher_per_s >= TARGET_PER_S and measured.publisher_p99_ms <= TARGET_P99_MS else 1


if __name__ == "__main__":
    sys.exit(main())
