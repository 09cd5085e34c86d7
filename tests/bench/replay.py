"""How long a monitor takes to rebuild its state from the event log, and in how much memory.

`python -m tests.bench.replay [--events N] [--runs N]`. N events (1,000,000) of runs side by side lie in the log of a
private broker, published without confirms; then a monitor is started as the process it is in production, and the time
goes from its start to its first answer, which it gives once it has read the log to its end. Its memory is the highest
resident set that Linux counted, its processor time what Linux charged it for. Then the same monitor is started once
more, on the snapshot that the first one left. Beside it the same events without a broker: decoded and folded in this
process, which is what reading the log could take at best.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import aio_pika
import psutil
from aiormq.abc import ChannelFrame
from pamqp import commands
from pamqp.body import ContentBody
from pamqp.header import ContentHeader
from truscore.api.v1 import monitor_pb2
from truscore.bus import EXCHANGE, OutgoingEvent, connect
from truscore.bus.codec import Wire, decode, encode
from truscore.bus.publisher import address, amqp_message
from truscore.bus.topology import row_routed
from truscore.events.v1.training_pb2 import EpochCompleted, TrainingProgressed, TrainingStarted

from services.monitor.board import Board
from services.monitor.handlers import EventConsumer
from tests.bench.relay import private_broker
from tests.connected.monitor.monitor_harness import monitor_process

EVENTS, RUNS, STEPS_AN_EPOCH = 1_000_000, 20, 100
TARGET_EVENTS, TARGET_S, TARGET_BYTES = 1_000_000, 120.0, 512 * 2**20
BATCH, WAIT_S, ASKED_EVERY_S = 200, 3600.0, 0.2
Report = TrainingStarted | TrainingProgressed | EpochCompleted
PARTS = {"loss_classifier": 0.1, "loss_box_reg": 0.2, "loss_mask": 0.3}


def events(count: int, runs: int) -> Iterator[tuple[str, Report]]:
    """Routing key and event: the runs' starts, then their reports in turn, every hundredth the end of an epoch."""
    names = [f"run-{number:020x}" for number in range(runs)]
    for name in names:
        yield "training.started", TrainingStarted(run_id=name, attempt=1, total_epochs=count, architecture="mask_rcnn")
    for number in range(count - runs):
        name, step = names[number % runs], number // runs + 1
        if step % STEPS_AN_EPOCH:
            report = TrainingProgressed(
                run_id=name, attempt=1, step=step, total_steps=count, epoch=step // STEPS_AN_EPOCH + 1,
                loss=1 / step, learning_rate=1e-3, images_per_second=9, gradient_norm=1.5,
            )  # fmt: skip
            report.loss_parts.update(PARTS)
            yield "training.progressed", report
        else:
            yield "epoch.completed", EpochCompleted(
                run_id=name, attempt=1, epoch=step // STEPS_AN_EPOCH, total_epochs=count, train_loss=1 / step,
                val_loss=1 / step, metrics={"box_AP50": 0.5}, duration_s=10,
            )  # fmt: skip


def wires(count: int, runs: int) -> Iterator[tuple[str, Wire]]:
    now = datetime.now(tz=UTC)
    for number, (key, event) in enumerate(events(count, runs)):
        outgoing = OutgoingEvent(event=event, subject=event.run_id, sequence=number)
        yield key, encode(event, address(outgoing, source="truscore/trainer", now=now))


def frames(key: str, message: aio_pika.Message) -> list[Any]:
    """One publish."""
    header = ContentHeader(body_size=len(message.body), properties=message.properties)
    return [commands.Basic.Publish(exchange=EXCHANGE, routing_key=key), header, ContentBody(message.body)]


