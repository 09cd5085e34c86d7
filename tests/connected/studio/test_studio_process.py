"""The studio as a process: it starts, says how it is, logs somebody in, keeps what it was given, and stays small."""

import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Protocol

import httpx
import psutil
import pytest
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed
from truscore.telemetry.probe import health_of

from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.ports import free_ports
from tests.connected.answers import REPOSITORY, broker_and_store, service_process

pytestmark = pytest.mark.connected

MOST_IDLE_BYTES = 150 * 10**6


class Broker(Protocol):
    @property
    def amqp_url(self) -> str: ...


@retry(stop=stop_after_delay(90), wait=wait_fixed(0.2), retry=retry_if_exception_type(AssertionError))
def serving(address: str) -> None:
    assert health_of(address, timeout_s=2) == "SERVING"


def studio_environment(amqp_url: str, s3: ObjectServer, bucket: str, folder: Path) -> tuple[str, int, dict[str, str]]:
    """The address of its pages, its gRPC port, and what a studio with its drafts in this folder is started with."""
    pages, grpc_port, metrics = free_ports(3)
    environment = broker_and_store(amqp_url, s3, bucket) | {
        "TRUSCORE_STUDIO_PORT": str(pages),
        "TRUSCORE_STUDIO_GRPC_PORT": str(grpc_port),
        "TRUSCORE_STUDIO_METRICS_PORT": str(metrics),
        "TRUSCORE_STUDIO_WORKDIR": str(folder),
    }
    return f"http://127.0.0.1:{pages}", grpc_port, environment


def test_the_studio_starts_serves_logs_in_by_a_link_and_is_small(
    private_broker: Broker, s3: ObjectServer, bucket: str, tmp_path: Path
) -> None:
    own_address, grpc_port, environment = studio_environment(private_broker.amqp_url, s3, bucket, tmp_path)
    metrics = environment["TRUSCORE_STUDIO_METRICS_PORT"]
    with service_process("services.studio", environment) as process:
        serving(f"127.0.0.1:{grpc_port}")
        assert psutil.Process(process.pid).memory_full_info().pss < MOST_IDLE_BYTES
        page = urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=10).read()
        assert b"process_resident_memory_bytes" in page
        link = subprocess.run(
            [sys.executable, "-m", "services.studio", "login-link"],
            cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=True,
        ).stdout.strip()  # fmt: skip
        address, _, token = link.partition("/login#")
        assert address == own_address
        with httpx.Client(base_url=address, headers={"Origin": address}) as client:
            assert client.get("/healthz").text == "ok\n"
            assert client.post("/api/login", json={"token": token}).status_code == 200
            assert "No datasets yet" in client.get("/").text
