"""Drives one real service through many tiny orders, and has it account for its memory after each batch of them."""

import asyncio
import json
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from truscore.bus import Bus, Envelope, OutgoingEvent, connect, publisher, replay_log
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetRejected, DatasetValidated
from truscore.events.v1.model_pb2 import ExportFailed, ModelExported
from truscore.events.v1.training_pb2 import EpochCompleted, TrainingCompleted, TrainingProgressed, TrainingStarted
from truscore.process.supervised import Started, start_process
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.programs import ready_rabbitmq
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.servers.seaweedfs import SeaweedFS, find_weed
from deploy.local.settings import LocalSettings
from tests.connected.exporter.exporter_harness import GRADES, completed_run
from tests.connected.trainer.trainer_harness import REPOSITORY, service_environment, upload_cards
from tests.measuring.loads_with_peers import PEERS, Place
from tests.unit.trainer.service.stand import some_dataset

PREFIX = {
    "trainer": "TRUSCORE_TRAINER", "dataset_validator": "TRUSCORE_VALIDATOR", "exporter": "TRUSCORE_EXPORTER",
    "monitor": "TRUSCORE_MONITOR", "experiment_tracker": "TRUSCORE_TRACKER",
    "hyperparameter_search": "TRUSCORE_SEARCH", "studio": "TRUSCORE_STUDIO",
}  # fmt: skip
WAIT_S, ANSWER_S, START_S, SETTLE_S = 600, 120, 90, 2.0
LOOKS, STILL_BLOCKS, STILL_BYTES = 8, 300, 1_000_000
BUCKET = "truscore"
MEGABYTES = ("rss", "pss", "heap_used", "heap_free")


