"""Wiring of the hyper-parameter search."""

import asyncio
import sys
import time

from truscore.bus import RetryPolicy, canary, connect, consume, publisher, serve
from truscore.settings.api import access_of
from truscore.telemetry import configure_logging, serve_grpc, serve_metrics, tracing

from services.hyperparameter_search.coordinator import Coordinator
from services.hyperparameter_search.handlers import BrokerSearchEvents, Reads, order_of_wire, subscriptions
from services.hyperparameter_search.search_store import SearchStore
from services.hyperparameter_search.settings import Settings

SERVICE = "hyperparameter-search"


async def run(settings: Settings) -> int:
    """Serve until stopped; returns the exit code."""
    configure_logging(SERVICE, level=settings.log_level, json=settings.log_json)
    settings.search_workdir.mkdir(parents=True, exist_ok=True)
    store = SearchStore(settings.storage_address, decode=order_of_wire)
    broker = connect(settings.amqp_url.get_secret_value(), service=SERVICE)
    events = BrokerSearchEvents(publisher=publisher(broker, service=SERVICE))
    coordinator = Coordinator(store, events, clock=time.time)
    policy = RetryPolicy(delays_s=settings.search_retry_delays_s)
    for message, handler in subscriptions(coordinator).items():
        consume(broker, message, handler, service=SERVICE, policy=policy)
    alive = canary(broker, service=SERVICE).alive
    return await serve(
        broker,
        before=[
            tracing(SERVICE, settings.otlp_endpoint),
            serve_grpc(
                settings.search_host,
                settings.search_grpc_port,
                access=access_of(settings),
                servicers=[Reads(store).add_to],
                alive=alive,
                tls=settings,
            ),
            serve_metrics(settings.search_host, settings.search_metrics_port),
        ],
        on_start=[coordinator.going_on(settings.search_interval_s)],
    )


def main() -> None:
    """Entry point of the process."""
    sys.exit(asyncio.run(run(Settings())))
