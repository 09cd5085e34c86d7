"""A trial: orders published while faults are injected, until every order has ended; then the account."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.message import Message
from truscore.bus import Envelope, connect, replay_log
from truscore.bus.consuming.dead_letters import list_dead
from truscore.events.v1.model_pb2 import ModelExported
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from tests.chaos.faults import Injected, inject
from tests.chaos.memory import Slope, slopes
from tests.chaos.system import WORKING, System
from tests.chaos.upstream import EPOCHS, Load, Orders
from tests.chaos.verdict import LoggedEvent, distinct, ended_orders, latencies_s, violations
from tests.connected.trainer.trainer_harness import upload_cards

SETTLE_S = 20.0  # after the last end: what would come twice has time to come
MEASURED_EVERY_S = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Faults are injected one in each ``fault_every_s``, the ``first`` by name; all orders have to have ended
    ``deadline_s`` seconds after the last fault."""

    load: Load
    fault_every_s: tuple[float, float]
    deadline_s: float
    first: Sequence[str] = ()
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
    runs: int
    ended: int
    ordered_again: int  # after the answer that a disk was full
    faults: Mapping[str, int]
    violations: Sequence[str]
    dead_letters: int
    missing_objects: Sequence[str]
    events: int
    repeated_events: int
    starts: Mapping[str, int]
    latencies_s: Mapping[str, Sequence[float]]
    memory: Mapping[str, Slope]
    duration_s: float

    @property
    def held(self) -> bool:
        whole = self.ended == self.orders and not self.missing_objects and not self.dead_letters
        return whole and not self.violations and all(slope.flat for slope in self.memory.values())


async def run_trial(
    system: System, plan: Plan, *, undisturbed: str, amqp_url: str, s3: ObjectServer, bucket: str, folder: Path
) -> Account:
    """``undisturbed``: digest of the weights of a run that nobody touched. What goes wrong is in the account."""
    began = time.monotonic()
    store = S3Store(s3.endpoint, s3.access_key, s3.secret_key)
    uri = await asyncio.to_thread(upload_cards, store, bucket, folder / "cards")
    log, faults = Log(), list[Injected]()
    bus = connect(amqp_url, service="cli", retry_for_s=120)
    replay_log(bus, log.note, service="cli")
    await bus.start()
    orders = Orders(bus, plan.load, uri)
    keeping = [
        asyncio.create_task(system.keep_alive()),
        asyncio.create_task(system.measure(MEASURED_EVERY_S)),
        asyncio.create_task(orders.answer_full_disks(log)),
    ]
    try:
        await _ordered(system, plan, orders, faults)
        await _until_ended(log, orders, plan.deadline_s)
        await asyncio.sleep(plan.settle_s)
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
        await bus.stop()
    events = list(log.events)
    published = {**orders.runs, **orders.validated}
    return Account(
        orders=len(published),
        runs=len(orders.runs),
        ended=len(ended_orders(events, published, validated=orders.validated.keys())),
        ordered_again=orders.again,
        # A plain one: asdict makes a Counter of a Counter's pairs.
        faults=dict(Counter(fault.name for fault in faults)),
        violations=violations(
            events, list(orders.runs), epochs=EPOCHS, weights_sha256=undisturbed, validated=list(orders.validated)
        ),
        dead_letters=await _dead_letters(amqp_url),
        missing_objects=await asyncio.to_thread(_missing, store, events),
        events=len(distinct(events)),
        repeated_events=len(events) - len(distinct(events)),
        starts={instance.name: instance.starts for instance in system.instances},
        latencies_s=latencies_s(events, published),
        memory=slopes(system.memory, every_s=MEASURED_EVERY_S),
        duration_s=time.monotonic() - began,
    )


async def _ordered(system: System, plan: Plan, orders: Orders, faults: list[Injected]) -> None:
    """Publish all orders while faults happen."""
    injecting = asyncio.create_task(inject(system, every_s=plan.fault_every_s, note=faults.append, first=plan.first))
    try:
        await orders.publish_all()
    finally:
        injecting.cancel()
        with suppress(asyncio.CancelledError):
            await injecting


async def _until_ended(log: Log, orders: Orders, deadline_s: float) -> None:
    def under_way() -> bool:
        wanted = {**orders.runs, **orders.validated}
        return len(ended_orders(log.events, wanted, validated=orders.validated.keys())) < len(wanted)

    with suppress(TimeoutError):
        async with asyncio.timeout(deadline_s):
            while under_way():
                log.news.clear()
                await log.news.wait()
                await asyncio.sleep(0.5)  # not after each of thousands


async def _dead_letters(amqp_url: str) -> int:
    found = [await list_dead(amqp_url, package.replace("_", "-")) for package in WORKING]
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
