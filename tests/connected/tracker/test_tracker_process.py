"""The tracker as it runs: a process on a real broker and a real MLflow, asked over gRPC."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import grpc
import mlflow
import psutil
import pytest
from truscore.api.v1 import experiments_pb2 as api
from truscore.api.v1.experiments_pb2_grpc import ExperimentsServiceStub
from truscore.bus import connect, publisher
from typer.testing import CliRunner

from deploy.local.servers.ports import free_ports
from services.cli.app import app as truscore_app
from services.experiment_tracker.app import run
from services.experiment_tracker.ledger import MemoryLedger
from services.experiment_tracker.record import Mark
from services.experiment_tracker.settings import Settings
from tests.connected.answers import service_process
from tests.unit.experiment_tracker import run_events
from tests.unit.experiment_tracker.run_events import PublishedEvent

pytestmark = [pytest.mark.connected, pytest.mark.timeout(300)]

WAIT_S = 90
MAX_IDLE_BYTES = 170 * 2**20


@pytest.fixture
def run_id() -> str:
    return f"run-{uuid.uuid4().hex[:20]}"


@contextmanager
def tracker_process(
    amqp_url: str, mlflow_url: str, port: int, *, place_every_s: float = 1e-9
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m services.experiment_tracker` until the end of the block; it has to end by itself and with code 0."""
    given = {
        "TRUSCORE_AMQP_URL": amqp_url,
        "TRUSCORE_MLFLOW_URL": mlflow_url,
        "TRUSCORE_TRACKER_GRPC_PORT": str(port),
        "TRUSCORE_TRACKER_PLACE_EVERY_S": str(place_every_s),
    }
    with service_process("services.experiment_tracker", given) as process:
        yield process


@asynccontextmanager
async def client(port: int) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await asyncio.wait_for(channel.channel_ready(), WAIT_S)
        yield ExperimentsServiceStub(channel)


