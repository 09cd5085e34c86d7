"""`truscore` on a real broker and store: what it uploads, says and brings back."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from truscore.bus import Envelope, Poison, connect, consume, consume_broadcast
from truscore.bus.consuming.dead_letters import list_dead
from truscore.events.v1.control_pb2 import DeadLettersDiscard, RunCancel
from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.storage import S3Store
from truscore.synthesis import render_dataset

from deploy.local.servers.objects import ObjectServer
from tests.connected.bus.event_recorder import EventRecorder, until

pytestmark = pytest.mark.connected

WAIT_S = 60
Environment = dict[str, str]


@pytest.fixture
def environment(amqp_url: str, s3: ObjectServer, bucket: str) -> Environment:
    return {
        "TRUSCORE_AMQP_URL": amqp_url,
        "TRUSCORE_S3_ENDPOINT": s3.endpoint,
        "TRUSCORE_S3_ACCESS_KEY": s3.access_key,
        "TRUSCORE_S3_SECRET_KEY": s3.secret_key,
        "TRUSCORE_BUCKET": bucket,
    }


def truscore(environment: Environment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        env={**os.environ, **environment},
        # Away from the repository, where a local stack's addresses may lie.
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def output(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_submit_uploads_the_folder_and_says_one_order_however_often(
    environment: Environment, amqp_url: str, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    folder = render_dataset(tmp_path / "cards", count=5, seed=2, image_size=(64, 64))
    listener, bus = EventRecorder(), connect(amqp_url, service="upstream", instance="ear")
    consume_broadcast(bus, (DatasetReady,), listener, service="upstream", instance="ear")
    await bus.start()
    order = ("submit", str(folder), "-c", "border_detection", "-o", "dual_class", "--version", "7", "--json")
    config = ("--config", '{"hyperparameters": {"training_process": {"epochs": 3}}}')
    try:
        first, again = output(truscore(environment, *order)), output(truscore(environment, *order))
        other = output(truscore(environment, *order, *config))
        received = await listener.first(3)
    finally:
        await bus.stop()
    assert first["event_id"] == again["event_id"] != other["event_id"]
    assert first["reference"] == "cards/7"
    ready, envelope = received[2]
    assert (ready.dataset_id, ready.version, envelope.source) == ("cards", "7", "truscore/cli")
    assert ready.uri == f"s3://{bucket}/datasets/cards/7/"
    assert ready.training.config.hyperparameters.training_process.epochs == 3
    assert {entry.uri.removeprefix(ready.uri) for entry in store.list(ready.uri)} == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    }


async def test_a_run_is_cancelled_with_reason_and_name(environment: Environment, amqp_url: str) -> None:
    listener, bus = EventRecorder(), connect(amqp_url, service="upstream", instance="ear")
    consume_broadcast(bus, (RunCancel,), listener, service="upstream", instance="ear")
    await bus.start()
    try:
        requested = ("cancel", "run-1", "--reason", "enough", "--request-id", "r1")
        output(truscore(environment, *requested, "--unchecked", "--json"))
        ((cancel, _),) = await listener.first(1)
    finally:
        await bus.stop()
    assert (cancel.run_id, cancel.reason, cancel.request_id) == ("run-1", "enough", "r1")
    assert cancel.requested_by


async def test_dead_letters_are_listed_shown_sent_home_and_deleted(environment: Environment, amqp_url: str) -> None:
    async def refuse(event: DatasetReady, _envelope: Envelope) -> None:
        raise Poison(f"{event.dataset_id} is unheard of")

    bus, listener = connect(amqp_url, service="dataset-validator"), EventRecorder(refuse)
    consume(bus, DatasetReady, listener, service="dataset-validator")
    await bus.start()
    try:
        output(
            truscore(environment, "submit", "s3://bucket/x/", "-c", "border_detection", "-o", "dual_class", "--json")
        )
        await listener.first(1)
    finally:
        await bus.stop()
    (letter,) = output(truscore(environment, "dead", "list", "--json"))
    assert (letter["service"], letter["reason"]) == ("dataset-validator", "x is unheard of")
    shown = truscore(environment, "dead", "show", "dataset-validator", letter["letter_id"])
    assert "x is unheard of" in shown.stdout
    assert truscore(environment, "dead", "show", "dataset-validator", "nothing").returncode == 4
    assert truscore(environment, "dead", "list", "nobody").returncode == 4
    (replayed,) = output(truscore(environment, "dead", "replay", "dataset-validator", letter["letter_id"], "--json"))
    assert replayed["letter_id"] == letter["letter_id"]
    assert output(truscore(environment, "dead", "list", "--json")) == []

    async def given_up() -> bool:
        return bool(await list_dead(amqp_url, "dataset-validator"))

    # It is given up on again, and then deleted: on record before it is gone.
    again, records = connect(amqp_url, service="dataset-validator"), EventRecorder()
    consume(again, DatasetReady, EventRecorder(refuse), service="dataset-validator")
    consume_broadcast(again, (DeadLettersDiscard,), records, service="dataset-validator", instance="ear")
    await again.start()
    try:
        await until(given_up)
        discard = ("dead", "discard", "dataset-validator", letter["letter_id"], "--yes", "--json")
        assert truscore(environment, *discard).returncode == 2, "it takes a reason"
        (gone,) = output(truscore(environment, *discard, "--reason", "a typing error"))
        ((said, _),) = await records.first(1)
    finally:
        await again.stop()
    assert (gone["letter_id"], list(said.event_ids)) == (letter["letter_id"], [letter["event_id"]])
    assert (said.service, said.reason, said.letter_count) == ("dataset-validator", "a typing error", 1)
    assert said.requested_by
    assert output(truscore(environment, "dead", "list", "--json")) == []


def test_a_wrong_key_of_the_store_ends_with_three_and_says_nothing_on_the_bus(
    environment: Environment, tmp_path: Path
) -> None:
    folder = render_dataset(tmp_path / "cards", count=1, seed=2, image_size=(64, 64))
    wrong = {**environment, "TRUSCORE_S3_SECRET_KEY": "wrong"}
    done = truscore(wrong, "submit", str(folder), "-c", "border_detection", "-o", "dual_class")
    assert done.returncode == 3
    assert "s3://" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_doctor_names_each_thing_that_is_there_and_what_to_do_about_what_is_not(environment: Environment) -> None:
    done = truscore(environment, "doctor", "--json")
    checks = {check["name"]: check for check in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    assert checks["broker"]["ok"]
    assert checks["store"]["ok"]
    assert not checks["monitor"]["ok"]
    assert "TRUSCORE_MONITOR_ADDRESS" in checks["monitor"]["todo"]
    password = environment["TRUSCORE_AMQP_URL"].rpartition("@")[0].rpartition(":")[2]
    assert password not in done.stdout
