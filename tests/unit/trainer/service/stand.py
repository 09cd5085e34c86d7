"""A trainer on a memory store and a memory publisher, with a real training process that trains a number."""

import asyncio
import hashlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from truscore.bus import BusUnavailable, Envelope
from truscore.bus.memory import MemoryPublisher
from truscore.datasets import DatasetIndex, ImageRecord, index_digest, index_to_json
from truscore.events.v1.control_pb2 import RunCancel, RunPause, RunResume
from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.training_pb2 import ObjectRef
from truscore.process.code_version import CodeVersion
from truscore.storage import Cache, MemoryStore, Store
from truscore.telemetry import HardwareReading
from truscore.validation import Policy, Verdict, report_to_json

from services.trainer.handlers import (
    BrokerEventPublisher,
    on_broadcast_order,
    on_broadcast_request,
    on_dataset_validated,
    on_request,
)
from services.trainer.inputs.pretrained_source import LibrarySource
from services.trainer.inputs.published_weights import published
from services.trainer.inputs.workspace import Workspace
from services.trainer.launchers.local import LocalLauncher
from services.trainer.launchers.port import Launcher
from services.trainer.plan import Plan
from services.trainer.runs.attempt import Limits
from services.trainer.runs.context import TrainerDeps
from services.trainer.runs.registry import Runs
from services.trainer.runs.requests import Requests
from services.trainer.runs.slots import Slots

CHILD = Path(__file__).with_name("small_child.py")
CODE = CodeVersion(git_commit="abc", git_dirty=True, environment_digest="e" * 64)
BUCKET = "truscore"
DEADLINE_S = 30


class Outage(MemoryPublisher):
    """The memory publisher, with a broker that a test can take away."""

    away = False
    holds_back: type[Message] | None = None  # events of this kind are not taken
    held_back = 0

    async def publish(self, event: Message, **details: Any) -> str:
        if self.holds_back is not None and isinstance(event, self.holds_back):
            self.held_back += 1
            raise BusUnavailable("held back by the test")
        if self.away:
            raise BusUnavailable("taken away by the test")
        return await super().publish(event, **details)


def some_dataset(store: Store, uri: str = "s3://upstream/cards/1/") -> DatasetValidated:
    """Six images of a few bytes, as the validator would announce them."""
    records = []
    for number in range(6):
        content = f"picture {number}".encode()
        store.put(f"{uri}images/{number}.png", content)
        records.append(
            ImageRecord(
                path=f"images/{number}.png", sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content),
                width=8, height=8, file_format="PNG", perceptual_hash=f"{number * 0x1111111111111111:016x}",
            )
        )  # fmt: skip
    index = DatasetIndex(format="coco", class_names=("outer_border", "graphical_border"), images=tuple(records))
    stored = store.put(f"{uri}_truscore/index-{index_digest(index)}.json", index_to_json(index).encode())
    report = store.put(f"{uri}_truscore/report.json", a_report(index, uri))
    return DatasetValidated(
        dataset_id="cards", version="1", uri=uri, format="coco", category="border_detection",
        option="dual_class", dataset_digest=index_digest(index), class_names=index.class_names, request_id="first",
        index=ObjectRef(uri=stored.uri, sha256=stored.sha256, size_bytes=stored.size_bytes),
        report=ObjectRef(uri=report.uri, sha256=report.sha256, size_bytes=report.size_bytes),
    )  # fmt: skip


def a_report(index: DatasetIndex, uri: str) -> bytes:
    """The validator's, of a dataset in which nothing was found."""
    about = {
        "dataset_id": "cards", "version": "1", "uri": uri, "category": "border_detection", "option": "dual_class"
    }  # fmt: skip
    return report_to_json(Verdict(findings=(), index=index, policy=Policy()), about=about).encode()


def an_envelope(*, delivery: int = 1, event_id: str = "event", time: datetime | None = None) -> Envelope:
    return Envelope(
        event_id=event_id, type="", source="truscore/dataset-validator", subject="cards/1",
        time=time or datetime.now(tz=UTC), correlation_id="cards/1", traceparent=None, delivery=delivery,
    )  # fmt: skip


def a_reading(run_id: str) -> HardwareReading:
    return HardwareReading(
        service="trainer", host="here", sampled_at=datetime.now(tz=UTC), run_id=run_id, cpu_percent=1.0,
        memory_used_bytes=1, memory_total_bytes=2, process_memory_bytes=1, disk_read_bytes_per_second=0.0,
        disk_write_bytes_per_second=0.0, network_receive_bytes_per_second=0.0, network_send_bytes_per_second=0.0,
        gpus=(), disk_free_bytes=1,
    )  # fmt: skip


