"""Monitor, tracker, MLflow, PostgreSQL and broker are killed in turn while three runs are published; afterwards both
know of every run what an undisturbed twin knows, point for point.

The twin is the same code with nothing in between: the monitor's board and a ledger in memory, given the same events.
Hours of a run are in the events' own times, so that a kill that takes a minute changes none of them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import grpc
import psycopg2
import pytest
from truscore.access import anonymous
from truscore.api.v1 import experiments_pb2, monitor_pb2
from truscore.api.v1.experiments_pb2_grpc import ExperimentsServiceStub
from truscore.api.v1.monitor_pb2_grpc import MonitorServiceStub
from truscore.bus import BusUnavailable, connect, publisher
from truscore.events.v1 import training_pb2
from truscore.process.supervised import Started, start_process, wait_until
from truscore.telemetry import serve_grpc

from deploy.local.servers.mlflow_server import PRELOAD, QUIET
from deploy.local.servers.ports import LOOPBACK, free_ports
from deploy.mlflow.ready import NotReady, check
from services.experiment_tracker.handlers import Reads
from services.experiment_tracker.ledger import MemoryLedger
from services.monitor.handlers.answers import answer, curves_answer, hardware_answer
from services.monitor.run import Run
from tests.conftest import PrivateBroker
from tests.connected.answers import REPOSITORY
from tests.connected.tracker.conftest import mlflow_python
from tests.unit.experiment_tracker import run_events
from tests.unit.experiment_tracker.run_events import BEGIN_S, PublishedEvent, record_all
from tests.unit.monitor.event_sequences import PublishedEvent as BoardEvent
from tests.unit.monitor.event_sequences import board_after

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(shutil.which("initdb") is None, reason="no PostgreSQL here: initdb is not on the path"),
]
RUNS = tuple(f"run-{number:020d}" for number in (1, 2, 3))
STEPS, EPOCHS = 40, 8
UNPRIVILEGED = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
WAIT_S = 240.0


def run_of(run_id: str) -> list[PublishedEvent]:
    """Steps, epochs, an attempt that fails and the next, curves, a model."""
    events = [run_events.started(run_id=run_id)]
    for epoch in range(1, EPOCHS + 1):
        for step in range((epoch - 1) * STEPS, epoch * STEPS, 5):
            message = training_pb2.TrainingProgressed(
                run_id=run_id, attempt=1 if epoch < 4 else 2, step=step, total_steps=STEPS * EPOCHS, epoch=epoch,
                loss=10 / (1 + step), learning_rate=1e-3, images_per_second=8, gradient_norm=1 + step % 7,
            )  # fmt: skip
            events.append(PublishedEvent(message, BEGIN_S + 10 + step))
        if epoch == 3:
            events += [run_events.failed(150, run_id=run_id), run_events.started(160, attempt=2, run_id=run_id)]
        events += [run_events.epoch_done(epoch, run_id=run_id), run_events.sampled(200 + 40 * epoch, run_id=run_id)]
    end = [run_events.evaluated(attempt=2, run_id=run_id), run_events.completed(900, run_id=run_id)]
    return [*events, *end, run_events.exported(920, run_id=run_id)]


class Servers:
    """What is killed, each by its name, and started again on its data."""

    def __init__(self, folder: Path, broker: PrivateBroker, python: Path) -> None:
        self.folder, self.broker, self._python = folder, broker, python
        self.postgres_port, self.mlflow_port, self.monitor_port, self.tracker_port, *self._pages = free_ports(6)
        self.running: dict[str, Started] = {}
        self._libraries()

    def start(self, name: str) -> None:
        if name == "broker":
            self.broker.start()
            return
        argv, given, ready = getattr(self, f"_{name}")()
        # Files of a server that has given up its rights have to be its own.
        (self.folder / name).mkdir(exist_ok=True)
        process = start_process(
            name, argv, log_path=self.folder / f"{name}.log", env=os.environ | given, cwd=self.folder / name
        )
        self.running[name] = process
        wait_until(process, ready, timeout_s=WAIT_S, what=f"an answer of {name}")

    def kill(self, name: str) -> None:
        """SIGKILL."""
        if name == "broker":
            self.broker.kill()
        else:
            self.running[name].kill()

    def end(self) -> None:
        for process in self.running.values():
            if process.running:
                process.kill()

    def _postgres(self) -> tuple[list[str], dict[str, str], Callable[[], bool]]:
        data = self.folder / "data"
        if not data.exists():
            data.mkdir()
            if UNPRIVILEGED:
                os.chown(data, 65534, 65534)
            make = ["initdb", "--auth=trust", "--username=mlflow", "--encoding=UTF8", "-D", str(data)]
            subprocess.run([*UNPRIVILEGED, *make], cwd="/tmp", check=True, capture_output=True, timeout=WAIT_S)
        options = ["-h", LOOPBACK, "-p", str(self.postgres_port), "-k", str(data)]
        # A lock file that a killed server left does not keep the next from starting.
        return [*UNPRIVILEGED, "postgres", "-D", str(data), *options], {}, self._postgres_answers

    def _postgres_answers(self) -> bool:
        try:
            psycopg2.connect(host=LOOPBACK, port=self.postgres_port, user="mlflow", dbname="postgres").close()
        except psycopg2.OperationalError:
            return False
        return True

    def _mlflow(self) -> tuple[list[str], dict[str, str], Callable[[], bool]]:
        store = f"postgresql+psycopg2://mlflow@{LOOPBACK}:{self.postgres_port}/postgres"
        argv = [
            str(self._python), "-m", "mlflow", "server", f"--host={LOOPBACK}", f"--port={self.mlflow_port}",
            "--workers=1",
            f"--backend-store-uri={store}", "--serve-artifacts",
            f"--artifacts-destination={self.folder.as_uri()}/artifacts",
        ]  # fmt: skip
        path = {"PYTHONPATH": f"{PRELOAD}{os.pathsep}{self.folder / 'libraries'}"}
        return argv, {**QUIET, **path}, self._mlflow_answers

    def _mlflow_answers(self) -> bool:
        try:
            check(f"http://{LOOPBACK}:{self.mlflow_port}")
        except NotReady:
            return False
        return True

    def _libraries(self) -> None:
        """MLflow's own environment has no driver for PostgreSQL; ours has one of the same Python."""
        (self.folder / "libraries").mkdir()
        site = Path(psycopg2.__file__).parents[1]
        for path in site.glob("psycopg2*"):
            (self.folder / "libraries" / path.name).symlink_to(path)

    def _monitor(self) -> tuple[list[str], dict[str, str], Callable[[], bool]]:
        given = {
            "TRUSCORE_MONITOR_GRPC_PORT": str(self.monitor_port),
            "TRUSCORE_MONITOR_METRICS_PORT": str(self._pages[0]),
            "TRUSCORE_MONITOR_WORKDIR": str(self.folder / "monitor-work"),
            "TRUSCORE_MONITOR_SNAPSHOT_INTERVAL_S": "1",
        }
        return self._service("monitor", given, self.monitor_port)

    def _tracker(self) -> tuple[list[str], dict[str, str], Callable[[], bool]]:
        given = {
            "TRUSCORE_MLFLOW_URL": f"http://{LOOPBACK}:{self.mlflow_port}",
            "TRUSCORE_TRACKER_GRPC_PORT": str(self.tracker_port),
            "TRUSCORE_TRACKER_METRICS_PORT": str(self._pages[1]),
            "TRUSCORE_TRACKER_PLACE_EVERY_S": "1",
        }
        return self._service("experiment_tracker", given, self.tracker_port)

    def _service(
        self, module: str, given: dict[str, str], port: int
    ) -> tuple[list[str], dict[str, str], Callable[[], bool]]:
        common = {
            "TRUSCORE_AMQP_URL": self.broker.amqp_url,
            "TRUSCORE_GRPC_ANONYMOUS_ROLE": "admin",
            "PYTHONPATH": str(REPOSITORY),
        }
        return [sys.executable, "-m", f"services.{module}"], common | given, lambda: _listens(port)