def ask(path: Path, what: str = "") -> Any:
    """What the process at the socket says of itself."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_S)
        connection.connect(str(path))
        with connection.makefile("rw") as lines:
            lines.write(f"{what}\n")
            lines.flush()
            return json.loads(lines.readline())


@dataclass(frozen=True, kw_only=True)
class Load:
    """What the service is given: ``batches`` of ``orders``. ``padding`` are bytes of a checkpoint, ``kept`` runs of the
    monitor."""

    service: str
    batches: int = 8
    orders: int = 6
    padding: int = 12_000_000
    kept: int = 100


@dataclass(kw_only=True)
class Driver:
    """Publishes orders, and waits for what answers them."""

    bus: Bus
    store: S3Store
    bucket: str
    folder: Path
    answered: set[str] = field(default_factory=set)
    published: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _verdict: DatasetValidated | None = None
    _cards: str = ""
    _completed: TrainingCompleted | None = None

    async def note(self, message: Message, envelope: Envelope, _offset: int) -> None:
        # A validator's verdicts are orders to a trainer, and a trainer's models to an exporter.
        if isinstance(message, TrainingCompleted) and self._completed is None:
            self.answered.add(message.run_id)
        elif isinstance(message, ModelExported | ExportFailed):
            self.answered.add(envelope.event_id)
        elif isinstance(message, DatasetValidated | DatasetRejected) and self._cards:
            self.answered.add(message.request_id)
        self._news.set()

    async def order(self, load: str, count: int) -> None:
        numbers = range(self.published, self.published + count)
        self.published += count
        await {
            "trainer": self._runs, "verdicts": self._verdicts, "dataset_validator": self._datasets,
            "exporter": self._exports, "monitor": self._log,
        }[load](numbers)  # fmt: skip

    async def _runs(self, numbers: range) -> None:
        await self._publish("dataset-validator", self._validated(numbers, validation_only=False))
        await self._until(lambda: len(self.answered) >= self.published)

    async def _verdicts(self, numbers: range) -> None:
        await self._publish("dataset-validator", self._validated(numbers, validation_only=True))

    def _validated(self, numbers: range, *, validation_only: bool) -> Iterator[OutgoingEvent]:
        self._verdict = self._verdict or some_dataset(self.store, f"s3://{self.bucket}/upstream/cards/1/")
        for number in numbers:
            order = DatasetValidated()
            order.CopyFrom(self._verdict)
            order.request_id, order.order_event_id = f"request-{number}", f"event-{number}"
            order.validation_only = validation_only
            yield OutgoingEvent(event=order, subject="cards/1", sequence=number)

    async def _datasets(self, numbers: range) -> None:
        self._cards = self._cards or upload_cards(self.store, self.bucket, self.folder / "cards")
        orders = (
            DatasetReady(
                dataset_id=f"cards-{number}", version="1", uri=self._cards, format="coco", validation_only=True,
                category="border_detection", option="dual_class", request_id=f"request-{number}",
            )
            for number in numbers
        )  # fmt: skip
        await self._publish(
            "upstream", (OutgoingEvent(event=each, subject=f"{each.dataset_id}/1", sequence="0") for each in orders)
        )
        await self._until(lambda: len(self.answered) >= self.published)

    async def _exports(self, numbers: range) -> None:
        self._completed = self._completed or await asyncio.to_thread(
            completed_run, self.store, self.bucket, self.folder, row=GRADES
        )
        await self._publish("trainer", (self._completed_as(f"run-{number:020x}") for number in numbers))
        await self._until(lambda: len(self.answered) >= self.published)

    def _completed_as(self, run_id: str) -> OutgoingEvent:
        """The same checkpoint as that of another run: what is exported of one run twice is one release."""
        completed = TrainingCompleted()
        completed.CopyFrom(self._completed or completed)
        completed.run_id, completed.export_formats[:] = run_id, ["torch_export"]
        return OutgoingEvent(event=completed, subject=run_id)

    async def _log(self, numbers: range) -> None:
        await self._publish("trainer", (event for number in numbers for event in whole_run(f"run-{number:020x}")))

    async def _publish(self, service: str, events: Iterator[OutgoingEvent]) -> None:
        await publisher(self.bus, service=service, deadline_s=WAIT_S).publish_many(events)

    async def _until(self, holds: Any) -> None:
        async with asyncio.timeout(WAIT_S):
            while not holds():
                self._news.clear()
                await self._news.wait()


def whole_run(run_id: str) -> Iterator[OutgoingEvent]:
    """Started, three epochs of four reports each, completed."""
    yield OutgoingEvent(event=TrainingStarted(run_id=run_id, dataset_id="cards", attempt=1), subject=run_id)
    for epoch in range(1, 4):
        for step in range(4 * epoch - 3, 4 * epoch + 1):
            progressed = TrainingProgressed(run_id=run_id, attempt=1, step=step, epoch=epoch, loss=1 / step)
            yield OutgoingEvent(event=progressed, subject=run_id, sequence=step)
        done = EpochCompleted(run_id=run_id, attempt=1, epoch=epoch, train_loss=1 / epoch, metrics={"score": 0.5})
        yield OutgoingEvent(event=done, subject=run_id, sequence=epoch)
    yield OutgoingEvent(event=TrainingCompleted(run_id=run_id, attempts=1), subject=run_id)


@contextmanager
def servers() -> Iterator[tuple[Path, str, ObjectServer]]:
    """A folder, and a broker and a store of their own."""
    with tempfile.TemporaryDirectory(prefix="truscore-memory-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        broker = RabbitMQ(folder / "rabbitmq", ready_rabbitmq(LocalSettings()))
        store = SeaweedFS(folder / "seaweedfs", find_weed())
        try:
            broker.start()
            store.start()
            broker.add_vhost("memory")
            store.reach.make_bucket(BUCKET)
            yield folder, broker.url_of("memory"), store.reach
        finally:
            store.stop()
            broker.close()


def start(package: str, folder: Path, environment: dict[str, str], options: Load) -> Started:
    (folder / "gates").mkdir()
    own = {
        f"{PREFIX[package]}_WORKDIR": str(folder / "work"),
        "TRUSCORE_TRAINER_MIN_FREE_BYTES": "0", "TRUSCORE_TRAINER_BEAT_S": "0.5", "TRUSCORE_TRAINER_SLOTS": "2",
        "TRUSCORE_TRAINER_STANDBY": "false", "TRUSCORE_TRAINER_PROFILE": "small", "TRUSCORE_TRAINER_SAMPLE_S": "1",
        "TRUSCORE_TOY_GATES": str(folder / "gates"), "TRUSCORE_TOY_PADDING": str(options.padding),
        "TRUSCORE_MONITOR_MAX_RUNS": str(options.kept), "TRUSCORE_EXPORTER_PARITY_IMAGES": "1",
        "TRUSCORE_EXPORTER_BENCHMARK_ROUNDS": "1", "TRUSCORE_EXPORTER_PREPARED_CHILD": "false",
    }  # fmt: skip
    argv = [sys.executable, "-m", "tests.measuring.measured_service", package, str(folder / "socket")]
    return start_process(package, argv, log_path=folder / "log", env={**environment, **own}, cwd=REPOSITORY)


async def measure(options: Load, *, folder: Path, amqp_url: str, s3: ObjectServer, bucket: str) -> list[dict[str, Any]]:
    """The account of the process after each batch of orders."""
    package = "trainer" if options.service == "verdicts" else options.service
    async with AsyncExitStack() as opened:
        peer = None
        if package in PEERS:
            place = Place(folder=folder, amqp_url=amqp_url, whole_run=whole_run)
            peer = await opened.enter_async_context(PEERS[package](place))
        environment = {**os.environ, **service_environment(amqp_url, s3, bucket), **(peer.environment if peer else {})}
        process = start(package, folder, environment, options)
        opened.callback(process.terminate)
        driver = await opened.enter_async_context(driving(folder=folder, amqp_url=amqp_url, s3=s3, bucket=bucket))
        async with asyncio.timeout(START_S):
            while not (folder / "socket").exists():  # noqa: ASYNC110  another process makes it
                await asyncio.sleep(0.1)
        accounts: list[dict[str, Any]] = []
        for batch in range(options.batches):
            if peer:
                await peer.order(range(batch * options.orders, (batch + 1) * options.orders))
            else:
                await driver.order(options.service, options.orders)
            accounts.append({"orders": (batch + 1) * options.orders, **await settled(folder / "socket")})
            sys.stdout.write(json.dumps(shown(accounts[-1])) + "\n")
            sys.stdout.flush()
    return accounts


@asynccontextmanager
async def driving(*, folder: Path, amqp_url: str, s3: ObjectServer, bucket: str) -> AsyncIterator[Driver]:
    """A driver that reads the log."""
    bus = connect(amqp_url, service="upstream", retry_for_s=30)
    store = S3Store(s3.endpoint, s3.access_key, s3.secret_key)
    driver = Driver(bus=bus, store=store, bucket=bucket, folder=folder)
    replay_log(bus, driver.note, service="cli")
    await bus.start()
    try:
        yield driver
    finally:
        await bus.stop()


async def settled(path: Path) -> dict[str, Any]:
    """The account once it stands still: the last order is answered before all that it took is put away."""
    accounts = [await asyncio.to_thread(ask, path)]
    while len(accounts) < LOOKS:
        await asyncio.sleep(SETTLE_S)
        accounts.append(await asyncio.to_thread(ask, path))
        before, now = accounts[-2:]
        if (
            abs(now["blocks"] - before["blocks"]) < STILL_BLOCKS
            and now["heap_used"] - before["heap_used"] < STILL_BYTES
        ):
            break
    return min(accounts, key=lambda account: int(account["blocks"]))


def shown(account: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value / 1e6, 1) if name in MEGABYTES else value for name, value in account.items()}


def per_order(accounts: list[dict[str, Any]]) -> dict[str, float]:
    """What was added for each order after the first batch."""
    first, last = accounts[0], accounts[-1]
    orders = last["orders"] - first["orders"]
    return {name: round((last[name] - first[name]) / orders, 2) for name in ("rss", "blocks", "objects", "heap_used")}
