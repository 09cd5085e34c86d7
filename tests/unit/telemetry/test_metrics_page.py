"""Prometheus reads what was counted, and nothing listens afterwards."""

import http.client

import pytest
from prometheus_client import CollectorRegistry, Counter
from truscore.telemetry import serve_metrics


def read(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    return connection.getresponse().read().decode()


async def test_the_page_shows_a_counter_while_inside_only() -> None:
    registry = CollectorRegistry()
    Counter("cards_seen", "Cards.", registry=registry).inc(3)
    async with serve_metrics("127.0.0.1", 0, registry=registry) as port:
        assert "cards_seen_total 3.0" in read(port)
    with pytest.raises(ConnectionRefusedError):
        read(port)
