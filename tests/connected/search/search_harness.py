"""The hyper-parameter search as a process, and the side of the runs, which the test is, for tests."""

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from truscore.api.v1 import searches_pb2 as api
from truscore.api.v1.searches_pb2_grpc import SearchesServiceStub
from truscore.bus import Bus, Envelope, Publisher, connect, consume_broadcast, publisher
from truscore.events.v1.control_pb2 import RunCancel
from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.events.v1.model_pb2 import Artifact, Benchmark, ExportOrdered, ModelExported
from truscore.events.v1.order_pb2 import OrderAttached
from truscore.events.v1.search_pb2 import (
    FloatRange,
    SearchAccepted,
    SearchBounds,
    SearchCancel,
    SearchCancelled,
    SearchCompleted,
    SearchFailed,
    SearchObjective,
    SearchOrdered,
    SearchParameter,
    SearchProgressed,
    SearchRefused,
    SearchSpec,
)
from truscore.events.v1.training_pb2 import (
    EpochCompleted,
    TrainingCancelled,
    TrainingCompleted,
    TrainingSpec,
    TrainingStarted,
)

from deploy.local.servers.ports import free_ports
from tests.connected.answers import REPOSITORY

MODULE = "services.hyperparameter_search"
ANYBODY = {"TRUSCORE_GRPC_ANONYMOUS_ROLE": "admin"}
WAIT_S = 60
POLL_S = 0.02
METRIC = "box_AP"
RATE = "hyperparameters.optimization.learning_rate"
RECORDED: tuple[type[Message], ...] = (
    DatasetReady,
    RunCancel,
    ExportOrdered,
    SearchAccepted,
    SearchRefused,
    SearchProgressed,
    SearchCompleted,
    SearchFailed,
    SearchCancelled,
)
Kind = TypeVar("Kind", bound=Message)
Score = Callable[[DatasetReady], float]


def search_environment(amqp_url: str, folder: Path) -> dict[str, str]:
    """Settings of a search process that looks at its searches four times a second."""
    grpc_port, metrics_port = free_ports(2)
    return {
        "TRUSCORE_AMQP_URL": amqp_url,
        "TRUSCORE_SEARCH_WORKDIR": str(folder),
        "TRUSCORE_SEARCH_GRPC_PORT": str(grpc_port),
        "TRUSCORE_SEARCH_METRICS_PORT": str(metrics_port),
        "TRUSCORE_SEARCH_INTERVAL_S": "0.25",
        "TRUSCORE_SEARCH_RETRY_DELAYS_S": "[0.05, 0.1]",
    }


