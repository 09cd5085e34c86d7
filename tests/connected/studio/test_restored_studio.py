"""A studio whose disk is lost: what was uploaded comes back on another, from a real store."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed
from truscore.storage import S3Store

from deploy.local.servers.objects import ObjectServer
from services.studio.access import Role
from services.studio.app import create_sessions
from services.studio.backup.segments import prefix
from services.studio.database.opening import FILE
from services.studio.database.sqlite import SqliteDatabase
from tests.connected.answers import REPOSITORY, service_process
from tests.connected.studio.test_studio_process import serving, studio_environment
from tests.unit.studio.studio_harness import BORDERS, png, settings_in

pytestmark = pytest.mark.connected
SHAPE = {"id": "outer", "kind": "box", "label": 1, "points": [5, 5, 50, 70]}


class Broker(Protocol):
    @property
    def amqp_url(self) -> str: ...


@contextmanager
def logged_in(address: str, folder: Path) -> Iterator[httpx.Client]:
    database = SqliteDatabase(folder / FILE)
    token = create_sessions(settings_in(folder), database).make_login_token(name="ada", role=Role.ADMIN)
    database.close()
    with httpx.Client(base_url=address, headers={"Origin": address}, timeout=60) as http:
        assert http.post("/api/login", json={"token": token}).status_code == 200
        yield http


def restore(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.studio", "restore", *arguments],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@retry(stop=stop_after_delay(60), wait=wait_fixed(0.2), retry=retry_if_result(lambda count: count < 2))
def segments_in(store: S3Store, bucket: str) -> int:
    return len(list(store.list(prefix(bucket))))


def document(http: httpx.Client, image_id: int) -> Any:
    return http.get(f"/api/datasets/cards/images/{image_id}/document").json()


def test_what_was_uploaded_comes_back_on_another_disk(
    private_broker: Broker, s3: ObjectServer, bucket: str, store: S3Store, tmp_path: Path
) -> None:
    folder = tmp_path / "studio"
    address, grpc_port, environment = studio_environment(private_broker.amqp_url, s3, bucket, folder)
    environment["TRUSCORE_STUDIO_UPLOAD_S"] = "0.2"
    nothing = restore(environment)
    assert (nothing.returncode, "is complete" in nothing.stderr) == (1, True), nothing.stderr
    with service_process("services.studio", environment) as process:
        serving(f"127.0.0.1:{grpc_port}")
        with logged_in(address, folder) as http:
            assert http.post("/api/datasets", json={"dataset_id": "cards", **BORDERS}).status_code == 201
            sent = http.put("/api/datasets/cards/images", params={"name": "a.png"}, content=png())
            image_id = sent.json()["image_id"]
            segments_in(store, bucket)
            batch = {"base": 0, "batch_id": "one", "ops": [{"op": "put", "shape": SHAPE}]}
            saved = http.post(f"/api/datasets/cards/images/{image_id}/operations", json=batch)
            assert saved.status_code == 200, saved.text
            before = document(http, image_id)
        process.send_signal(signal.SIGTERM)  # the last edit is uploaded on the way out
        process.wait(timeout=60)
    shutil.rmtree(folder)
    listed = restore(environment, "--list").stdout.split()
    assert len(listed) == 1
    assert restore(environment, "--generation", "another").returncode == 1
    done = restore(environment)
    assert (done.returncode, f"generation {listed[0]}" in done.stdout, "1 images" in done.stdout) == (0, True, True)
    with service_process("services.studio", environment):
        serving(f"127.0.0.1:{grpc_port}")
        with logged_in(address, folder) as http:
            assert document(http, image_id) == before
            picture = http.get(f"/api/datasets/cards/images/{image_id}/preview.jpg")
            assert picture.status_code == 200
            tile = http.get(f"/api/datasets/cards/images/{image_id}/tiles/0/0/0.jpg")
            assert tile.status_code == 200
    assert "this studio has drafts" in restore(environment).stderr
