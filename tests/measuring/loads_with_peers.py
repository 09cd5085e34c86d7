"""What tracker, search and studio are given to measure their memory, each with the other side of its conversation."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
from truscore.api.v1 import experiments_pb2
from truscore.api.v1.experiments_pb2_grpc import ExperimentsServiceStub
from truscore.bus import OutgoingEvent, connect, publisher
from truscore.events.v1.search_pb2 import SearchCompleted

from deploy.local.servers.mlflow_server import MlflowServer, ready_mlflow
from deploy.local.servers.ports import free_ports
from services.studio.access import Role
from services.studio.app import create_sessions
from services.studio.database.opening import FILE
from services.studio.database.sqlite import SqliteDatabase
from tests.connected.search.search_harness import rate_of, search_environment, search_order, the_side_of_the_runs
from tests.connected.trainer.trainer_harness import REPOSITORY
from tests.unit.studio.studio_harness import BORDERS, png, settings_in

WAIT_S, LOOK_S = 300, 0.2
EDITS, TRIALS = 5, 4  # of each order

WholeRun = Callable[[str], Iterator[OutgoingEvent]]


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The settings of the service, and what gives it the orders of these numbers and waits until they are done."""

    environment: dict[str, str]
    order: Callable[[range], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Place:
    folder: Path
    amqp_url: str
    whole_run: WholeRun


@asynccontextmanager
async def tracker_peer(place: Place) -> AsyncIterator[Peer]:
    """Whole runs in the log; they are done once the tracker shows the last as ended."""
    (port,) = free_ports(1)
    python = ready_mlflow(REPOSITORY / ".local" / "mlflow-venv", lock=REPOSITORY / "requirements.lock")
    server = MlflowServer(place.folder / "mlflow", python)
    server.begin()
    bus = connect(place.amqp_url, service="trainer", instance="runs")
    try:
        await asyncio.to_thread(server.wait)
        await bus.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            experiments = ExperimentsServiceStub(channel)

            async def order(numbers: range) -> None:
                names = [f"run-{number:020x}" for number in numbers]
                await asyncio.wait_for(channel.channel_ready(), WAIT_S)
                events = (event for name in names for event in place.whole_run(name))
                await publisher(bus, service="trainer", deadline_s=WAIT_S).publish_many(events)
                async with asyncio.timeout(WAIT_S):
                    while not await _ended(experiments, names[-1]):  # noqa: ASYNC110  another process answers
                        await asyncio.sleep(LOOK_S)

            environment = {
                "TRUSCORE_MLFLOW_URL": server.url, "TRUSCORE_TRACKER_GRPC_PORT": str(port),
                "TRUSCORE_GRPC_ANONYMOUS_ROLE": "reader",
            }  # fmt: skip
            yield Peer(environment=environment, order=order)
    finally:
        await bus.stop()
        server.stop()


async def _ended(experiments: Any, run_id: str) -> bool:
    try:
        request = experiments_pb2.GetExperimentRequest(run_id=run_id)
        answer = await experiments.GetExperiment(request, timeout=WAIT_S)
    except grpc.aio.AioRpcError as error:
        if error.code() != grpc.StatusCode.NOT_FOUND:
            raise
        return False
    return bool(answer.experiment.ended_at.seconds)


@asynccontextmanager
async def search_peer(place: Place) -> AsyncIterator[Peer]:
    """Searches of four trials each, whose runs are answered at once."""
    async with the_side_of_the_runs(place.amqp_url) as runs:
        runs.score = lambda ready: 1 - rate_of(ready)

        async def order(numbers: range) -> None:
            for number in numbers:
                await runs.order(search_order(f"search-{number}", trials=TRIALS, parallel=2))
                await runs.received(SearchCompleted, number + 1)

        yield Peer(environment=search_environment(place.amqp_url, place.folder / "work"), order=order)


@asynccontextmanager
async def studio_peer(place: Place) -> AsyncIterator[Peer]:
    """An annotator: each order is an image uploaded, its page and thumbnail opened, and some edits saved."""
    pages, folder = free_ports(1)[0], place.folder / "work"
    address = f"http://127.0.0.1:{pages}"
    async with httpx.AsyncClient(base_url=address, headers={"Origin": address}, timeout=60) as http:

        async def order(numbers: range) -> None:
            if numbers.start == 0:
                await _log_in(http, folder)
            for number in numbers:
                await _annotate(http, number)

        yield Peer(environment={"TRUSCORE_STUDIO_PORT": str(pages)}, order=order)


async def _log_in(http: httpx.AsyncClient, folder: Path) -> None:
    async with asyncio.timeout(WAIT_S):
        while not await _answers(http):  # noqa: ASYNC110  another process answers
            await asyncio.sleep(LOOK_S)
    database = SqliteDatabase(folder / FILE)
    token = create_sessions(settings_in(folder), database).make_login_token(name="ada", role=Role.ADMIN)
    database.close()
    (await http.post("/api/login", json={"token": token})).raise_for_status()
    (await http.post("/api/datasets", json={"dataset_id": "cards", **BORDERS})).raise_for_status()


async def _answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/healthz")).is_success
    except httpx.ConnectError:
        return False


async def _annotate(http: httpx.AsyncClient, number: int) -> None:
    picture = png(color=(number // 256, number % 256, 99), size=(640, 480))
    sent = await http.put("/api/datasets/cards/images", params={"name": f"{number}.png"}, content=picture)
    image_id = sent.raise_for_status().json()["image_id"]
    (await http.get(f"/datasets/cards/annotate/{image_id}")).raise_for_status()
    for edit in range(EDITS):
        shape = {"id": f"box-{edit}", "kind": "box", "label": 1, "points": [1, 1, 20, 30 + edit]}
        batch = {"base": edit, "batch_id": f"{image_id}-{edit}", "ops": [{"op": "put", "shape": shape}]}
        (await http.post(f"/api/datasets/cards/images/{image_id}/operations", json=batch)).raise_for_status()


PEERS: dict[str, Callable[[Place], AbstractAsyncContextManager[Peer]]] = {
    "experiment_tracker": tracker_peer, "hyperparameter_search": search_peer, "studio": studio_peer,
}  # fmt: skip