def started(environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """The search as a process that the test ends."""
    return subprocess.Popen(
        [sys.executable, "-m", MODULE], cwd=REPOSITORY, env={**os.environ, **ANYBODY, **environment}
    )


async def shown(environment: Mapping[str, str], search_id: str, ready: Callable[[api.Search], bool]) -> api.Search:
    """The search as the process shows it, once it is as wanted."""
    address = f"127.0.0.1:{environment['TRUSCORE_SEARCH_GRPC_PORT']}"
    async with asyncio.timeout(WAIT_S), grpc.aio.insecure_channel(address) as channel:
        stub = SearchesServiceStub(channel)
        while True:
            request = api.GetSearchRequest(search_id=search_id)
            search: api.Search = (await stub.GetSearch(request, wait_for_ready=True)).search
            if ready(search):
                return search
            await asyncio.sleep(POLL_S)


def search_order(search_id: str = "first", *, trials: int = 2, parallel: int = 1, **spec: Any) -> SearchOrdered:
    """A search of the learning rate of small border detectors."""
    rate = SearchParameter(key=RATE, float_range=FloatRange(low=1e-4, high=1e-1, log=True))
    training = TrainingSpec(architecture="mask_rcnn")
    training.config.hyperparameters.training_process.epochs = 3
    return SearchOrdered(
        search_id=search_id,
        order=DatasetReady(
            dataset_id="cards", version="1", uri="s3://truscore/datasets/cards/1/", category="border_detection",
            option="dual_class", training=training,
        ),
        spec=SearchSpec(
            **{
                "parameters": [rate],
                "objectives": [SearchObjective(metric=METRIC)],
                "bounds": SearchBounds(trials=trials, parallel_trials=parallel),
                "seed": 7,
            }
            | spec
        ),
        requested_by="test",
    )  # fmt: skip


def run_of(ready: DatasetReady) -> str:
    """The run of a trial's order: as with a trainer, equal requests are one run."""
    return "run-" + hashlib.sha256(ready.request_id.encode()).hexdigest()[:20]


def rate_of(ready: DatasetReady) -> float:
    return float(ready.training.config.hyperparameters.optimization.learning_rate)


class Runs:
    """What trainers and the exporter would publish, and what the search publishes to them."""

    def __init__(self, bus: Bus) -> None:
        self.seen: list[tuple[Any, Envelope]] = []
        self.people, self.trainer, self.exporter = (
            publisher(bus, service=name) for name in ("cli", "trainer", "exporter")
        )
        self.score: Score | None = None  # answers orders by themselves with this metric
        self.exports = True  # whether ordered exports are made
        self._changed = asyncio.Condition()

    async def record(self, event: Any, envelope: Envelope) -> None:
        async with self._changed:
            self.seen.append((event, envelope))
            self._changed.notify_all()
        if self.score is not None and isinstance(event, DatasetReady):
            await self.attach(event)
            await self.complete(event, self.score(event))
        if isinstance(event, ExportOrdered) and self.exports:
            # As the exporter, whose release of the run has ONNX already.
            await self.export(event.run_id, version=event.run_id)

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event, _ in self.seen if isinstance(event, kind)]

    def ids_of(self, kind: type[Message]) -> list[str]:
        return [envelope.event_id for event, envelope in self.seen if isinstance(event, kind)]

    async def received(self, kind: type[Kind], count: int = 1) -> list[Kind]:
        """The events of this kind, once there are so many."""
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(lambda: len(self.of(kind)) >= count)
        return self.of(kind)

    async def order(self, ordered: SearchOrdered) -> None:
        sequence = hashlib.sha256(ordered.SerializeToString(deterministic=True)).hexdigest()
        await self.people.publish(ordered, subject=ordered.search_id, sequence=sequence)

    async def cancel(self, search_id: str) -> None:
        request = SearchCancel(search_id=search_id, reason="enough", requested_by="test", request_id="1")
        await self.people.publish(request, subject=search_id, sequence="1")

    async def attach(self, ready: DatasetReady) -> None:
        attached = OrderAttached(
            dataset_id=ready.dataset_id, version=ready.version, request_id=ready.request_id, run_id=run_of(ready)
        )
        await self._say(self.trainer, attached, ready)

    async def start(self, ready: DatasetReady) -> None:
        started = TrainingStarted(run_id=run_of(ready), steps_per_epoch=10, device="cpu", world_size=1)
        started.parameters["hyperparameters.optimization.batch_size"] = "4"
        await self._say(self.trainer, started, ready)

    async def epoch(self, ready: DatasetReady, epoch: int, value: float) -> None:
        await self._say(
            self.trainer, EpochCompleted(run_id=run_of(ready), epoch=epoch, metrics={METRIC: value}), ready, epoch
        )

    async def complete(self, ready: DatasetReady, value: float, *, metric: str = METRIC) -> None:
        done = TrainingCompleted(
            run_id=run_of(ready), metrics={metric: value}, epochs=3, dataset_id=ready.dataset_id,
            dataset_version=ready.version,
        )  # fmt: skip
        await self._say(self.trainer, done, ready)

    async def stopped(self, cancel: RunCancel) -> None:
        await self.trainer.publish(TrainingCancelled(run_id=cancel.run_id, reason=cancel.reason), subject=cancel.run_id)

    async def export(self, run_id: str, *, version: str = "", latency_ms: float = 5) -> None:
        artifact = Artifact(format="onnx", benchmark=Benchmark(latency_ms_p50=latency_ms))
        exported = ModelExported(
            model_id="border_detection.dual_class.mask_rcnn", version=version or run_id, run_id=run_id,
            artifacts=[artifact], package_uri="s3://truscore/models/package.tar",
        )  # fmt: skip
        await self.exporter.publish(exported, subject=run_id, sequence=version)

    async def _say(self, speaker: Publisher, event: Message, ready: DatasetReady, sequence: int = 0) -> None:
        await speaker.publish(event, subject=run_of(ready), sequence=sequence)


@asynccontextmanager
async def the_side_of_the_runs(amqp_url: str) -> AsyncIterator[Runs]:
    """Receives what the search publishes, and publishes in its runs' stead."""
    bus = connect(amqp_url, service="upstream", instance="runs")
    runs = Runs(bus)
    consume_broadcast(bus, RECORDED, runs.record, service="upstream", instance="runs")
    await bus.start()
    try:
        yield runs
    finally:
        await bus.stop()
