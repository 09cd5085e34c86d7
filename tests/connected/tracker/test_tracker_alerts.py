"""A tracker whose MLflow answers 500 to everything says so, on a real broker and over real HTTP."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from google.protobuf.message import Message
from truscore.bus import Envelope, connect, replay_log
from truscore.events.v1.telemetry_pb2 import AlertCleared, AlertRaised

from tests.connected.answers import service_process

pytestmark = [pytest.mark.connected, pytest.mark.timeout(300)]

WAIT_S = 90
BROKEN = b'{"error_code": "INTERNAL_ERROR", "message": "InvalidRequestError"}'


class Tracking(BaseHTTPRequestHandler):
    """Answers each call with the server's status of the moment."""

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        broken = self.server.broken  # type: ignore[attr-defined]
        body = BROKEN if broken else b"{}"
        self.send_response(500 if broken else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mlflow() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Tracking)
    server.broken = True  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@contextmanager
def tracker(amqp_url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    given = {
        "TRUSCORE_AMQP_URL": amqp_url,
        "TRUSCORE_MLFLOW_URL": f"http://127.0.0.1:{port}",
        "TRUSCORE_TRACKER_ALERT_AFTER_S": "0.5",
        "TRUSCORE_TRACKER_ALERT_INTERVAL_S": "0.2",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    with service_process("services.experiment_tracker", given) as process:
        yield process


@asynccontextmanager
async def alerts_of(amqp_url: str) -> AsyncIterator[asyncio.Queue[Message]]:
    received: asyncio.Queue[Message] = asyncio.Queue(100)

    async def keep(event: Message, _envelope: Envelope, _offset: int) -> None:
        if isinstance(event, AlertRaised | AlertCleared):
            await received.put(event)

    bus = connect(amqp_url, service="monitor", instance="witness")
    replay_log(bus, keep, service="monitor")
    await bus.start()
    try:
        yield received
    finally:
        await bus.stop()


async def test_an_mlflow_that_answers_500_to_everything_is_an_alert_until_it_answers_again(
    amqp_url: str, mlflow: ThreadingHTTPServer
) -> None:
    async with alerts_of(amqp_url) as received:
        with tracker(amqp_url, mlflow.server_port):
            raised = await asyncio.wait_for(received.get(), WAIT_S)
            assert isinstance(raised, AlertRaised)
            assert raised.rule == "mlflow.unavailable"
            assert raised.subject == f"MLflow at 127.0.0.1:{mlflow.server_port}"
            assert "500" in raised.message
            mlflow.broken = False  # type: ignore[attr-defined]
            cleared = await asyncio.wait_for(received.get(), WAIT_S)
        assert isinstance(cleared, AlertCleared)
        assert cleared.alert_id == raised.alert_id
        assert received.empty()


async def test_an_alert_of_an_earlier_life_is_cleared_after_a_restart(
    amqp_url: str, mlflow: ThreadingHTTPServer
) -> None:
    async with alerts_of(amqp_url) as received:
        with tracker(amqp_url, mlflow.server_port):
            raised = await asyncio.wait_for(received.get(), WAIT_S)
        mlflow.broken = False  # type: ignore[attr-defined]
        with tracker(amqp_url, mlflow.server_port):
            cleared = await asyncio.wait_for(received.get(), WAIT_S)
        assert isinstance(raised, AlertRaised)
        assert isinstance(cleared, AlertCleared)
        assert cleared.alert_id == raised.alert_id
        assert received.empty()
