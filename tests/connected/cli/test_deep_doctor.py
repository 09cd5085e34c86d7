"""`truscore doctor --deep` on a real broker and store: what is as it should be, and what is not, each by its name."""

import asyncio
import hashlib
import re
import ssl
import threading
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from google.protobuf.message import Message
from truscore.bus import connect, publisher
from truscore.bus.consuming.dead_letters import list_dead
from truscore.events.v1.control_pb2 import ObjectsDeleted
from truscore.events.v1.model_pb2 import ModelExported
from truscore.storage import S3Store

from deploy.local.servers.certificates import Authority
from deploy.local.servers.objects import ObjectServer
from services.cli.context import Addresses
from services.cli.deep_checks import examine_deeply
from services.cli.deep_checks.certificates import certificates
from services.cli.deep_checks.clocks import clocks
from services.cli.doctor import Check

pytestmark = pytest.mark.connected
CONTENT = b"an exported model"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def addresses(**known: str) -> Addresses:
    names = {each.name for each in fields(Addresses)} - {"trusted_keys", "token", "plaintext_token"}
    return Addresses(**{**dict.fromkeys(names, ""), **known})


def published(amqp_url: str, *events: Message, time: datetime | None = None) -> None:
    async def publish() -> None:
        bus = connect(amqp_url, service="exporter")
        await bus.start()
        try:
            for number, event in enumerate(events):
                await publisher(bus, service="exporter").publish(event, subject="r1", sequence=number, time=time)
        finally:
            await bus.stop()

    asyncio.run(publish())


def exported(bucket: str, **digests: str) -> ModelExported:
    event = ModelExported(model_id="m", version="r1", run_id="r1")
    for name, sha256 in digests.items():
        event.artifacts.add(format="onnx", uri=f"s3://{bucket}/models/{name}", sha256=sha256, size_bytes=len(CONTENT))
    return event


@pytest.fixture
def known(amqp_url: str, s3: ObjectServer, bucket: str) -> Addresses:
    return addresses(
        amqp_url=amqp_url,
        s3_endpoint=s3.endpoint,
        s3_access_key=s3.access_key,
        s3_secret_key=s3.secret_key,
        bucket=bucket,
    )


def looked_at(known: Addresses) -> dict[str, Check]:
    return {check.name: check for check in examine_deeply(known, days=1)}


def test_objects_that_are_missing_or_other_than_events_say_are_named(
    known: Addresses, store: S3Store, bucket: str
) -> None:
    for name in ("good", "other", "short"):
        store.put(f"s3://{bucket}/models/{name}", CONTENT[:3] if name == "short" else CONTENT)
    event = exported(bucket, good=SHA256, other="0" * 64, short=SHA256, missing=SHA256)
    deleted = exported(bucket, **{"old/model.onnx": SHA256})
    published(known.amqp_url, event, deleted, ObjectsDeleted(uri=f"s3://{bucket}/models/old/", kind="models"))
    checks = looked_at(known)
    objects = checks["objects"]
    assert not objects.ok
    assert objects.found.startswith("1 of 4 objects")
    assert f"s3://{bucket}/models/missing is missing (ModelExported of" in objects.found
    assert f"s3://{bucket}/models/other has SHA-256 {SHA256}" in objects.found
    assert f"s3://{bucket}/models/short has 3 bytes, ModelExported says {len(CONTENT)}" in objects.found
    assert checks["event log"].found.startswith("3 events read, the oldest")
    assert all(checks[f"store: {act}"].ok for act in ("list", "write", "read", "delete"))
    assert list(store.list(f"s3://{bucket}/datasets/")) == []
    assert checks["broker version"].ok
    assert abs(float(checks["store clock"].found.split()[0])) < 5
    assert "nobody consumes trainer.dataset.validated" in checks["trainer inboxes"].found
    assert checks["trainer dead letters"].found == "0 of 100000"
    assert asyncio.run(list_dead(known.amqp_url, "trainer")) == []


def test_a_sound_store_passes_and_a_publisher_of_the_future_is_named(
    known: Addresses, store: S3Store, bucket: str
) -> None:
    store.put(f"s3://{bucket}/models/good", CONTENT)
    published(known.amqp_url, exported(bucket, good=SHA256), time=datetime.now(tz=UTC) + timedelta(minutes=10))
    checks = looked_at(known)
    assert checks["objects"].ok
    assert not checks["publishers' clocks"].ok
    assert re.match(r"truscore/exporter is (5\d\d|600) s ahead", checks["publishers' clocks"].found)


class Late(BaseHTTPRequestHandler):
    """A server whose clock is ten minutes slow."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string((datetime.now(tz=UTC) - timedelta(minutes=10)).timestamp())

    def do_GET(self) -> None:
        self.send_error(403)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


@pytest.fixture
def late_server(authority: Authority) -> Iterator[str]:
    """Over TLS, with a certificate that is good for ten days more."""
    files = authority.issue("server", lifetime=timedelta(days=10))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Late) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_certificate_that_ends_soon_and_a_clock_that_is_wrong_are_named(late_server: str) -> None:
    [certificate] = certificates(addresses(s3_endpoint=late_server))
    assert not certificate.ok
    assert not certificate.grave
    assert certificate.found.endswith((" 10 days", " 9 days"))
    [clock] = clocks(addresses(mlflow_url=late_server))
    assert not clock.ok
    assert clock.grave
    assert clock.found.startswith(("-599", "-600", "-601"))


def test_a_certificate_of_an_authority_that_nobody_named_is_a_failure(
    late_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    [certificate] = certificates(addresses(s3_endpoint=late_server))
    assert not certificate.ok
    assert certificate.grave
    assert "certificate verify failed" in certificate.found
