"""`truscore fetch` on a real store, by what a real monitor received and by what the store alone holds."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from truscore.api.v1 import monitor_pb2
from truscore.bus import connect, publisher
from truscore.storage import S3Store
from truscore.storage.signing import key_id_of

from deploy.local.servers.objects import ObjectServer
from services.exporter.handlers.publish import exported as announcement
from services.exporter.release_store import ReleaseStore
from tests.connected.monitor.monitor_harness import monitor_process
from tests.unit.inference.exports import Export
from tests.unit.releases.kept import MODEL, MODEL_ID, OTHER_PUBLIC, PRIVATE, PUBLIC, RUN, keep

pytestmark = pytest.mark.connected

WAIT_S = 60
NOT_VERIFIED = 8
Environment = dict[str, str]


@pytest.fixture
def environment(s3: ObjectServer, bucket: str) -> Environment:
    return {
        "TRUSCORE_S3_ENDPOINT": s3.endpoint,
        "TRUSCORE_S3_ACCESS_KEY": s3.access_key,
        "TRUSCORE_S3_SECRET_KEY": s3.secret_key,
        "TRUSCORE_BUCKET": bucket,
    }


def fetch(environment: Environment, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return truscore(environment, folder, "fetch", *arguments)


def truscore(environment: Environment, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRUSCORE_")}
    return subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        env=inherited | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def output(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_a_run_that_the_monitor_knows_is_fetched_by_its_announced_digests(
    environment: Environment, store: S3Store, bucket: str, amqp_url: str, tmp_path: Path
) -> None:
    release = await asyncio.to_thread(keep, store, bucket, tmp_path / "made")
    bus = connect(amqp_url, service="exporter", instance="here")
    await bus.start()
    with monitor_process(amqp_url) as monitor:
        async with monitor.client() as api:
            say = publisher(bus, service="exporter")
            await say.publish(announcement(release, ReleaseStore(store, bucket=bucket).address), subject=RUN)
            async for answer in api.WatchRun(monitor_pb2.WatchRunRequest(run_id=RUN), timeout=WAIT_S):
                if answer.run.model.model_id:
                    break
        environment |= {"TRUSCORE_MONITOR_ADDRESS": f"127.0.0.1:{monitor.grpc_port}"}
        of_run, of_model, unknown = [
            await asyncio.to_thread(fetch, environment, tmp_path, *arguments, "--json")
            for arguments in ((RUN,), (MODEL_ID, "--to", "newest"), ("run-unheard",))
        ]
        # Manifest and file agree, and are not what was announced.
        await asyncio.to_thread(keep, store, bucket, tmp_path / "other", model=b"another", checkpoint_sha256="d" * 64)
        changed = await asyncio.to_thread(fetch, environment, tmp_path, RUN, "--to", "changed")
    await bus.stop()
    answer = output(of_run)
    assert (answer["model_id"], answer["version"], answer["signed_by"]) == (MODEL_ID, RUN, "")
    assert {file["path"] for file in answer["files"]} == {
        f"{MODEL_ID}/{RUN}/model.onnx", f"{MODEL_ID}/{RUN}/model-card.md"
    }  # fmt: skip
    assert (tmp_path / MODEL_ID / RUN / "model.onnx").read_bytes() == MODEL
    assert output(of_model)["folder"] == "newest"
    assert (unknown.returncode, "'run-unheard'" in unknown.stderr) == (4, True)
    assert changed.returncode == NOT_VERIFIED
    assert "model.onnx: announced with SHA-256" in changed.stderr
    assert not (tmp_path / "changed").exists()


def test_the_store_alone_is_enough_and_a_signature_is_demanded_where_a_key_is_trusted(
    environment: Environment, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    keep(store, bucket, tmp_path / "made", key=PRIVATE)
    trusting = environment | {"TRUSCORE_MODEL_TRUSTED_KEYS": json.dumps([PUBLIC])}
    for reference in (RUN, MODEL_ID, f"{MODEL_ID}@{RUN}"):
        answer = output(fetch(trusting, tmp_path, reference, "--to", f"to-{len(reference)}", "--json"))
        assert answer["signed_by"] == key_id_of(PUBLIC)
    package = fetch(trusting, tmp_path, RUN, "--format", "package", "--to", "packed")
    assert "packed/package.tar" in package.stdout
    doubting = environment | {"TRUSCORE_MODEL_TRUSTED_KEYS": json.dumps([OTHER_PUBLIC])}
    refused = fetch(doubting, tmp_path, RUN, "--to", "refused")
    assert refused.returncode == NOT_VERIFIED
    assert f"signed by {key_id_of(PUBLIC)}; trusted keys: {key_id_of(OTHER_PUBLIC)}" in refused.stderr
    assert not (tmp_path / "refused").exists()


def test_a_file_that_was_tampered_with_is_refused_by_name_and_leaves_nothing_behind(
    environment: Environment, store: S3Store, bucket: str, tmp_path: Path
) -> None:
    keep(store, bucket, tmp_path / "made")
    store.put(f"s3://{bucket}/models/{MODEL_ID}/{RUN}/model.onnx", MODEL[:-1] + b"!")
    (tmp_path / "here").mkdir()
    refused = fetch(environment, tmp_path / "here", RUN)
    assert refused.returncode == NOT_VERIFIED
    assert f"refused: s3://{bucket}/models/{MODEL_ID}/{RUN}/model.onnx: has SHA-256" in refused.stderr
    assert [path for path in (tmp_path / "here").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("run-x",), 4, "no exported model of 'run-x' is known"),
        (("a.b.c@../../up",), 2, "'..'"),
        ((MODEL_ID,), 2, f"{MODEL_ID}@run-2"),
        ((f"{MODEL_ID}@run-3",), 4, "run-3/manifest.json"),
        ((RUN, "--format", "tensorrt"), 2, "'tensorrt'; accepted: card, onnx, package"),
    ],
)
def test_what_cannot_be_fetched_is_refused_by_name(
    arguments: tuple[str, ...], code: int, named: str, environment: Environment, store: S3Store, bucket: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    keep(store, bucket, tmp_path / "made")
    keep(store, bucket, tmp_path / "more", version="run-2")
    refused = fetch(environment, tmp_path, *arguments)
    assert (refused.returncode, named in refused.stderr) == (code, True), refused.stderr


def test_a_run_is_fetched_verified_and_run_on_pictures(
    environment: Environment, store: S3Store, bucket: str, exported: Export, tmp_path: Path
) -> None:
    model = exported("scores")
    keep(store, bucket, tmp_path / "made", model=model.path.read_bytes(), key=PRIVATE)
    trusting = environment | {"TRUSCORE_MODEL_TRUSTED_KEYS": json.dumps([PUBLIC])}
    arguments = (RUN, str(model.pictures[0]), "--to", "drawn", "--json")
    done = truscore(trusting, tmp_path, "predict", *arguments)
    assert output(done)["scores"] == pytest.approx(model.eager(model.pictures[0]).scores, abs=0.001)
    assert f"size and digest verified, signed by {key_id_of(PUBLIC)}" in done.stderr
    assert [path.suffix for path in (tmp_path / "drawn").iterdir()] == [".png"]
    store.put(f"s3://{bucket}/models/{MODEL_ID}/{RUN}/model.onnx", b"something else")
    refused = truscore(trusting, tmp_path, "predict", *arguments)
    assert (refused.returncode, refused.stdout) == (NOT_VERIFIED, "")
