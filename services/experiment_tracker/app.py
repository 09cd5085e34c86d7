"""Wiring of the experiment tracker: the log onto the ledger, the ledger onto gRPC."""

from __future__ import annotations

import asyncio
import sys
import time
from functools import partial

from truscore.bus import RetryPolicy, canary, connect, consume, publisher, replay_log, serve
from truscore.events.v1.model_pb2 import ModelExported, ModelPromote
from truscore.settings.api import access_of
from truscore.telemetry import configure_logging, serve_grpc, serve_metrics, tracing

from services.experiment_tracker.alerting import Alerting, alert_publisher
from services.experiment_tracker.availability import Availability
from services.experiment_tracker.handlers import EventConsumer, OnAlert, Promotions, Reads
from services.experiment_tracker.ledger import Ledger, MlflowLedger, WatchedLedger
from services.experiment_tracker.log_position import end_of_log, restarting_on_new_log, start_offset
from services.experiment_tracker.settings import Settings, configure_mlflow

SERVICE = "experiment-tracker"


async def run(settings: Settings, ledger: Ledger, stop: asyncio.Event | None = None) -> int:
    """Serve until stopped; returns the exit code. Where the log is another one, begins again at its beginning."""
    stopping = stop or asyncio.Event()
    availability = Availability(subject=settings.mlflow_address, after_s=settings.tracker_alert_after_s)
    watched = WatchedLedger(ledger, availability, clock=time.time)
    async with alert_publisher(settings.amqp_url.get_secret_value(), SERVICE) as publish:
        alerting = Alerting(
            availability=availability,
            ledger=watched,
            publish=publish,
            clock=time.time,
            every_s=settings.tracker_alert_interval_s,
        )
        async with alerting.going_on():
            on_alert = availability.note_alert
            if await _serve(settings, watched, stopping, on_alert=on_alert, from_place=True):
                stopping.clear()
                await _serve(settings, watched, stopping, on_alert=on_alert, from_place=False)
    return 0


async def _serve(
    settings: Settings, ledger: Ledger, stopping: asyncio.Event, *, on_alert: OnAlert, from_place: bool
) -> bool:
    """One turn; whether the log was another one than the ledger's place is in."""
    amqp_url = settings.amqp_url.get_secret_value()
    broker, find_end = connect(amqp_url, service=SERVICE), partial(end_of_log, amqp_url, SERVICE)
    consumer = EventConsumer(
        ledger, clock=time.monotonic, keep_every_s=settings.tracker_place_every_s, on_alert=on_alert
    )
    reader = replay_log(broker, consumer, service=SERVICE)
    promotions = Promotions(ledger, publisher(broker, service=SERVICE), rule=settings.tracker_champion_rule)
    policy = RetryPolicy(delays_s=settings.tracker_retry_delays_s)
    consume(broker, ModelPromote, promotions.ordered, service=SERVICE, prefetch=1, policy=policy)
    consume(broker, ModelExported, promotions.exported, service=SERVICE, prefetch=1, policy=policy)
    alive, host = canary(broker, service=SERVICE).alive, settings.tracker_host
    await serve(
        broker,
        before=[
            tracing(SERVICE, settings.otlp_endpoint),
            serve_grpc(
                host,
                settings.tracker_grpc_port,
                access=access_of(settings),
                servicers=[Reads(ledger).add_to],
                alive=alive,
                tls=settings,
            ),
            serve_metrics(host, settings.tracker_metrics_port),
            *([start_offset(ledger, reader, consumer, find_end=find_end, stopping=stopping)] if from_place else []),
        ],
        on_start=[restarting_on_new_log(reader, consumer, stopping)],
        drain=consumer.keep_place,
        stop=stopping,
    )
    return consumer.other_log.is_set()


def main() -> None:
    """Entry point of the process."""
    settings = Settings()
    configure_logging(SERVICE, level=settings.log_level, json=settings.log_json)
    configure_mlflow(settings.tracker_mlflow_timeout_s)
    sys.exit(asyncio.run(run(settings, MlflowLedger(settings.mlflow_url))))
