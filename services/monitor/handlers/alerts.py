"""Alerts that stand, over gRPC: listed, and acknowledged by people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from truscore.api.v1 import monitor_pb2
from truscore.bus import BusError

from services.monitor.alerts import AlertState
from services.monitor.board import Board
from services.monitor.facts import Acknowledged
from services.monitor.handlers.answers import alert_answer
from services.monitor.paging import InvalidToken, page_of

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

MAX_NAME_CHARS = 200
MAX_NOTE_CHARS = 1000
MAX_SILENCE_S = 30 * 86_400.0

Publish = Callable[[Acknowledged], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertCalls:
    """What may be asked of alerts. An acknowledgement is published before it is answered, so that none is lost."""

    board: Board
    publish: Publish
    clock: Callable[[], float]
    changed: Callable[[], None]

    async def list(self, request: monitor_pb2.ListAlertsRequest, context: Context) -> monitor_pb2.ListAlertsResponse:
        standing = [each for each in self.board.alerts.values() if _matches(each, request)]
        try:
            shown, token = page_of(standing, _place, size=request.page_size, token=request.page_token)
        except InvalidToken as error:
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return monitor_pb2.ListAlertsResponse(alerts=map(alert_answer, shown), next_page_token=token)

    async def acknowledge(
        self, request: monitor_pb2.AcknowledgeAlertRequest, context: Context, *, caller: str = ""
    ) -> monitor_pb2.AcknowledgeAlertResponse:
        """`caller` is who the token says that asks; a name in the request is its word for whom it asks."""
        named = request.acknowledged_by
        if refusal := _refusal(request, named or caller):
            await abort(context, grpc.StatusCode.INVALID_ARGUMENT, refusal)
        alert = self.board.alerts.get(request.alert_id)
        if alert is None or alert.raised is None or not alert.stands:
            what = f"alert {request.alert_id[:MAX_NAME_CHARS]!r} does not stand"
            await abort(context, grpc.StatusCode.NOT_FOUND, what)
        # A clock behind that of whoever raised it would make the acknowledgement look like one of an earlier time.
        now = max(self.clock(), alert.raised.raised_at)
        said = Acknowledged(
            alert_id=request.alert_id,
            rule=alert.raised.rule,
            subject=alert.raised.subject,
            acknowledged_by=f"{named} via {caller}" if named and caller and named != caller else named or caller,
            note=request.note,
            acknowledged_at=now,
            silenced_until=now + request.silence_s if request.silence_s else 0,
        )
        try:
            await self.publish(said)
        except BusError as error:
            await abort(context, grpc.StatusCode.UNAVAILABLE, f"not acknowledged: {error}")
        self.board.apply(said, now)
        self.changed()
        return monitor_pb2.AcknowledgeAlertResponse(alert=alert_answer(self.board.alerts[request.alert_id]))


def _matches(alert: AlertState, wanted: monitor_pb2.ListAlertsRequest) -> bool:
    raised = alert.raised
    if raised is None or not alert.stands:
        return False
    return wanted.subject in ("", raised.subject) and wanted.rule in ("", raised.rule)


def _place(alert: AlertState) -> tuple[float, str]:
    return (alert.raised.raised_at, alert.raised.alert_id) if alert.raised else (0.0, "")


def _refusal(request: monitor_pb2.AcknowledgeAlertRequest, by: str) -> str:
    """What isn't accepted of a request; empty where all is."""
    if not 0 < len(by.strip()) <= MAX_NAME_CHARS:
        return f"acknowledged_by has {len(by)} characters, accepted is a name of 1 to {MAX_NAME_CHARS}"
    if len(request.note) > MAX_NOTE_CHARS:
        return f"note has {len(request.note)} characters, accepted are up to {MAX_NOTE_CHARS}"
    if not 0 <= request.silence_s <= MAX_SILENCE_S:
        return f"silence_s is {request.silence_s:g}, accepted is 0 to {MAX_SILENCE_S:g}"
    return ""


async def abort(context: Context, code: grpc.StatusCode, message: str) -> NoReturn:
    await context.abort(code, message)
    raise AssertionError("abort raises")
