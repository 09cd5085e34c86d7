"""What a retried batch of metric points costs the tracker, by how much its run has on record.

`python -m tests.bench.tracker_batches [--small N] [--large N]`. A run is put on record at an MLflow server of our own,
on SQLite; at 10,000 and again at 200,000 points the batch that was written last is written again, as it is after a lost
answer, and each time is taken. The larger may cost at most a fifth more, or less, than the smaller.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.local.servers.mlflow_server import MlflowServer, ready_mlflow
from deploy.local.settings import LocalSettings
from services.experiment_tracker.ledger import MlflowLedger
from services.experiment_tracker.record import Known, Opening, Value, Writes
from services.experiment_tracker.settings import configure_mlflow

NAMES = tuple(f"metric_{number}" for number in range(10))
BATCH_STEPS, RETRIES, TOLERANCE = 10, 40, 0.2
REPOSITORY = Path(__file__).resolve().parents[2]


def batch(first: int) -> Writes:
    """A hundred points: ten metrics over ten steps."""
    values = tuple(
        Value(name=name, value=1 / step, at=float(step), step=step)
        for step in range(first, first + BATCH_STEPS)
        for name in NAMES
    )
    return Writes(values=values)


def filled(ledger: MlflowLedger, known: Known, first: int, points: int) -> tuple[Known, int]:
    """The run with so many points on record, in requests as large as MLflow takes, and its next step."""
    steps = 1000 // len(NAMES)
    while (first - 1) * len(NAMES) < points:
        values: list[Value] = []
        for step in range(first, first + steps, BATCH_STEPS):
            values += batch(step).values
        known, first = ledger.write(known, Writes(values=tuple(values))), first + steps
    return known, first


def retried_s(ledger: MlflowLedger, known: Known, last: int) -> Sequence[float]:
    taken = []
    for _ in range(RETRIES):
        began = time.perf_counter()
        ledger.write(known, batch(last))
        taken.append(time.perf_counter() - began)
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tracker_batches", description=__doc__.split("\n")[0])
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=200_000)
    asked = parser.parse_args()
    configure_mlflow(timeout_s=60)
    folder = REPOSITORY / LocalSettings().local_dir / "mlflow-venv"
    with tempfile.TemporaryDirectory(prefix="truscore-bench-") as data:
        server = MlflowServer(Path(data), ready_mlflow(folder, lock=REPOSITORY / "requirements.lock"))
        server.begin()
        try:
            server.wait()
            ledger = MlflowLedger(server.url)
            opening = Opening(run_id="run-bench", experiment_name="bench", started_at=1, tags={"truscore.run_id": "b"})
            known, first, medians = ledger.open(opening), 1, []
            for points in (asked.small, asked.large):
                began = time.perf_counter()
                known, first = filled(ledger, known, first, points)
                filled_s = time.perf_counter() - began
                medians.append(statistics.median(retried_s(ledger, known, first - BATCH_STEPS)))
                sys.stdout.write(
                    f"{points} points on record (+ {filled_s:.0f} s): {medians[-1] * 1000:.1f} ms a batch\n"
                )
        finally:
            server.stop()
    ratio = medians[1] / medians[0]
    met = abs(ratio - 1) <= TOLERANCE
    found = {"points": [asked.small, asked.large], "median_ms": [round(each * 1000, 1) for each in medians]}
    sys.stdout.write(json.dumps({**found, "ratio": round(ratio, 2), "asked": "1 ± 0.2", "met": met}) + "\n")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
