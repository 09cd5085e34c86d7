"""A run as one file, from one installation into an empty other: its events, its record and its objects."""

import asyncio
import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from truscore.access import anonymous
from truscore.bus import connect, publisher
from truscore.bus.topology import LOG
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetValidated
from truscore.events.v1.order_pb2 import OrderAttached
from truscore.events.v1.training_pb2 import EpochCompleted, ObjectRef, TrainingCompleted, TrainingStarted
from truscore.storage import S3Store
from truscore.telemetry import serve_grpc
from typer.testing import CliRunner

from deploy.local.servers.objects import ObjectServer
from services.cli.app import app
from services.cli.backup.broker import MARKER_HEADER, channel_to, entries_of, size_of
from services.cli.context import CliError, Code
from services.experiment_tracker.handlers import Reads
from services.experiment_tracker.ledger import MemoryLedger
from tests.conftest import PrivateBroker
from tests.unit.experiment_tracker import run_events
from tests.unit.experiment_tracker.run_events import RUN, record_all

pytestmark = pytest.mark.connected
OTHER = "run-ffffffffffffffffffff"


async def truscore(environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    """The answer. In this process: five starts of a program would take most of the test."""
    call = partial(
        CliRunner().invoke, app, ["experiment", *arguments, "--json"], env=environment, catch_exceptions=False
    )
    answer: dict[str, Any] = json.loads((await asyncio.to_thread(call)).stdout)
    return answer


def stored(store: S3Store, uri: str, content: bytes) -> ObjectRef:
    store.put(uri, content)
    return ObjectRef(uri=uri, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


async def published(amqp_url: str, store: S3Store, bucket: str) -> None:
    """A run with its order, and events of another beside it."""
    bus = connect(amqp_url, service="upstream")
    trainer = connect(amqp_url, service="trainer")
    await bus.start()
    await trainer.start()
    checkpoint = stored(store, f"s3://{bucket}/runs/{RUN}/checkpoints/a.pt", b"weights")
    config = stored(store, f"s3://{bucket}/runs/{RUN}/config.json", b"{}")
    store.put(f"s3://{bucket}/runs/{RUN}/report/report.json", b'{"validation": {}}')
    store.put(f"s3://{bucket}/runs/{RUN}/report/worst 1.png", b"picture")
    try:
        say, told = publisher(bus, service="upstream"), publisher(trainer, service="trainer")
        order = await say.publish(
            DatasetReady(dataset_id="cards", version="1", uri=f"s3://{bucket}/datasets/cards/1/"), subject="cards/1"
        )
        await told.publish(DatasetValidated(dataset_id="cards", version="1", order_event_id=order), subject="cards/1")
        await say.publish(
            DatasetReady(dataset_id="others", version="1", uri=f"s3://{bucket}/datasets/o/1/"), subject="others/1"
        )
        attached = OrderAttached(order_event_id=order, dataset_id="cards", version="1", run_id=RUN)
        await told.publish(attached, subject=RUN, sequence="queued")
        for run_id in (RUN, OTHER):
            await told.publish(TrainingStarted(run_id=run_id, attempt=1, config=config), subject=run_id, sequence=1)
            for epoch in range(1, 4):
                await told.publish(
                    EpochCompleted(run_id=run_id, epoch=epoch, attempt=1), subject=run_id, sequence=epoch
                )
        completed = TrainingCompleted(
            run_id=RUN,
            best_checkpoint=checkpoint,
            config=config,
            report_uri=f"s3://{bucket}/runs/{RUN}/report/report.json",
        )
        await told.publish(completed, subject=RUN)
    finally:
        await trainer.stop()
        await bus.stop()


async def log_of(amqp_url: str) -> list[str]:
    async with channel_to(amqp_url) as channel:
        entries = [entry async for entry in entries_of(channel, LOG) if MARKER_HEADER not in entry.headers]
    return [f"{entry.routing_key} {entry.properties['message_id']}" for entry in entries]


async def test_a_run_goes_from_one_installation_to_an_empty_other_byte_for_byte(
    private_broker: PrivateBroker, s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    ledger = MemoryLedger()
    record_all(ledger, run_events.whole_run())
    await published(private_broker.amqp_url, store, bucket)
    async with serve_grpc("127.0.0.1", 0, access=anonymous(), servicers=[Reads(ledger).add_to]) as port:
        environment = {
            "TRUSCORE_AMQP_URL": private_broker.amqp_url, "TRUSCORE_S3_ENDPOINT": s3.endpoint,
            "TRUSCORE_S3_ACCESS_KEY": s3.access_key, "TRUSCORE_S3_SECRET_KEY": s3.secret_key, "TRUSCORE_BUCKET": bucket,
            "TRUSCORE_TRACKER_ADDRESS": f"127.0.0.1:{port}",
        }  # fmt: skip
        first, second = tmp_path / "first.tar", tmp_path / "second.tar"
        answer = await truscore(environment, "export", RUN, "--to", str(first))
        assert (answer["events"], answer["objects"], answer["left_out"]) == (8, 4, [])
        was = await log_of(private_broker.amqp_url)

        # Another installation: an empty broker and an empty bucket.
        private_broker.node.drop_vhost(private_broker.vhost)
        private_broker.node.add_vhost(private_broker.vhost)
        objects = {entry.uri: store.get(entry.uri, limit_bytes=10**6) for entry in store.list(f"s3://{bucket}/")}
        for uri in objects:
            store.delete(uri)
        bus = connect(private_broker.amqp_url, service="dataset-validator")
        await bus.start()  # declares the topology, with every inbox
        await bus.stop()
        answer = await truscore(environment, "import", str(first))
        assert (answer["objects_put"], answer["events_put"]) == (4, 8)
        assert {
            entry.uri: store.get(entry.uri, limit_bytes=10**6) for entry in store.list(f"s3://{bucket}/")
        } == objects
        there = await log_of(private_broker.amqp_url)
        assert there == [line for line in was if line in there]
        async with channel_to(private_broker.amqp_url) as channel:
            assert await size_of(channel, "dataset-validator.dataset.ready") == 0, "no service takes it for an order"

        answer = await truscore(environment, "import", str(first))
        assert (answer["objects_put"], answer["events_put"]) == (0, 0)
        await truscore(environment, "export", RUN, "--to", str(second))
        assert second.read_bytes() == first.read_bytes()

        damaged = tmp_path / "damaged.tar"
        damaged.write_bytes(first.read_bytes().replace(b"weights", b"weighty"))
        with pytest.raises(CliError, match="has another SHA-256") as refused:
            await truscore(environment, "import", str(damaged))
        assert refused.value.code is Code.NOT_VERIFIED
