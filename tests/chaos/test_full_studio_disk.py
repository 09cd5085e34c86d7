"""The studio on a disk that fills up: what is refused says so, nothing is half-kept, and the same edit works later."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.ports import free_ports
from services.studio.access import Role
from services.studio.app import create_sessions
from services.studio.database.opening import FILE
from services.studio.database.sqlite import SqliteDatabase
from tests.conftest import PrivateBroker
from tests.connected.answers import broker_and_store, service_process
from tests.connected.studio.test_studio_process import serving
from tests.small_disk import SmallDisk
from tests.unit.studio.studio_harness import BORDERS, png, settings_in

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]
IMAGES = "/api/datasets/cards/images"


@pytest.fixture
def client(disk: SmallDisk, private_broker: PrivateBroker, s3: ObjectServer, bucket: str) -> Iterator[httpx.Client]:
    """Somebody who is logged in to the studio's process."""
    pages, grpc_port, metrics = free_ports(3)
    environment = broker_and_store(private_broker.amqp_url, s3, bucket) | {
        "TRUSCORE_STUDIO_PORT": str(pages),
        "TRUSCORE_STUDIO_GRPC_PORT": str(grpc_port),
        "TRUSCORE_STUDIO_METRICS_PORT": str(metrics),
        "TRUSCORE_STUDIO_WORKDIR": str(disk.folder),
    }
    address = f"http://127.0.0.1:{pages}"
    with service_process("services.studio", environment):
        serving(f"127.0.0.1:{grpc_port}")
        database = SqliteDatabase(disk.folder / FILE)
        token = create_sessions(settings_in(disk.folder), database).make_login_token(name="ada", role=Role.ADMIN)
        database.close()
        with httpx.Client(base_url=address, headers={"Origin": address}, timeout=60) as http:
            assert http.post("/api/login", json={"token": token}).status_code == 200
            yield http


def box(number: int) -> dict[str, Any]:
    shape = {"id": f"box-{number}", "kind": "box", "label": 1, "points": [1, 1, 20, 30]}
    return {"base": number, "batch_id": f"batch-{number}", "ops": [{"op": "put", "shape": shape}]}


def test_a_full_disk_costs_the_studio_nothing_but_time(client: httpx.Client, disk: SmallDisk) -> None:
    assert client.post("/api/datasets", json={"dataset_id": "cards", **BORDERS}).status_code == 201
    image_id = client.put(IMAGES, params={"name": "a.png"}, content=png()).json()["image_id"]
    place = f"{IMAGES}/{image_id}"
    saved = client.post(f"{place}/operations", json=box(0))
    assert saved.status_code == 200, saved.text

    disk.fill()
    number = 1
    while (refused := client.post(f"{place}/operations", json=box(number))).status_code == 200:
        number += 1  # into pages of the log that are there already
        assert number < 500
    assert refused.status_code == 507, refused.text
    assert "the studio's disk is full" in refused.json()["error"]
    upload = client.put(IMAGES, params={"name": "b.png"}, content=png(color=(1, 2, 3), size=(900, 900)))
    assert upload.status_code == 507, upload.text
    document = client.get(f"{place}/document")
    assert (document.status_code, document.json()["revision"]) == (200, number), document.text

    disk.release()
    again = client.post(f"{place}/operations", json=box(number))
    assert again.json() == {"revision": number + 1}, again.text
    assert len(client.get(f"{place}/document").json()["document"]["shapes"]) == number + 1
    assert [each["path"] for each in client.get(IMAGES).json()["images"]] == ["a.png"]
    assert list((disk.folder / "incoming").iterdir()) == []
    assert client.put(IMAGES, params={"name": "b.png"}, content=png(color=(1, 2, 3))).status_code == 201
