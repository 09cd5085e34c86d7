"""The trainer as a process, a small order for it, and a consumer of all that is published, for tests."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from google.protobuf.message import Message
from truscore.bus import Bus, Envelope, connect, publisher, replay_log
from truscore.datasets import index_digest, index_to_json, read_dataset, split_dataset, split_to_json
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetValidated
from truscore.events.v1.order_pb2 import OrderAttached
from truscore.events.v1.training_pb2 import ObjectRef, TrainingSpec
from truscore.process.supervised import Started, start_process
from truscore.recipes import recipe_to_json, resolve
from truscore.storage import Store
from truscore.synthesis import render_dataset
from truscore.validation import Policy, Verdict, report_to_json

from deploy.local.servers.objects import ObjectServer
from services.trainer.handlers.consume import overrides_of
from services.trainer.journal import Completed, Progressed, Record, read_from
from services.trainer.runs.launcher import worker_command

REPOSITORY = Path(__file__).resolve().parents[3]
WAIT_S = 300
POLL_S = 0.01
IMAGES = 12
JOURNAL = "/journal.jsonl"
# Threads that wait without spinning: several processes share these cores.
QUIET = {"OMP_WAIT_POLICY": "PASSIVE"}


def small_training(*, epochs: int = 3) -> TrainingSpec:
    """Short epochs of four steps on images of 64 pixels, without the strips of a second stage."""
    spec = TrainingSpec(architecture="mask_rcnn")
    spec.config.image_size = 64
    spec.config.architecture_config.custom_modifications.head_customization = "standard"
    spec.config.hyperparameters.training_process.epochs = epochs
    # To the last epoch, whatever it learns.
    spec.config.hyperparameters.training_process.early_stopping.patience = 10_000 if epochs > 3 else 10
    spec.config.hyperparameters.optimization.batch_size = 2
    return spec


def upload_cards(store: Store, bucket: str, folder: Path, *, count: int = IMAGES) -> str:
    """Rendered cards in COCO in the store; their address."""
    render_dataset(folder, count=count, seed=1, image_size=(96, 96))
    uri = f"s3://{bucket}/upstream/cards/1/"
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            store.put_file(uri + path.relative_to(folder).as_posix(), path)
    return uri


def small_order(store: Store, bucket: str, folder: Path, *, epochs: int = 3, images: int = IMAGES) -> DatasetValidated:
    """What the validator says of such cards."""
    uri = upload_cards(store, bucket, folder, count=images)
    index = read_dataset(folder).index
    assert index is not None
    stored = store.put(f"{uri}_truscore/index-{index_digest(index)}.json", index_to_json(index).encode())
    about = {
        "dataset_id": "cards", "version": "1", "uri": uri, "category": "border_detection", "option": "dual_class"
    }  # fmt: skip
    verdict = Verdict(findings=(), index=index, policy=Policy())
    report = store.put(f"{uri}_truscore/report.json", report_to_json(verdict, about=about).encode())
    return DatasetValidated(
        dataset_id="cards", version="1", uri=uri, format=index.format, category="border_detection",
        option="dual_class", training=small_training(epochs=epochs), dataset_digest=index_digest(index),
        class_names=index.class_names, request_id="first",
        index=ObjectRef(uri=stored.uri, sha256=stored.sha256, size_bytes=stored.size_bytes),
        report=ObjectRef(uri=report.uri, sha256=report.sha256, size_bytes=report.size_bytes),
    )  # fmt: skip


def service_environment(amqp_url: str, s3: ObjectServer, bucket: str) -> dict[str, str]:
    """What every service needs to know."""
    return {
        **os.environ,
        **QUIET,
        "TRUSCORE_AMQP_URL": amqp_url,
        "TRUSCORE_S3_ENDPOINT": s3.endpoint,
        "TRUSCORE_S3_ACCESS_KEY": s3.access_key,
        "TRUSCORE_S3_SECRET_KEY": s3.secret_key,
        "TRUSCORE_BUCKET": bucket,
        "TRUSCORE_LOG_JSON": "false",
    }


def training_processes(workdir: Path) -> dict[psutil.Process, Path]:
    """The processes that train in folders within this one, each with the folder of its attempt.

    One that was a standby process does not have it among its words: it is known by the journal it holds open.
    """
    found: dict[psutil.Process, Path] = {}
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        with suppress(psutil.NoSuchProcess):
            if "services.trainer.worker.main" in words and "torch.distributed.run" not in words:
                named = [Path(words[-1])]
            elif "services.trainer.worker.standby" in words:
                named = [Path(file.path).parent for file in process.open_files() if file.path.endswith(JOURNAL)]
            else:
                continue
            found |= {process: folder for folder in named if folder.is_relative_to(workdir)}  # noqa: B035  one or none
    return found


class Trainer:
    """One trainer process; start it again after it was killed."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.workdir = folder / "work"
        self._folder = folder
        self._environment = environment | {
            "TRUSCORE_TRAINER_WORKDIR": str(self.workdir),
            "TRUSCORE_TRAINER_MIN_FREE_BYTES": "0",
            "TRUSCORE_TRAINER_BEAT_S": "0.5",
            "TRUSCORE_TRAINER_RESTART_PAUSE_S": "0.1",
            "TRUSCORE_TRAINER_SAMPLE_S": "1",
            "TRUSCORE_TRAINER_SLOTS": "2",
        }
        self.process: Started | None = None

    def start(self) -> None:
        self.process = start_process(
            "trainer", [sys.executable, "-m", "services.trainer"], log_path=self._folder / "trainer.log",
            env=self._environment, cwd=REPOSITORY,
        )  # fmt: skip

    def stop(self, *, timeout_s: float = 60) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.signal(15)
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        """SIGKILL, to the service alone: what becomes of its children is its business."""
        assert self.process is not None
        self.process.signal(9)
        self.process.wait(10)

    def children(self) -> list[psutil.Process]:
        """The training processes proper, whoever their parent is now."""
        return list(training_processes(self.workdir))

    def pids(self, event: str) -> list[int]:
        """Of the processes of which the trainer's log says so."""
        assert self.process is not None
        return [int(pid) for pid in re.findall(rf"{event}.* pid=(\d+)", self.process.log_path.read_text())]

    async def standby(self, *, number: int = 1) -> int:
        """Wait until so many standby processes were ready; the last one's process id."""
        async with asyncio.timeout(WAIT_S):
            while len(ready := self.pids("a standby training process is ready")) < number:  # noqa: ASYNC110  a file
                await asyncio.sleep(POLL_S)
        return ready[-1]

    def journal(self, attempt: int = 1) -> list[Record]:
        """What the training process wrote so far."""
        paths = list(self.workdir.glob(f"runs/*/attempt-{attempt}/journal.jsonl"))
        return list(read_from(paths[0], 0)[0]) if paths else []

    def hold(self) -> list[psutil.Process]:
        """Stop the training processes where they are, so that what is waited for beside them can't come too late. They
        go on with ``resume``."""
        held = self.children()
        for process in held:
            process.suspend()
        return held

    async def in_epoch(self, epoch: int, *, attempt: int = 1) -> None:
        """Return in the middle of an epoch: its first step is done and three are to come."""
        async with asyncio.timeout(WAIT_S):
            while True:
                records = self.journal(attempt)
                steps = [record for record in records if isinstance(record, Progressed) and record.epoch == epoch]
                if self.process is None or not self.process.running or self.journal(attempt + 1):
                    raise AssertionError(f"it did not come to epoch {epoch}: {self.process and self.process.tail()}")
                if steps:
                    assert records[-1] is steps[-1], "the epoch is over: this machine is too slow to look in time"
                    return
                await asyncio.sleep(POLL_S)


