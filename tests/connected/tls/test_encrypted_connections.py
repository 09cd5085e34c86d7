"""Broker, store and gRPC are reached over TLS alone, by who trusts the authority of their certificates."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import grpc
import pytest
from truscore.access import anonymous
from truscore.bus import BusUnavailable, connect
from truscore.process.supervised import start_process, wait_until
from truscore.settings import GrpcTls
from truscore.storage import S3Store, StoreUnavailable
from truscore.telemetry import serve_grpc
from truscore.telemetry.probe import SERVING, health_of

from deploy.local.servers.certificates import Authority, CertificateFiles
from deploy.local.servers.ports import free_ports
from deploy.local.servers.programs import REPOSITORY, ready_rabbitmq
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.servers.seaweedfs import SeaweedFS, find_weed
from deploy.local.settings import LocalSettings

UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, kw_only=True, slots=True)
class Authorities:
    ours: Authority
    strange: Authority

    def certificate(self, name: str) -> CertificateFiles:
        return self.ours.issue(name)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    folder = tmp_path_factory.mktemp("authorities")
    return Authorities(ours=Authority(folder / "ours"), strange=Authority(folder / "strange"))


@pytest.fixture
def trusted(authorities: Authorities, monkeypatch: pytest.MonkeyPatch) -> Authorities:
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities.ours.file))
    for name in ("TRUSCORE_GRPC_CERT_FILE", "TRUSCORE_GRPC_KEY_FILE", "TRUSCORE_GRPC_CLIENT_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    return authorities


@pytest.fixture(scope="module")
def encrypted_broker(tmp_path_factory: pytest.TempPathFactory, authorities: Authorities) -> Iterator[RabbitMQ]:
    folder, files = tmp_path_factory.mktemp("rabbitmq"), authorities.certificate("rabbitmq")
    node = RabbitMQ(folder, ready_rabbitmq(LocalSettings()), tls=files)
    node.start()
    yield node
    node.kill()
    node.close()
    shutil.rmtree(node.folder, ignore_errors=True)


async def reaches(amqp_url: str) -> None:
    bus = connect(amqp_url, service="cli", retry_for_s=0.5)
    try:
        await bus.connect()
    finally:
        await bus.stop()


async def test_the_broker_is_reached_over_tls_by_who_trusts_its_authority(
    encrypted_broker: RabbitMQ, trusted: Authorities, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert encrypted_broker.amqp_url.startswith("amqps://")
    await reaches(encrypted_broker.amqp_url)

    with pytest.raises(BusUnavailable):
        await reaches(encrypted_broker.amqp_url.replace("amqps://", "amqp://"))

    monkeypatch.setenv("SSL_CERT_FILE", str(trusted.strange.file))
    with pytest.raises(BusUnavailable, match="CERTIFICATE_VERIFY_FAILED") as refused:
        await reaches(encrypted_broker.amqp_url)
    assert encrypted_broker.password not in str(refused.value)


def test_a_service_runs_over_tls_with_its_address_from_a_file_and_shows_the_password_nowhere(
    encrypted_broker: RabbitMQ, trusted: Authorities, tmp_path: Path
) -> None:
    files, (port,) = trusted.certificate("monitor"), free_ports(1)
    (tmp_path / "amqp_url").write_text(encrypted_broker.amqp_url + "\n")
    ours = {
        "TRUSCORE_AMQP_URL_FILE": str(tmp_path / "amqp_url"),
        "TRUSCORE_GRPC_CERT_FILE": str(files.certificate),
        "TRUSCORE_GRPC_KEY_FILE": str(files.key),
        "TRUSCORE_MONITOR_GRPC_PORT": str(port),
        "TRUSCORE_LOG_LEVEL": "DEBUG",
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRUSCORE_")}
    log, command = tmp_path / "monitor.log", [sys.executable, "-m", "services.monitor"]
    process = start_process("monitor", command, log_path=log, env=clean | ours, cwd=REPOSITORY)
    try:
        serves = partial(_serves, f"https://127.0.0.1:{port}")
        wait_until(process, serves, timeout_s=60, what="SERVING over TLS")
        shown = [Path(f"/proc/{process.pid}/{name}").read_bytes().decode() for name in ("cmdline", "environ")]
    finally:
        process.terminate(20)
    assert "serving" in log.read_text()
    assert [text for text in (*shown, log.read_text()) if encrypted_broker.password in text] == []


def _serves(address: str) -> bool:
    return health_of(address) == SERVING


def test_the_store_is_reached_over_tls_by_who_trusts_its_authority(
    tmp_path: Path, trusted: Authorities, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = SeaweedFS(tmp_path / "seaweedfs", find_weed(), tls=trusted.certificate("store"))
    server.start()
    try:
        reach = server.reach
        assert reach.endpoint.startswith("https://")
        store = S3Store(reach.endpoint, reach.access_key, reach.secret_key, timeout_s=10)
        bucket = reach.make_bucket("encrypted")
        store.put(f"s3://{bucket}/x", b"bytes")
        store.put_if(f"s3://{bucket}/y", b"bytes", etag="")
        assert store.get(f"s3://{bucket}/y", limit_bytes=10) == b"bytes"

        monkeypatch.setenv("SSL_CERT_FILE", str(trusted.strange.file))
        wary = S3Store(reach.endpoint, reach.access_key, reach.secret_key, timeout_s=1)
        with pytest.raises(StoreUnavailable, match="certificate verify failed") as refused:
            wary.get(f"s3://{bucket}/x", limit_bytes=10)
        assert reach.secret_key not in str(refused.value)
    finally:
        server.kill()
        shutil.rmtree(server.folder, ignore_errors=True)


def served_with(files: CertificateFiles, *, clients: Path | None = None) -> GrpcTls:
    return GrpcTls(grpc_cert_file=files.certificate, grpc_key_file=files.key, grpc_client_ca_file=clients)


async def health_at(address: str) -> str:
    return await asyncio.to_thread(health_of, address)


async def test_grpc_over_tls_answers_who_trusts_its_authority_and_nobody_in_plain(
    trusted: Authorities, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve_grpc("127.0.0.1", 0, access=anonymous(), tls=served_with(trusted.certificate("monitor"))) as port:
        assert await health_at(f"https://127.0.0.1:{port}") == SERVING
        assert await health_at(f"127.0.0.1:{port}") == UNAVAILABLE
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted.strange.file))
        assert await health_at(f"https://127.0.0.1:{port}") == UNAVAILABLE


async def test_grpc_refuses_a_certificate_for_another_host(trusted: Authorities) -> None:
    elsewhere = trusted.ours.issue("monitor", hosts=("monitor.example.org",))
    async with serve_grpc("127.0.0.1", 0, access=anonymous(), tls=served_with(elsewhere)) as port:
        assert await health_at(f"https://127.0.0.1:{port}") == UNAVAILABLE


async def test_grpc_that_asks_clients_for_a_certificate_answers_those_of_its_authority_alone(
    trusted: Authorities, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = served_with(trusted.certificate("monitor"), clients=trusted.ours.file)
    async with serve_grpc("127.0.0.1", 0, access=anonymous(), tls=tls) as port:
        address = f"https://127.0.0.1:{port}"
        assert await health_at(address) == UNAVAILABLE
        for authority, answer in ((trusted.strange, UNAVAILABLE), (trusted.ours, SERVING)):
            shown = authority.issue("client")
            monkeypatch.setenv("TRUSCORE_GRPC_CERT_FILE", str(shown.certificate))
            monkeypatch.setenv("TRUSCORE_GRPC_KEY_FILE", str(shown.key))
            assert await health_at(address) == answer


async def test_grpc_takes_up_a_renewed_certificate_without_a_restart(
    trusted: Authorities, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = trusted.certificate("monitor")
    async with serve_grpc("127.0.0.1", 0, access=anonymous(), tls=served_with(files)) as port:
        address = f"https://127.0.0.1:{port}"
        assert await health_at(address) == SERVING
        renewed = trusted.strange.issue("monitor")
        shutil.copy(renewed.key, files.key)
        # Half of a renewal: what is served goes on being served.
        assert await health_at(address) == SERVING
        shutil.copy(renewed.certificate, files.certificate)
        assert await health_at(address) == UNAVAILABLE
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted.strange.file))
        assert await health_at(address) == SERVING


def test_a_certificate_without_its_key_is_refused_by_name(trusted: Authorities) -> None:
    files = trusted.certificate("monitor")
    with pytest.raises(ValueError, match="both of TRUSCORE_GRPC_CERT_FILE and TRUSCORE_GRPC_KEY_FILE"):
        GrpcTls(grpc_cert_file=files.certificate)


async def test_a_certificate_that_is_not_there_stops_the_start(trusted: Authorities) -> None:
    lost = replace(trusted.certificate("monitor"), certificate=Path("/nowhere/monitor.pem"))
    with pytest.raises(FileNotFoundError, match=r"/nowhere/monitor\.pem"):
        async with serve_grpc("127.0.0.1", 0, access=anonymous(), tls=served_with(lost)):
            pass


def test_keys_are_readable_by_their_owner_alone(trusted: Authorities) -> None:
    assert trusted.certificate("monitor").key.stat().st_mode & 0o077 == 0
    assert grpc.ssl_channel_credentials(root_certificates=trusted.ours.file.read_bytes()) is not None