def _listens(port: int) -> bool:
    channel = grpc.insecure_channel(f"{LOOPBACK}:{port}")
    try:
        grpc.channel_ready_future(channel).result(timeout=1)
    except grpc.FutureTimeoutError:
        return False
    finally:
        channel.close()
    return True


@contextmanager
def servers(broker: PrivateBroker, python: Path) -> Iterator[Servers]:
    # Not pytest's folder, which an unprivileged PostgreSQL may not enter.
    folder = Path(tempfile.mkdtemp(prefix="truscore-twin-", dir="/tmp"))
    folder.chmod(0o755)
    with ExitStack() as cleanup:
        cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        found = Servers(folder, broker, python)
        cleanup.callback(found.end)
        for name in ("postgres", "mlflow", "monitor", "tracker"):
            found.start(name)
        yield found


async def publish(amqp_url: str, run_id: str, kill_at: dict[int, Callable[[], Any]]) -> None:
    """As a trainer's relay does: each again until the broker has it. Something happens before some of them."""
    bus = connect(amqp_url, service="trainer", instance=run_id)
    await bus.start()
    try:
        outgoing = publisher(bus, service="trainer")
        for number, event in enumerate(run_of(run_id)):
            if number in kill_at:
                await asyncio.to_thread(kill_at[number])
            while True:
                try:
                    at = datetime.fromtimestamp(event.at, tz=UTC)
                    await outgoing.publish(event.message, subject=run_id, sequence=number, time=at)
                    break
                except BusUnavailable:
                    await asyncio.sleep(0.2)
    finally:
        await bus.stop()


