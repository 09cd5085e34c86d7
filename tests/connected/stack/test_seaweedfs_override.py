"""SeaweedFS in the place of MinIO: what the override starts is started here, by its scripts, of the same program."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from truscore.process.supervised import start_process, wait_until
from truscore.storage import AccessRefused, S3Store
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from deploy.local.servers.ports import free_ports
from deploy.local.servers.seaweedfs import find_weed
from tests.house.compose_file import REPOSITORY, SERVICES

pytestmark = pytest.mark.connected
OVERRIDE: dict[str, Any] = yaml.safe_load((REPOSITORY / "deploy/docker/compose.seaweedfs.yml").read_text())
SCRIPTS = REPOSITORY / "deploy" / "seaweedfs"
LOGINS = {
    "minio_root_password": "of-the-administrator",
    "truscore_s3_access_key": "services",
    "truscore_s3_secret_key": "of-the-services",
}
PORTS = ("s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port",
         "filer.port.grpc", "debug.port", "admin.port", "admin.port.grpc")  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server with its bucket. Ports and addresses alone differ from a container's."""
    folder = tmp_path_factory.mktemp("override")
    (folder / "data").mkdir()
    for name, text in LOGINS.items():
        (folder / name).write_text(text)
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    own = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    own += [
        "-s3.localSocket=s3.sock",
        "-filer.localSocket=filer.sock",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    environment = os.environ | {
        "PATH": f"{find_weed().parent}:{os.environ['PATH']}", "LOGINS": str(folder), "DATA": str(folder / "data"),
        "IDENTITIES": str(folder / "identities.json"), "TRUSCORE_BUCKET": "truscore", "MINIO_ROOT_USER": "admin",
        "MASTER": f"127.0.0.1:{ports['master.port']}.{ports['master.port.grpc']}",
    }  # fmt: skip
    server = start_process(
        "seaweedfs", ["sh", str(SCRIPTS / "start.sh"), *own], log_path=folder / "log", env=environment, cwd=folder
    )
    url = f"http://127.0.0.1:{ports['s3.port']}"
    health = OVERRIDE["services"]["minio"]["healthcheck"]["test"][-1].replace("http://127.0.0.1:9000", url)
    pool = PoolManager(retries=False, timeout=5)

    def healthy() -> bool:
        try:
            return pool.request("GET", health).status == 200
        except HTTPError:
            return False

    try:
        wait_until(server, healthy, timeout_s=60, what="health")
        for _ in range(2):  # it may be repeated
            bucket = ["sh", str(SCRIPTS / "bucket.sh")]
            subprocess.run(bucket, env=environment, cwd=folder, check=True, timeout=120, capture_output=True)
        yield url
    finally:
        server.terminate(15)


def store(address: str) -> S3Store:
    return S3Store(address, LOGINS["truscore_s3_access_key"], LOGINS["truscore_s3_secret_key"])


def test_the_services_key_reads_and_writes_the_bucket(address: str, tmp_path: Path) -> None:
    own = store(address)
    own.ready()
    stored = own.put("s3://truscore/runs/r1/config.json", b"{}")
    assert own.get(stored.uri, limit_bytes=10) == b"{}"
    assert [entry.uri for entry in own.list("s3://truscore/runs/")] == [stored.uri]
    own.put_if("s3://truscore/studio/segments/1", b"first", etag="")
    own.delete(stored.uri)
    assert own.stat(stored.uri) is None


def test_it_reaches_no_other_bucket_and_strangers_reach_none(address: str) -> None:
    S3Store(address, "admin", LOGINS["minio_root_password"]).put("s3://truscore/a", b"x")
    with pytest.raises(AccessRefused):
        store(address).put("s3://others/a", b"x")
    with pytest.raises(AccessRefused):
        S3Store(address, "services", "guessed").get("s3://truscore/a", limit_bytes=10)


def test_the_override_changes_store_and_bucket_alone_and_gives_them_what_their_scripts_read() -> None:
    assert OVERRIDE["services"].keys() == {"minio", "bucket"}
    assert OVERRIDE["services"].keys() <= SERVICES.keys()
    merged = {name: {**SERVICES[name], **each} for name, each in OVERRIDE["services"].items()}
    assert set(merged["minio"]["secrets"]) == LOGINS.keys()
    for name in OVERRIDE["services"]:
        variables = SERVICES[name]["environment"] | OVERRIDE["services"][name].get("environment", {})
        assert "TRUSCORE_BUCKET" in variables
        mounted = {volume.split(":")[1] for volume in merged[name]["volumes"]}
        assert merged[name]["entrypoint"][-1] in mounted
        for volume in merged[name]["volumes"]:
            source = volume.split(":")[0]
            assert source in OVERRIDE["volumes"] or (REPOSITORY / source).is_file(), volume
    assert "MINIO_ROOT_USER" in SERVICES["minio"]["environment"]
