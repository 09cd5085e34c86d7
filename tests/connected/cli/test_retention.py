"""`truscore retention` on a real store and a real broker: the champion's lineage stays, the rest goes and is told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from truscore.access import anonymous
from truscore.bus import Envelope, connect, replay_log
from truscore.events.v1.control_pb2 import ObjectsDeleted, RetentionOrdered
from truscore.storage import S3Store
from truscore.telemetry import serve_grpc
from typer.testing import CliRunner

from deploy.local.servers.objects import ObjectServer
from services.cli.app import app
from services.experiment_tracker.handlers import Reads
from services.experiment_tracker.ledger import MemoryLedger
from services.experiment_tracker.record import Promotion
from services.monitor.board import Board
from services.monitor.handlers import Reads as MonitorReads
from services.monitor.subscriptions import BoardChanges
from tests.unit.experiment_tracker import run_events
from tests.unit.experiment_tracker.run_events import MODEL, record_all

pytestmark = pytest.mark.connected

OLD, CHAMPION, NEW = (f"run-{digit * 20}" for digit in "123")
OBJECTS = ("runs/{run}/config.json", "runs/{run}/checkpoints/best.pt", f"models/{MODEL}/{{run}}/model.onnx")


def recorded(ledger: MemoryLedger, store: S3Store, bucket: str, run_id: str, *, age_days: float, dataset: str) -> None:
    """A run of some age on record, and its objects in the store."""
    events = run_events.whole_run(run_id)
    moved = []
    for event in events:
        message: Any = event.message
        if hasattr(message, "dataset_version"):
            message.dataset_version = dataset
        if hasattr(message, "package_uri"):
            message.package_uri = f"s3://{bucket}/models/{MODEL}/{run_id}/package.tar"
            del message.artifacts[:]
        moved.append(event._replace(at=event.at - run_events.BEGIN_S + BEGIN - age_days * 86_400))
    record_all(ledger, moved)
    for name in (*OBJECTS, f"datasets/cards/{dataset}/one.png"):
        store.put(f"s3://{bucket}/{name.format(run=run_id)}", run_id.encode())


BEGIN = 1_900_000_000.0  # beyond any clock that this test runs under, less the ages that it gives


async def test_a_dry_run_comes_first_and_the_champion_keeps_all_it_descends_from(
    amqp_url: str, s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.cli.commands.operations.retention.time.time", lambda: BEGIN)
    ledger, caught_up = MemoryLedger(), asyncio.Event()
    caught_up.set()
    for run_id, age_days, dataset in ((OLD, 400, "1"), (CHAMPION, 400, "2"), (NEW, 5, "3")):
        recorded(ledger, store, bucket, run_id, age_days=age_days, dataset=dataset)
    ledger.promote(Promotion(model=MODEL, version=CHAMPION, run_id=CHAMPION, alias="champion", at=1))
    store.put(f"s3://{bucket}/models/{MODEL}/run-of-somebody-else/model.onnx", b"not on record")
    policy = tmp_path / "policy.toml"
    policy.write_text("keep_newest_models = 0\n[keep_days]\nmodels = 90\nruns = 90\ncheckpoints = 30\ndatasets = 90\n")

    def there() -> set[str]:
        return {entry.uri.removeprefix(f"s3://{bucket}/") for entry in store.list(f"s3://{bucket}/")}

    board = MonitorReads(Board(), BoardChanges(8), caught_up)
    async with serve_grpc("127.0.0.1", 0, access=anonymous(), servicers=[Reads(ledger).add_to, board.add_to]) as port:
        where = {
            "TRUSCORE_AMQP_URL": amqp_url,
            "TRUSCORE_TRACKER_ADDRESS": f"127.0.0.1:{port}",
            "TRUSCORE_MONITOR_ADDRESS": f"127.0.0.1:{port}",
            "TRUSCORE_S3_ENDPOINT": s3.endpoint,
            "TRUSCORE_S3_ACCESS_KEY": s3.access_key,
            "TRUSCORE_S3_SECRET_KEY": s3.secret_key,
            "TRUSCORE_BUCKET": bucket,
        }

        async def retention(*arguments: str) -> Any:
            command = ["retention", "--policy", str(policy), *arguments]
            return await asyncio.to_thread(CliRunner().invoke, app, command, env=where)

        before = there()
        dry = await retention("--json")
        planned = json.loads(dry.output)
        assert there() == before
        assert planned["kept"][f"s3://{bucket}/models/{MODEL}/{CHAMPION}/"] == "it is the champion"
        wrong = await retention("--apply", "0" * 12)
        assert planned["plan"] in str(wrong.exception)
        assert there() == before
        done = await retention("--apply", planned["plan"])
    assert done.exit_code == 0, (done.output, done.exception)
    of_old = {name.format(run=OLD) for name in OBJECTS} | {"datasets/cards/1/one.png"}
    assert before - there() == of_old
    events = await asyncio.wait_for(log_of(amqp_url), 60)
    (order,) = [event for event in events if isinstance(event, RetentionOrdered)]
    gone = [event for event in events if isinstance(event, ObjectsDeleted)]
    assert events.index(order) == 0
    assert (order.plan, order.item_count, list(order.uris)) == (planned["plan"], 4, planned["deleted"])
    assert {event.uri for event in gone} == set(planned["deleted"])
    assert sum(event.object_count for event in gone) == len(of_old)


async def log_of(amqp_url: str) -> list[Any]:
    """All that was published up to now."""
    events: list[Any] = []

    async def note(event: Any, _envelope: Envelope, _offset: int) -> None:
        events.append(event)

    bus = connect(amqp_url, service="monitor", instance="reader")
    reader = replay_log(bus, note, service="monitor")
    await bus.start()
    try:
        await reader.caught_up.wait()
    finally:
        await bus.stop()
    return events
