"""Ten runs at once on record at MLflow: how many reports a second the tracker takes, each a new point of every curve.

`python -m tests.bench.tracker_runs [--runs N] [--reports N]`. The tracker is a process on a private broker and an
MLflow server of our own, on SQLite; the runs' reports are published as fast as the broker confirms them, and the time
goes to the answer in which the last of the runs has ended. Ten runs that report once a second ask for ten a second; a
run has at most 250 reports that make points, whatever its length, so that this is the worst of it.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from truscore.bus import OutgoingEvent, connect, publisher
from truscore.events.v1.training_pb2 import TrainingProgressed

from deploy.local.servers.mlflow_server import MlflowServer, ready_mlflow
from deploy.local.servers.ports import free_ports
from deploy.local.settings import LocalSettings
from services.experiment_tracker.settings import Settings
from tests.bench.relay import private_broker
from tests.connected.tracker.test_tracker_process import client, finished, tracker_process
from tests.unit.experiment_tracker import run_events

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = ("box", "class", "mask", "objectness", "rpn_box")
POINTS_A_REPORT = 3 + len(PARTS)
REPORTS_A_RUN_S = 1.0
PLACE_EVERY_S = Settings.model_fields["tracker_place_every_s"].default


def events(names: list[str], reports: int) -> Iterator[OutgoingEvent]:
    """The runs side by side, from their starts to their ends."""
    for name in names:
        yield OutgoingEvent(event=run_events.started(run_id=name).message, subject=name)
    for step in range(1, reports + 1):
        for name in names:
            report = TrainingProgressed(
                run_id=name, attempt=1, step=step, total_steps=reports, epoch=1, loss=1 / step, learning_rate=1e-3,
                gradient_norm=1.5, images_per_second=9,
            )  # fmt: skip
            report.loss_parts.update(dict.fromkeys(PARTS, 0.1 / step))
            yield OutgoingEvent(event=report, subject=name, sequence=step)
    for name in names:
        yield OutgoingEvent(event=run_events.completed(run_id=name).message, subject=name)


async def recorded_s(amqp_url: str, mlflow_url: str, names: list[str], reports: int) -> float:
    (port,) = free_ports(1)
    with tracker_process(amqp_url, mlflow_url, port, place_every_s=PLACE_EVERY_S):
        async with client(port) as stub:
            bus = connect(amqp_url, service="trainer", instance="bench")
            await bus.start()
            began = time.perf_counter()
            await publisher(bus, service="trainer", deadline_s=600).publish_many(events(names, reports))
            for name in names:
                await finished(stub, name, model=False)
            taken_s = time.perf_counter() - began
            await bus.stop()
    return taken_s


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tracker_runs", description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--reports", type=int, default=250)
    asked = parser.parse_args()
    python = ready_mlflow(REPOSITORY / LocalSettings().local_dir / "mlflow-venv", lock=REPOSITORY / "requirements.lock")
    names = [f"run-{number:020x}" for number in range(asked.runs)]
    with tempfile.TemporaryDirectory(prefix="truscore-bench-") as folder, private_broker() as amqp_url:
        server = MlflowServer(Path(folder), python)
        server.begin()
        server.wait()
        try:
            load_average = os.getloadavg()[0]
            taken_s = asyncio.run(recorded_s(amqp_url, server.url, names, asked.reports))
        finally:
            server.stop()
    per_s, asked_per_s = asked.runs * asked.reports / taken_s, asked.runs * REPORTS_A_RUN_S
    found = {
        "runs": asked.runs,
        "reports": asked.reports,
        "load_average": round(load_average, 1),
        "recorded_s": round(taken_s, 1),
        "reports_per_s": round(per_s, 1),
        "points_per_s": round(per_s * POINTS_A_REPORT),
        "asked_reports_per_s": asked_per_s,
    }
    sys.stdout.write(json.dumps(found) + "\n")
    return 0 if per_s >= asked_per_s else 1


if __name__ == "__main__":
    sys.exit(main())