@contextmanager
def trainer_process(folder: Path, environment: dict[str, str]) -> Iterator[Trainer]:
    """A trainer until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(folder, environment)
    trainer.start()
    try:
        yield trainer
    finally:
        if trainer.process is not None:
            trainer.process.terminate()


@cache
def weights_left_alone(epochs: int = 3) -> str:
    """Digest of the final weights of the same training, which nobody touched: no service, no broker, no store."""
    with tempfile.TemporaryDirectory() as folder:
        return _trained_alone(Path(folder), epochs)


def _trained_alone(folder: Path, epochs: int) -> str:
    render_dataset(folder / "images", count=IMAGES, seed=1, image_size=(96, 96))
    index = read_dataset(folder / "images").index
    assert index is not None
    training = small_training(epochs=epochs)
    recipe = resolve("border_detection", "dual_class", training.architecture, overrides_of(training.config))
    (folder / "index.json").write_text(index_to_json(index))
    (folder / "split.json").write_text(split_to_json(split_dataset(index, seed=recipe.seed)))
    order = {
        "run_id": "run-alone", "attempt": 1, "recipe": json.loads(recipe_to_json(recipe)), "index": "index.json",
        "class_names": index.class_names, "split": "split.json", "images": "images", "git_commit": "",
    }  # fmt: skip
    (folder / "order.json").write_text(json.dumps(order))
    subprocess.run(
        worker_command(folder, processes=1),
        cwd=REPOSITORY,
        env={**os.environ, **QUIET},
        check=True,
        timeout=WAIT_S * (1 + epochs // 20),
    )
    return next(
        record.weights_sha256 for record in read_from(folder / "journal.jsonl", 0)[0] if isinstance(record, Completed)
    )


class EventListener:
    """Publishes orders, and keeps all events as a consumer keeps them: by event id."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.received: dict[str, tuple[Message, Envelope]] = {}
        self.everything: list[Message] = []  # with repeats, in the order of the log
        self.deliveries = 0
        self._news = asyncio.Condition()
        self._publisher = publisher(bus, service="upstream")

    async def note(self, event: Message, envelope: Envelope, _offset: int) -> None:
        async with self._news:
            self.deliveries += 1
            self.everything.append(event)
            self.received.setdefault(envelope.event_id, (event, envelope))
            self._news.notify_all()

    def of(self, kind: type[Message]) -> list[Any]:
        return [event for event, _ in self.received.values() if isinstance(event, kind)]

    async def answer_to(self, order_event_id: str, end: type[Message]) -> tuple[OrderAttached, Any]:
        """What a consumer receives that knows only the order: the run, and the end that is published after it."""

        def found() -> tuple[OrderAttached, Any] | None:
            attached = None
            for event in self.everything:
                if isinstance(event, OrderAttached) and event.order_event_id == order_event_id:
                    attached = event
                elif attached is not None and isinstance(event, end):
                    return attached, event
            return None

        await self.until(lambda _: found())
        answer = found()
        assert answer is not None
        return answer

    async def until(self, holds: Callable[["EventListener"], object]) -> None:
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: holds(self))

    async def receive(self, kind: type[Message], count: int = 1) -> list[Any]:
        await self.until(lambda event_listener: len(event_listener.of(kind)) >= count)
        return self.of(kind)

    async def order(self, order: DatasetValidated | DatasetReady, *, sequence: str = "0") -> None:
        await self._publisher.publish(order, subject=f"{order.dataset_id}/{order.version}", sequence=sequence)

    async def publish_request(self, request: Any) -> None:
        await self._publisher.publish(request, subject=request.run_id, sequence=request.request_id)


@asynccontextmanager
async def event_listener(amqp_url: str) -> AsyncIterator[EventListener]:
    """Somebody who reads the event log, also over an outage of the broker."""
    bus = connect(amqp_url, service="cli", retry_for_s=30)
    listener = EventListener(bus)
    replay_log(bus, listener.note, service="cli")
    await bus.start()
    try:
        yield listener
    finally:
        await bus.stop()
