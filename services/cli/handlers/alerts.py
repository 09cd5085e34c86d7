"""The monitor's alerts as plain values, and taking note of one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc
from truscore.api.v1 import monitor_pb2, monitor_pb2_grpc
from truscore.telemetry.grpc_tls import open_channel

from services.cli.context import CliError, Code

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


def standing_alerts(address: str, *, subject: str = "", rule: str = "") -> Iterator[AlertView]:
    """Newest first. CliError where the monitor does not answer."""
    token = ""
    with open_channel(address) as channel:
        stub = monitor_pb2_grpc.MonitorServiceStub(channel)
        while True:
            request = monitor_pb2.ListAlertsRequest(subject=subject, rule=rule, page_size=PAGE, page_token=token)
            try:
                answer = stub.ListAlerts(request, timeout=TIMEOUT_S)
            except grpc.RpcError as error:
                raise _explained(error, address) from error
            yield from map(view_of, answer.alerts)
            token = answer.next_page_token
            if not token:
                return


def acknowledge(address: str, alert_id: str, *, by: str, note: str, silence_s: float) -> AlertView:
    """Takes note of an alert. CliError where it does not stand, or the monitor does not answer."""
    request = monitor_pb2.AcknowledgeAlertRequest(alert_id=alert_id, acknowledged_by=by, note=note, silence_s=silence_s)
    with open_channel(address) as channel:
        try:
            answer = monitor_pb2_grpc.MonitorServiceStub(channel).AcknowledgeAlert(request, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            raise _explained(error, address) from error
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


def _explained(error: grpc.RpcError, address: str) -> CliError:
    codes = {grpc.StatusCode.NOT_FOUND: Code.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT: Code.USAGE}
    code = codes.get(error.code(), Code.UNREACHABLE)
    away = f"the monitor at {address} does not answer: {error.details()}"
    return CliError(code, away if code is Code.UNREACHABLE else str(error.details()))