async def fill(amqp_url: str, count: int, runs: int) -> float:
    """Seconds; unconfirmed, as the log's broker confirms far slower than a client publishes, and many in one write."""
    bus = connect(amqp_url, service="cli")
    await bus.start()
    began = time.perf_counter()
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel(publisher_confirms=False)
        under = await channel.get_underlay_channel()
        published = wires(count, runs)
        while batch := list(islice(published, BATCH)):
            together = [frame for key, wire in batch for frame in frames(key, amqp_message(wire))]
            written = asyncio.get_running_loop().create_future()
            await under.write_queue.put(
                ChannelFrame.marshall(channel_number=under.number, frames=together, drain_future=written)
            )
            await written
        # Handled after all that was published on this channel: the broker has them.
        await channel.declare_queue(exclusive=True)
    await bus.stop()
    return time.perf_counter() - began


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """Seconds from the start of the process to its first answer, of processor time until then, and its highest resident
    set."""

    taken_s: float
    cpu_s: float
    peak_bytes: int


async def replayed(amqp_url: str, runs: int, folder: str) -> Replayed:
    """Where the folder has a snapshot it goes on from there; it leaves one."""
    began = time.perf_counter()
    with monitor_process(amqp_url, TRUSCORE_MONITOR_WORKDIR=folder) as monitor:
        async with monitor.client() as api, asyncio.timeout(WAIT_S):
            while True:
                try:
                    answer = await api.ListRuns(monitor_pb2.ListRunsRequest(page_size=1000), timeout=WAIT_S)
                    break
                except Exception as error:
                    if "still being read" not in str(error):
                        raise
                    await asyncio.sleep(ASKED_EVERY_S)
        taken_s = time.perf_counter() - began
        assert len(answer.runs) == runs, f"{len(answer.runs)} runs of {runs} were rebuilt"
        cpu = psutil.Process(monitor.process.pid).cpu_times()
        status = await asyncio.to_thread(Path(f"/proc/{monitor.process.pid}/status").read_text, "ascii")
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return Replayed(taken_s=taken_s, cpu_s=cpu.user + cpu.system, peak_bytes=int(peak) * 1024)


async def folded(count: int, runs: int) -> float:
    """Seconds to decode and fold the same events here, one after the other."""

    async def ignore(*_: object) -> None:
        """No audit record here."""

    consumer = EventConsumer(Board(), lambda: None, lambda _: None, ignore, lambda *_: None)
    received, taken_s = datetime.now(tz=UTC), 0.0
    for offset, (key, wire) in enumerate(wires(count, runs)):
        began = time.perf_counter()
        event, envelope = decode(wire, row_routed(key), received=received)
        await consumer(event, envelope, offset)
        taken_s += time.perf_counter() - began
    return taken_s


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.replay", description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--runs", type=int, default=RUNS)
    asked = parser.parse_args()
    with private_broker() as amqp_url, tempfile.TemporaryDirectory(prefix="truscore-bench-") as folder:
        filled_s = asyncio.run(fill(amqp_url, asked.events, asked.runs))
        load_average = os.getloadavg()[0]
        first = asyncio.run(replayed(amqp_url, asked.runs, folder))
        resumed = asyncio.run(replayed(amqp_url, asked.runs, folder))
    fold_s = asyncio.run(folded(asked.events, asked.runs))
    allowed_s = TARGET_S * asked.events / TARGET_EVENTS
    met = first.taken_s <= allowed_s and first.peak_bytes <= TARGET_BYTES
    found = {
        "events": asked.events,
        "published_s": round(filled_s, 1),
        "load_average": round(load_average, 1),
        "replayed_s": round(first.taken_s, 1),
        "replayed_cpu_s": round(first.cpu_s, 1),
        "events_per_s": round(asked.events / first.taken_s),
        "asked_s": round(allowed_s, 1),
        "resumed_s": round(resumed.taken_s, 1),
        "peak_mb": round(first.peak_bytes / 2**20),
        "asked_mb": TARGET_BYTES // 2**20,
        "decoded_and_folded_s": round(fold_s, 1),
        "met": met,
    }
    sys.stdout.write(json.dumps(found) + "\n")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
