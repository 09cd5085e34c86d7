"""The drill: a system is backed up while it runs, destroyed, and put back into empty servers."""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from truscore.bus import Envelope, Poison, connect, consume, publisher
from truscore.bus.consuming.dead_letters import list_dead
from truscore.bus.topology import LOG
from truscore.events.v1.dataset_pb2 import DatasetReady, DatasetRejected
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from services.cli.backup.broker import MARKER_HEADER, channel_to, definitions, entries_of
from services.cli.backup.messages import Entry
from tests.conftest import PrivateBroker
from tests.connected.bus.event_recorder import EventRecorder, until

pytestmark = pytest.mark.connected
OBJECTS = {
    "datasets/a/1/one.png": b"one",
    "datasets/a/1/an odd key (é)": b"one",
    "models/m/1/model.onnx": os.urandom(9999),
}


def truscore(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "services.cli", "backup", *arguments], env={**os.environ, **environment},
        cwd=tempfile.gettempdir(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


async def log_of(amqp_url: str) -> list[Entry]:
    """Without the markers of readers."""
    async with channel_to(amqp_url) as channel:
        return [entry async for entry in entries_of(channel, LOG) if MARKER_HEADER not in entry.headers]


async def ordered(amqp_url: str) -> list[str]:
    """Three orders: one that is given up on, one that is answered, one that waits. Their event ids."""

    async def refuse(event: DatasetReady, _: Envelope) -> None:
        if event.dataset_id == "poison":
            raise Poison("nobody can read it")

    bus = connect(amqp_url, service="dataset-validator")
    received = EventRecorder(refuse)
    consume(bus, DatasetReady, received, service="dataset-validator")
    await bus.start()
    try:
        said = publisher(bus, service="upstream")
        orders = [
            await said.publish(DatasetReady(dataset_id=name, version="1", uri="s3://b/a/"), subject=f"{name}/1")
            for name in ("poison", "answered", "waiting")
        ]
        rejected = DatasetRejected(dataset_id="answered", version="1", order_event_id=orders[1])
        await publisher(bus, service="dataset-validator").publish(rejected, subject="answered/1")
        await received.first(3)

        async def given_up() -> bool:
            return bool(await list_dead(amqp_url, "dataset-validator"))

        await until(given_up)
    finally:
        await bus.stop()
    return orders


def declared(found: dict[str, Any]) -> dict[str, Any]:
    """In an order of its own: RabbitMQ's is none."""
    return {name: sorted(map(json.dumps, found[name])) for name in found}


async def test_what_was_backed_up_and_destroyed_is_there_again_and_goes_on(
    private_broker: PrivateBroker, s3: ObjectServer, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    amqp_url, management_url = private_broker.amqp_url, private_broker.node.management_url
    environment = {
        "TRUSCORE_AMQP_URL": amqp_url, "TRUSCORE_S3_ENDPOINT": s3.endpoint, "TRUSCORE_S3_ACCESS_KEY": s3.access_key,
        "TRUSCORE_S3_SECRET_KEY": s3.secret_key, "TRUSCORE_BUCKET": bucket,
    }  # fmt: skip
    for key, content in OBJECTS.items():
        store.put(f"s3://{bucket}/{key}", content)
    database, artefacts, backup = tmp_path / "studio.sqlite", tmp_path / "mlartifacts", tmp_path / "backup"
    with closing(sqlite3.connect(database)) as studio:
        studio.execute("PRAGMA journal_mode=WAL")
        studio.execute("CREATE TABLE drafts (name TEXT)")
        studio.execute("INSERT INTO drafts VALUES ('cards')")
        studio.commit()
        orders = await ordered(amqp_url)
        (artefacts / "run").mkdir(parents=True)
        (artefacts / "run" / "model.txt").write_text("artefact")
        places = (
            "--management-url",
            management_url,
            "--sqlite",
            f"studio={database}",
            "--folder",
            f"mlflow={artefacts}",
        )
        log, letters, was = await log_of(amqp_url), await list_dead(amqp_url, "dataset-validator"), None
        was = declared(definitions(management_url, amqp_url))
        created = truscore(environment, "create", str(backup), *places, "--json")
        assert created.returncode == 0, created.stderr
        assert await list_dead(amqp_url, "dataset-validator") == letters, "looking takes nothing away"

    private_broker.node.drop_vhost(private_broker.vhost)
    for entry in list(store.list(f"s3://{bucket}/")):
        store.delete(entry.uri)
    for path in (database, artefacts / "run" / "model.txt"):
        path.unlink()
    (artefacts / "run").rmdir()

    restored = truscore(environment, "restore", str(backup), *places, "--json")
    assert restored.returncode == 0, restored.stderr
    assert declared(definitions(management_url, amqp_url)) == was
    assert await list_dead(amqp_url, "dataset-validator") == letters
    *before, again = await log_of(amqp_url)
    assert before == log
    assert again == log[[entry.properties["message_id"] for entry in log].index(orders[2])]
    assert {key: store.get(f"s3://{bucket}/{key}", limit_bytes=10**6) for key in OBJECTS} == OBJECTS
    with closing(sqlite3.connect(database)) as studio:
        assert studio.execute("SELECT name FROM drafts").fetchall() == [("cards",)]
    assert (artefacts / "run" / "model.txt").read_text() == "artefact"

    # The order that waited is taken by the service that starts now; a second restore refuses.
    bus, received = connect(amqp_url, service="dataset-validator"), EventRecorder()
    consume(bus, DatasetReady, received, service="dataset-validator")
    await bus.start()
    try:
        ((order, envelope),) = await received.first(1)
    finally:
        await bus.stop()
    assert (order.dataset_id, envelope.event_id) == ("waiting", orders[2])
    twice = truscore(environment, "restore", str(backup), *places)
    assert twice.returncode != 0
    assert "already" in twice.stderr