async def test_after_all_were_killed_monitor_and_tracker_know_what_an_undisturbed_twin_knows(
    private_broker: PrivateBroker,
) -> None:
    with servers(private_broker, mlflow_python()) as disturbed:
        in_turn = Lock()

        def killed(*names: str) -> Callable[[], None]:
            def act() -> None:
                with in_turn:
                    for name in names:
                        disturbed.kill(name)
                    for name in names:
                        disturbed.start(name)

            return act

        await asyncio.gather(
            publish(
                private_broker.amqp_url, RUNS[0], {12: killed("monitor"), 30: killed("mlflow"), 60: killed("broker")}
            ),
            publish(private_broker.amqp_url, RUNS[1], {20: killed("tracker"), 45: killed("postgres")}),
            publish(private_broker.amqp_url, RUNS[2], {70: killed("monitor", "tracker")}),
        )
        ledger = MemoryLedger()
        for run_id in RUNS:
            events = run_of(run_id)
            record_all(ledger, events)
            await _same_in_monitor(disturbed.monitor_port, run_id, events)
        async with serve_grpc(LOOPBACK, 0, access=anonymous(), servicers=[Reads(ledger).add_to]) as twin:
            for run_id in RUNS:
                await _same_on_record(disturbed.tracker_port, twin, run_id)


async def _same_in_monitor(port: int, run_id: str, events: list[PublishedEvent]) -> None:
    board = board_after([BoardEvent(each.message, each.at, trace="") for each in events])
    entry = board.find(run_id)
    assert isinstance(entry, Run)
    twin = answer(entry, full=True)
    curves, hardware = monitor_pb2.GetCurvesRequest(run_id=run_id), monitor_pb2.GetHardwareRequest(run_id=run_id)
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{port}") as channel:
        stub = MonitorServiceStub(channel)
        async with asyncio.timeout(WAIT_S):
            while True:
                response = await stub.GetRun(
                    monitor_pb2.GetRunRequest(run_id=run_id), timeout=WAIT_S, wait_for_ready=True
                )
                if response.run.state == twin.state:
                    break
                await asyncio.sleep(0.2)
        assert await stub.GetCurves(curves, timeout=WAIT_S) == curves_answer(entry, curves)
        assert await stub.GetHardware(hardware, timeout=WAIT_S) == hardware_answer(entry, hardware)
    del response.run.alerts[:]
    assert response.run == twin


async def _same_on_record(port: int, twin_port: int, run_id: str) -> None:
    request = experiments_pb2.GetExperimentRequest(run_id=run_id)
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{twin_port}") as channel:
        twin = await ExperimentsServiceStub(channel).GetExperiment(request, timeout=WAIT_S)
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{port}") as channel, asyncio.timeout(WAIT_S):
        stub = ExperimentsServiceStub(channel)
        while True:
            try:
                found = await stub.GetExperiment(request, timeout=WAIT_S, wait_for_ready=True)
                if found.experiment.model_version:
                    break
            except grpc.aio.AioRpcError as error:
                if error.code() not in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAVAILABLE):
                    raise
            await asyncio.sleep(0.5)
    for each in (found, twin):
        each.experiment.mlflow_run_id = ""
        each.experiment.model_version = ""  # in which order models were registered
        each.experiment.tags.pop("truscore.model_version", None)
    assert {name: list(history.values) for name, history in found.history.items()} == {
        name: list(history.values) for name, history in twin.history.items()
    }
    assert found == twin
