"""The monitor's alerts as plain values, and taking note of one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from truscore.api.v1 import monitor_pb2, monitor_pb2_grpc

from services.cli.context import Endpoint
from services.cli.handlers.endpoints import asking

TIMEOUT_S = 15.0
PAGE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertView:
    """An alert that stands. `acknowledged_by` is empty where nobody took note of it since it was raised."""

    alert_id: str
    rule: str
    severity: str
    subject: str
    message: str
    raised_at: datetime
    acknowledged_by: str = ""
    note: str = ""
    silenced_until: datetime | None = None


def standing_alerts(endpoint: Endpoint, *, subject: str = "", rule: str = "") -> Iterator[AlertView]:
    """Newest first. CliError where the monitor does not answer."""
    token = ""
    with asking(endpoint) as channel:
        stub = monitor_pb2_grpc.MonitorServiceStub(channel)
        while True:
            request = monitor_pb2.ListAlertsRequest(subject=subject, rule=rule, page_size=PAGE, page_token=token)
            answer = stub.ListAlerts(request, timeout=TIMEOUT_S)
            yield from map(view_of, answer.alerts)
            token = answer.next_page_token
            if not token:
                return


def acknowledge(endpoint: Endpoint, alert_id: str, *, by: str, note: str, silence_s: float) -> AlertView:
    """Takes note of an alert. CliError where it does not stand, or the monitor does not answer."""
    request = monitor_pb2.AcknowledgeAlertRequest(alert_id=alert_id, acknowledged_by=by, note=note, silence_s=silence_s)
    with asking(endpoint) as channel:
        answer = monitor_pb2_grpc.MonitorServiceStub(channel).AcknowledgeAlert(request, timeout=TIMEOUT_S)
    return view_of(answer.alert)


def view_of(alert: monitor_pb2.Alert) -> AlertView:
    said = alert.acknowledgement
    return AlertView(
        alert_id=alert.raised.alert_id,
        rule=alert.raised.rule,
        severity=alert.raised.severity,
        subject=alert.raised.subject,
        message=alert.raised.message,
        raised_at=alert.raised.raised_at.ToDatetime(tzinfo=UTC),
        acknowledged_by=said.acknowledged_by,
        note=said.note,
        silenced_until=said.silenced_until.ToDatetime(tzinfo=UTC) if said.HasField("silenced_until") else None,
    )
