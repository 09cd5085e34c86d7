"""Search and tracker where what they write to is full: nothing is lost, and all is there once there is room."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from truscore.events.v1.search_pb2 import SearchAccepted, SearchCompleted
from truscore.process.supervised import Started, start_process

from deploy.local.servers.mlflow_server import MlflowServer, ready_mlflow
from deploy.local.servers.ports import free_ports
from tests.connected.answers import REPOSITORY, logged
from tests.connected.search.search_harness import (
    ANYBODY,
    Runs,
    rate_of,
    search_environment,
    search_order,
    the_side_of_the_runs,
)
from tests.connected.tracker.test_tracker_process import client, finished, publish
from tests.small_disk import SmallDisk
from tests.unit.experiment_tracker import run_events

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]


@pytest_asyncio.fixture
async def runs(amqp_url: str) -> AsyncIterator[Runs]:
    async with the_side_of_the_runs(amqp_url) as conversation:
        conversation.score = lambda ready: 1 - rate_of(ready)
        yield conversation


@contextmanager
def service(name: str, environment: dict[str, str], log_path: Path) -> Iterator[Started]:
    process = start_process(
        name, [sys.executable, "-m", f"services.{name}"], log_path=log_path,
        env={**os.environ, **ANYBODY, **environment}, cwd=REPOSITORY,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()


async def ended(runs: Runs, search_id: str) -> SearchCompleted:
    for count in range(1, 20):
        completed = (await runs.received(SearchCompleted, count))[count - 1]
        if completed.search_id == search_id:
            break
    return completed


async def test_a_search_that_can_write_nothing_goes_on_once_it_can(
    amqp_url: str, disk: SmallDisk, runs: Runs, tmp_path: Path
) -> None:
    environment = search_environment(amqp_url, disk.folder)
    environment["TRUSCORE_SEARCH_RETRY_DELAYS_S"] = str([0.5] * 200)
    with service("hyperparameter_search", environment, tmp_path / "log") as process:
        await runs.order(search_order("before", trials=1))
        await runs.received(SearchCompleted)
        disk.fill()
        await runs.order(search_order("during", trials=2))
        await logged(process, "disk is full")
        assert [accepted.search_id for accepted in runs.of(SearchAccepted)] == ["before"]
        disk.release()
        assert (await ended(runs, "during")).counts.completed == 2
        assert process.running
    # What was said of the first and could not be noted is said again, under the same id.
    assert len(set(runs.ids_of(SearchCompleted))) == 2


async def test_runs_are_on_record_once_the_disk_of_mlflow_has_room_again(
    amqp_url: str, disk: SmallDisk, tmp_path: Path
) -> None:
    python = ready_mlflow(REPOSITORY / ".local" / "mlflow-venv", lock=REPOSITORY / "requirements.lock")
    server, (port,) = MlflowServer(disk.folder, python), free_ports(1)
    environment = {
        "TRUSCORE_AMQP_URL": amqp_url, "TRUSCORE_MLFLOW_URL": server.url, "TRUSCORE_TRACKER_GRPC_PORT": str(port),
        "TRUSCORE_TRACKER_PLACE_EVERY_S": "1e-9",
    }  # fmt: skip
    server.begin()
    try:
        await asyncio.to_thread(server.wait)
        with service("experiment_tracker", environment, tmp_path / "log") as process:
            async with client(port) as stub:
                await publish(amqp_url, run_events.whole_run("run-before"))
                undisturbed = await finished(stub, "run-before")
                disk.fill()
                await publish(amqp_url, run_events.whole_run("run-during"))
                await logged(process, "MLflow")
                disk.release()
                record = await finished(stub, "run-during")
            assert process.running
    finally:
        server.stop()
    assert {name: list(curve.values) for name, curve in record.history.items()} == {
        name: list(curve.values) for name, curve in undisturbed.history.items()
    }
