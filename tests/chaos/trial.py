"""A trial: orders published while faults are injected, until every order has ended; then the account."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from truscore.bus import BusError, Envelope, connect, publisher, replay_log
from truscore.bus.consuming.dead_letters import list_dead
from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.events.v1.model_pb2 import ModelExported
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from tests.chaos.faults import Injected, inject
from tests.chaos.system import SERVICES, System
from tests.chaos.verdict import LoggedEvent, distinct, ended_orders, latencies_s, violations
from tests.connected.trainer.trainer_harness import small_training, upload_cards, weights_left_alone

EPOCHS = 3
SETTLE_S = 20.0  # after the last end: what would come twice has time to come


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """``orders`` are published one every ``pace_s`` seconds, faults injected one in each ``fault_every_s``; all have to
    have ended ``deadline_s`` seconds after the last fault."""

    orders: int
    pace_s: float
    fault_every_s: tuple[float, float]
    deadline_s: float
    settle_s: float = SETTLE_S


@dataclass(kw_only=True, slots=True)
class Log:
    """The event log as a reader receives it, with repeats."""

    events: list[LoggedEvent] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def note(self, message: Message, envelope: Envelope, _offset: int) -> None:
        at = envelope.time.timestamp()
        self.events.append(LoggedEvent(event_id=envelope.event_id, message=message, at=at))
        self.news.set()


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What a trial came to; ``violations`` is empty where nothing was lost, doubled, reordered or changed."""

    orders: int
    ended: int
    faults: Mapping[str, int]
    violations: Sequence[str]
    dead_letters: int
    missing_objects: Sequence[str]
    events: int
    repeated_events: int
    starts: Mapping[str, int]
    latencies_s: Mapping[str, Sequence[float]]
    memory_bytes: Mapping[str, Sequence[int]]
    duration_s: float

    @property
    def held(self) -> bool:
        whole = self.ended == self.orders and not self.missing_objects and not self.dead_letters
        return whole and not self.violations


async def run_trial(
    system: System, plan: Plan, *, amqp_url: str, s3: ObjectServer, bucket: str, folder: Path
) -> Account:
    """Raises nothing for what goes wrong in the system: the account says it."""
    began = time.monotonic()
    store = S3Store(s3.endpoint, s3.access_key, s3.secret_key)
    uri = await asyncio.to_thread(upload_cards, store, bucket, folder / "cards")
    undisturbed = await asyncio.to_thread(weights_left_alone)
    log = Log()
    faults: list[Injected] = []
    bus = connect(amqp_url, service="cli", retry_for_s=120)
    replay_log(bus, log.note, service="cli")
    await bus.start()
    keeping = [asyncio.create_task(system.keep_alive()), asyncio.create_task(system.measure(5.0))]
    try:
        published = await _ordered(system, plan, bus, uri, faults)
        await _until_ended(log, published, plan.deadline_s)
        await asyncio.sleep(plan.settle_s)
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
        await bus.stop()
    events = list(log.events)
    found = violations(events, list(published), epochs=EPOCHS, weights_sha256=undisturbed)
    return Account(
        orders=plan.orders,
        ended=len(ended_orders(events, published)),
        # A plain one: asdict makes a Counter of a Counter's pairs.
        faults=dict(Counter(fault.name for fault in faults)),
        violations=found,
        dead_letters=await _dead_letters(amqp_url),
        missing_objects=await asyncio.to_thread(_missing, store, events),
        events=len(distinct(events)),
        repeated_events=len(events) - len(distinct(events)),
        starts={instance.name: instance.starts for instance in system.instances},
        latencies_s=latencies_s(events, published),
        memory_bytes=dict(system.memory),
        duration_s=time.monotonic() - began,
    )


async def _ordered(system: System, plan: Plan, bus: Any, uri: str, faults: list[Injected]) -> dict[str, float]:
    """Publish all orders while faults happen; when each was published, by its event id."""
    injecting = asyncio.create_task(inject(system, every_s=plan.fault_every_s, note=faults.append))
    upstream, published = publisher(bus, service="upstream"), {}
    try:
        for number in range(plan.orders):
            order = DatasetReady(
                dataset_id="cards", version="1", uri=uri, format="coco", category="border_detection",
                option="dual_class", training=small_training(epochs=EPOCHS), request_id=f"order-{number}",
            )  # fmt: skip
            at = time.time()
            event_id = await _published(upstream, order, str(number))
            published[event_id] = at
            await asyncio.sleep(plan.pace_s)
    finally:
        injecting.cancel()
        with suppress(asyncio.CancelledError):
            await injecting
    return published


async def _published(upstream: Any, order: DatasetReady, sequence: str) -> str:
    """As an upstream system does: again, under the same id, until the broker has confirmed it."""
    async with asyncio.timeout(300):
        while True:
            try:
                return str(await upstream.publish(order, subject="cards/1", sequence=sequence))
            except BusError:
                await asyncio.sleep(0.5)


async def _until_ended(log: Log, published: Mapping[str, float], deadline_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(deadline_s):
            while len(ended_orders(log.events, published)) < len(published):
                await log.news.wait()
                log.news.clear()


async def _dead_letters(amqp_url: str) -> int:
    found = [await list_dead(amqp_url, package.replace("_", "-")) for package, _, _ in SERVICES if package != "monitor"]
    return sum(map(len, found))


def _missing(store: S3Store, events: Sequence[LoggedEvent]) -> list[str]:
    """Addresses of announced model files that are not in the store with the size that was announced."""
    missing = []
    for message in (event.message for event in distinct(events)):
        if isinstance(message, ModelExported):
            for artifact in message.artifacts:
                stored = store.stat(artifact.uri)
                if stored is None or stored.size_bytes != artifact.size_bytes:
                    missing.append(artifact.uri)
    return missing