async def finished(stub: Any, run_id: str, *, model: bool = True) -> api.GetExperimentResponse:
    """The record once it is complete."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                response = await stub.GetExperiment(api.GetExperimentRequest(run_id=run_id), timeout=WAIT_S)
                if response.experiment.ended_at.seconds and bool(response.experiment.model_version) >= model:
                    return response  # type: ignore[no-any-return]
            except grpc.aio.AioRpcError as error:
                if error.code() not in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAVAILABLE):
                    raise
            await asyncio.sleep(0.1)


async def publish(amqp_url: str, events: Iterable[PublishedEvent], *, first: int = 0) -> None:
    bus = connect(amqp_url, service="trainer", instance="teller")
    await bus.start()
    try:
        outgoing = publisher(bus, service="trainer")
        for number, published in enumerate(events, first):
            run_id = getattr(published.message, "run_id", "")
            await outgoing.publish(published.message, subject=run_id, sequence=number)
    finally:
        await bus.stop()


async def test_a_run_is_on_record_once_however_often_it_is_published_and_the_tracker_restarts(
    amqp_url: str, mlflow_url: str, run_id: str
) -> None:
    (port,) = free_ports(1)
    events = run_events.whole_run(run_id)
    await publish(amqp_url, events[:3])
    with tracker_process(amqp_url, mlflow_url, port):
        await publish(amqp_url, events)
        async with client(port) as stub:
            first = await finished(stub, run_id)
    await publish(amqp_url, events)
    with tracker_process(amqp_url, mlflow_url, port):
        other = f"{run_id}-b"
        await publish(amqp_url, run_events.whole_run(other))
        async with client(port) as stub:
            await finished(stub, other)
            again = await finished(stub, run_id)
            page = await stub.ListExperiments(api.ListExperimentsRequest(page_size=1000), timeout=WAIT_S)
            compared = await stub.CompareExperiments(
                api.CompareExperimentsRequest(run_ids=[run_id, other]), timeout=WAIT_S
            )
    assert first == again
    assert list(first.history["box_AP50"].epochs) == [1, 2, 3]
    assert (first.experiment.status, first.experiment.model_name) == ("finished", run_events.MODEL)
    assert [each.run_id for each in page.experiments].count(run_id) == 1
    assert not any(row.differs for row in [*compared.parameters, *compared.metrics])
    assert [each.run_id for each in compared.experiments] == [run_id, other]


async def test_a_version_is_promoted_by_hand_and_tracker_mlflow_and_lineage_say_so(
    amqp_url: str, mlflow_url: str, run_id: str
) -> None:
    (port,) = free_ports(1)
    model, unfit = f"{run_events.MODEL}.{run_id}", f"{run_id[:-1]}x"
    where = {"TRUSCORE_AMQP_URL": amqp_url, "TRUSCORE_TRACKER_ADDRESS": f"127.0.0.1:{port}"}

    def truscore(*arguments: str) -> Any:
        return CliRunner().invoke(truscore_app, list(arguments), env=where)

    with tracker_process(amqp_url, mlflow_url, port):
        async with client(port) as stub:
            for each in (run_id, unfit):
                events = run_events.whole_run(each)
                events[-2:] = [run_events.compared(event, fit=each == run_id) for event in events[-2:]]
                release: Any = events[-1].message
                release.model_id, release.package_uri = model, f"s3://truscore/models/{model}/{each}/package.tar"
                await publish(amqp_url, events)
                await finished(stub, each)
            refused = await asyncio.to_thread(truscore, "models", "promote", f"{model}/{unfit}")
            promoted = await asyncio.to_thread(truscore, "models", "promote", f"{model}/{run_id}")
            lineage = await asyncio.to_thread(truscore, "lineage", run_id)
            experiment = (await finished(stub, run_id)).experiment
            forced = await asyncio.to_thread(truscore, "models", "promote", f"{model}/{unfit}", "--force")
            listed = await asyncio.to_thread(truscore, "models", "list", model, "--json")
    assert "is not fit for use" in str(refused.exception)
    assert promoted.output == f"{model}/{run_id} is the champion\n"
    assert f"model {model}/{run_id} · challenger, champion · fit for use" in lineage.output
    assert list(experiment.model_aliases) == ["challenger", "champion"]
    assert forced.exit_code == 0
    aliases = {each["version"]: each["aliases"] for each in json.loads(listed.output)}
    assert aliases == {run_id: ["challenger"], unfit: ["champion"]}
    page = mlflow.MlflowClient(tracking_uri=mlflow_url, registry_uri=mlflow_url)
    assert page.get_model_version_by_alias(model, "champion").tags["truscore.run_id"] == unfit
    assert page.get_model_version_by_alias(model, "challenger").tags["truscore.run_id"] == run_id


@asynccontextmanager
async def way_to(url: str, port: int) -> AsyncIterator[None]:
    """A port that leads to the server only within the block."""
    there = urlsplit(url)

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def connect_through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(there.hostname, there.port)
        pipes.extend(asyncio.create_task(each) for each in (pipe(reader, far_writer), pipe(far_reader, writer)))

    pipes: list[asyncio.Task[None]] = []
    server = await asyncio.start_server(connect_through, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        for each in pipes:
            each.cancel()
        await asyncio.gather(*pipes, return_exceptions=True)


async def test_what_is_published_while_mlflow_is_away_is_on_record_when_it_is_back(
    amqp_url: str, mlflow_url: str, run_id: str
) -> None:
    port, way = free_ports(2)
    with tracker_process(amqp_url, f"http://127.0.0.1:{way}", port):
        async with client(port) as stub:
            await publish(amqp_url, run_events.whole_run(run_id))
            with pytest.raises(grpc.aio.AioRpcError) as away:
                await stub.GetExperiment(api.GetExperimentRequest(run_id=run_id), timeout=WAIT_S)
            assert away.value.code() is grpc.StatusCode.UNAVAILABLE
            async with way_to(mlflow_url, way):
                record = await finished(stub, run_id)
    assert list(record.history["train_loss"].epochs) == [1, 2, 3]


async def test_an_idle_tracker_takes_at_most_170_mb(amqp_url: str, mlflow_url: str, run_id: str) -> None:
    (port,) = free_ports(1)
    with tracker_process(amqp_url, mlflow_url, port) as process:
        await publish(amqp_url, run_events.whole_run(run_id))
        async with client(port) as stub:
            await finished(stub, run_id)
        memory = psutil.Process(process.pid).memory_info().rss
        assert memory <= MAX_IDLE_BYTES, f"{memory / 2**20:.0f} MiB"
        print(f"experiment-tracker: {memory / 2**20:.0f} MiB")  # noqa: T201


class Watched(MemoryLedger):
    """Tells when a run's model is on record and the place after it is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = threading.Semaphore(0)
        self._models_seen = 0

    def keep_place(self, mark: Mark) -> None:
        super().keep_place(mark)
        if len(self.models) > self._models_seen:
            self._models_seen = len(self.models)
            self.kept.release()

    async def next_model(self) -> None:
        assert await asyncio.to_thread(self.kept.acquire, timeout=WAIT_S)


@asynccontextmanager
async def tracker_here(amqp_url: str, ledger: MemoryLedger) -> AsyncIterator[None]:
    """The tracker's app in this process, on a ledger in memory."""
    given = {"amqp_url": amqp_url, "mlflow_url": "http://127.0.0.1:9", "tracker_place_every_s": 1e-9}
    settings = Settings.model_validate(given)
    stop = asyncio.Event()
    running = asyncio.create_task(run(settings, ledger, stop))
    try:
        yield
    finally:
        stop.set()
        assert await asyncio.wait_for(running, WAIT_S) == 0


@pytest.mark.parametrize("before", [2, 8])
async def test_a_log_that_was_made_again_is_read_from_its_beginning(private_broker: Any, before: int) -> None:
    ledger = Watched()
    async with tracker_here(private_broker.amqp_url, ledger):
        await publish(private_broker.amqp_url, run_events.whole_run("run-old"))
        await ledger.next_model()
    place = ledger.place()
    assert place is not None
    private_broker.manage("DELETE", f"/api/queues/{private_broker.vhost}/truscore.log")
    events = run_events.whole_run("run-new")
    await publish(private_broker.amqp_url, events[:before])
    async with tracker_here(private_broker.amqp_url, ledger):
        await publish(private_broker.amqp_url, events[before:], first=before)
        await ledger.next_model()
    record = ledger.get("run-new")
    assert record is not None
    assert ledger.history(record)["train_loss"] == ((1, 0.5), (2, 0.5), (3, 0.5))
