"""Wiring of the monitor: the log into the board, the board onto gRPC, Prometheus and the alert rules."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from prometheus_client import REGISTRY
from truscore.bus import LogReader, canary, connect, event_id_at, publisher, replay_log, serve
from truscore.bus.audit_stream import append_audit, read_audit
from truscore.bus.queue_counts import count_queues, watched_queues
from truscore.events import CONTRACT_VERSION
from truscore.settings.api import access_of
from truscore.telemetry import configure_logging, serve_grpc, serve_metrics, tracing

from services.monitor.alerting import Alerting
from services.monitor.alerts import Watchdog
from services.monitor.audit import AuditRecorder
from services.monitor.board import Board, Bounds
from services.monitor.gauges import Gauges
from services.monitor.handlers import (
    AlertCalls,
    AuditReads,
    EventConsumer,
    Reads,
    publish_acknowledgement,
    publish_alert,
)
from services.monitor.notifications import Notifier, channels, load_notifications
from services.monitor.queues import QueueTrends, counting
from services.monitor.rules import load_rules
from services.monitor.settings import Settings
from services.monitor.snapshot_file import code_version
from services.monitor.snapshots import Snapshots
from services.monitor.subscriptions import BoardChanges
from services.monitor.trends import DiskTrends, measured_of_certificate

SERVICE = "monitor"


async def run(settings: Settings) -> int:
    """Serve until stopped; returns the exit code."""
    configure_logging(SERVICE, level=settings.log_level, json=settings.log_json)
    board = Board(Bounds(runs=settings.monitor_max_runs, orders=settings.monitor_max_runs))
    board_changes = BoardChanges(settings.monitor_max_watchers)
    gauges = Gauges(board, watchers=lambda: board_changes.watchers)
    amqp_url = settings.amqp_url.get_secret_value()
    broker = connect(amqp_url, service=SERVICE)
    read = partial(read_audit, amqp_url)
    audit = AuditRecorder(read=read, append=partial(append_audit, broker))
    notifier = notifier_of(settings, time.time)
    since = datetime.now(UTC) - timedelta(days=settings.monitor_history_days)
    consumer = EventConsumer(board, board_changes.changed, gauges.count, audit.note, notifier.note)
    reader = replay_log(broker, consumer, service=SERVICE, offset=since, on_stray=consumer.stray)
    caught_up = reader.caught_up
    snapshots = snapshots_of(settings, board, consumer, audit)
    gauges.register(REGISTRY, caught_up.is_set)
    disks, outgoing = DiskTrends(), publisher(broker, service=SERVICE)
    watched = watched_queues()
    queues = QueueTrends(watched)
    count = partial(count_queues, amqp_url, [queue.name for queue in watched])
    alerting = Alerting(
        board=board,
        watchdog=Watchdog(load_rules(settings.monitor_rules)),
        publish_alert=partial(publish_alert, outgoing),
        clock=time.time,
        every_s=settings.monitor_alert_interval_s,
        more=lambda now: [
            *disks.measured(board.hosts.values(), now),
            *queues.measured(now),
            *measured_of_certificate(settings.grpc_cert_file, now),
        ],
    )
    alert_calls = AlertCalls(
        board=board,
        publish=partial(publish_acknowledgement, outgoing),
        clock=time.time,
        changed=board_changes.changed,
    )
    reads = Reads(board, board_changes, caught_up, alerts=alert_calls)
    alive = canary(broker, service=SERVICE).alive
    host, servicers, access = settings.monitor_host, [reads.add_to, AuditReads(read).add_to], access_of(settings)
    return await serve(
        broker,
        before=[
            tracing(SERVICE, settings.otlp_endpoint),
            serve_grpc(host, settings.monitor_grpc_port, access=access, servicers=servicers, alive=alive, tls=settings),
            serve_metrics(host, settings.monitor_metrics_port),
            *([resuming(snapshots, reader, partial(event_id_at, amqp_url), since)] if snapshots else []),
        ],
        on_start=[
            alerting.going_on(caught_up),
            counting(queues, count, time.time, settings.monitor_queue_interval_s),
            audit.going_on(),
            *([snapshots.going_on(caught_up, every_s=settings.monitor_snapshot_interval_s)] if snapshots else []),
            notifier.going_on(settings.monitor_alert_interval_s),
        ],
    )


def snapshots_of(settings: Settings, board: Board, consumer: EventConsumer, audit: AuditRecorder) -> Snapshots | None:
    """In the settings' work folder; None where there is none."""
    if settings.monitor_workdir is None:
        return None
    return Snapshots(
        folder=settings.monitor_workdir,
        # Another history or another number of runs gives another board.
        version=f"{code_version(CONTRACT_VERSION)} {settings.monitor_max_runs}",
        board=board,
        place=lambda: consumer.place,
        is_settled=lambda: audit.is_settled,
    )


@asynccontextmanager
async def resuming(
    snapshots: Snapshots, reader: LogReader, find: Callable[[int], Awaitable[str | None]], since: datetime
) -> AsyncIterator[None]:
    await snapshots.resume(reader, find, since=since.timestamp())
    yield


def notifier_of(settings: Settings, clock: Callable[[], float]) -> Notifier:
    """To the sinks of the file that the settings name, of what happens from now on."""
    configuration = load_notifications(settings.monitor_notifications)
    return Notifier(channels(configuration), configuration.silence, clock=clock, since=clock())


def main() -> None:
    """Entry point of the process."""
    sys.exit(asyncio.run(run(Settings())))
