"""Events out: what the monitor says of alerts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from truscore.bus import Publisher
from truscore.events.v1 import telemetry_pb2

from services.monitor import facts

TIMES = frozenset({"raised_at", "cleared_at", "acknowledged_at", "silenced_until"})


async def publish_alert(publisher: Publisher, alert: facts.Raised | facts.Cleared, before: float) -> None:
    """Raise or clear. `before`, when it last changed, tells episodes apart: two monitors say the same event."""
    event = raised_message(alert) if isinstance(alert, facts.Raised) else cleared_message(alert)
    await publisher.publish(event, subject=alert.subject, sequence=f"{alert.alert_id}/{before:.3f}")


async def publish_acknowledgement(publisher: Publisher, acknowledged: facts.Acknowledged) -> None:
    """Say who took note of an alert."""
    sequence = f"{acknowledged.alert_id}/{acknowledged.acknowledged_at:.6f}/{acknowledged.acknowledged_by}"
    await publisher.publish(acknowledged_message(acknowledged), subject=acknowledged.subject, sequence=sequence)


def raised_message(alert: facts.Raised) -> telemetry_pb2.AlertRaised:
    return telemetry_pb2.AlertRaised(**_with_times(alert))


def cleared_message(alert: facts.Cleared) -> telemetry_pb2.AlertCleared:
    return telemetry_pb2.AlertCleared(**_with_times(alert))


def acknowledged_message(said: facts.Acknowledged) -> telemetry_pb2.AlertAcknowledged:
    return telemetry_pb2.AlertAcknowledged(**_with_times(said))


def _with_times(fact: facts.AlertFact) -> dict[str, Any]:
    """The fields of the message, without times that are not set."""
    plain = asdict(fact).items()
    return {name: timestamp(value) if name in TIMES else value for name, value in plain if name not in TIMES or value}


def timestamp(at: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromNanoseconds(round(at * 1e9))
    return stamp