@dataclass(kw_only=True)
class Stand:
    """One trainer. Several on the same store and publisher are several hosts."""

    folder: Path
    gates: Path
    store: MemoryStore = field(default_factory=MemoryStore)
    publisher: Outage = field(default_factory=lambda: Outage(service="trainer"))
    child_options: tuple[str, ...] = ()
    min_free_bytes: int = 0
    source: LibrarySource = field(default_factory=lambda: LibrarySource(lookup=published))
    places: int = 64
    launcher: Launcher | None = None  # in place of processes on this machine
    limits: Limits = field(
        default_factory=lambda: Limits(beat_s=0.1, stop_timeout_s=20, stall_timeout_s=60, store_retry_for_s=10)
    )

    def __post_init__(self) -> None:
        self.gates.mkdir(exist_ok=True)
        self.deps = TrainerDeps(
            store=self.store, bucket=BUCKET, workspace=self.workspace(), limits=self.limits, restart_limit=2,
            restart_pause_s=0.01, sample_s=60, host="here", now=lambda: datetime.now(tz=UTC),
            launcher=self.launcher or LocalLauncher(command=self.command, environment=dict(os.environ)),
            slots=Slots(self.places),
        )  # fmt: skip
        self.runs = Runs(self.deps)
        event_publisher = BrokerEventPublisher(
            publisher=self.publisher,
            sample=a_reading,
            now=lambda: datetime.now(tz=UTC),
            code=CODE,
        )
        publisher = lambda envelope: replace(event_publisher, cause=envelope)  # noqa: E731
        self.on_order = on_dataset_validated(runs=self.runs, publisher=publisher, profile="small")
        self.on_request = on_request(Requests(self.deps, self.runs), publisher=publisher)
        self.on_broadcast_order = on_broadcast_order(
            Requests(self.deps, self.runs), publisher=publisher, profile="small"
        )
        self.on_broadcast = on_broadcast_request(Requests(self.deps, self.runs))

    def workspace(self) -> Workspace:
        self.folder.mkdir(exist_ok=True)
        return Workspace(
            store=self.store, workdir=self.folder, cache=Cache(self.folder / "cache", 1 << 20), bucket=BUCKET,
            min_free_bytes=self.min_free_bytes, kept_runs=1, code=CODE, source=self.source,
            remote=self.launcher is not None,
        )  # fmt: skip

    def another(self, name: str) -> "Stand":
        """A trainer on another host."""
        return replace(self, folder=self.folder.with_name(name))

    def command(self, plan: Plan, folder: Path) -> list[str]:
        return [sys.executable, str(CHILD), "--run-dir", str(folder), "--gates", str(self.gates), *self.child_options]

    async def order(self, validated: DatasetValidated, *, delivery: int = 1) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await self.on_order(validated, an_envelope(delivery=delivery))

    async def send(self, request: RunCancel | RunPause | RunResume) -> None:
        await self.on_request(request, an_envelope())

    def gate(self, step: int) -> None:
        """Have the training process stop before a step."""
        (self.gates / f"step-{step}").touch()

    def open(self, step: int) -> None:
        (self.gates / f"step-{step}").unlink()

    async def at_gate(self, step: int, *, attempt: int = 1) -> None:
        await until((self.gates / f"step-{step}.reached-{attempt}").exists)

    def kill_child(self) -> None:
        os.kill(int((self.gates / "pid").read_text()), signal.SIGKILL)

    def published(self, kind: type[Message]) -> list[Any]:
        return [event for event, _ in self.publisher.published if isinstance(event, kind)]

    def received(self, kind: type[Message]) -> list[Any]:
        """As a consumer takes them: an id that it knows is the same event."""
        by_id: dict[str, Any] = {}
        for event, envelope in self.publisher.published:
            if isinstance(event, kind):
                by_id.setdefault(envelope.event_id, event)
        return list(by_id.values())

    def ids(self, kind: type[Message]) -> list[str]:
        return [envelope.event_id for event, envelope in self.publisher.published if isinstance(event, kind)]


async def until(holds: Callable[[], object]) -> None:
    """Look again and again until it holds; a deadline, not a duration."""
    async with asyncio.timeout(DEADLINE_S):
        while not holds():  # noqa: ASYNC110  a process and a disk set no event
            await asyncio.sleep(0.01)
