"""Requests of people as the audit record has them, and its gRPC service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message
from truscore.api.v1 import audit_pb2, audit_pb2_grpc
from truscore.audit import AuditRecord, Request
from truscore.bus import BusError, Envelope
from truscore.bus.audit_stream import audit_message
from truscore.events.v1 import control_pb2, dataset_pb2, model_pb2, search_pb2, telemetry_pb2

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

MAX_CONTENT_CHARS = 16_000
MAX_CHARS = 1000
MAX_READS = 2

ACTIONS: Mapping[type[Message], str] = {
    dataset_pb2.DatasetReady: "submit",
    model_pb2.ExportOrdered: "export",
    control_pb2.RunCancel: "cancel",
    control_pb2.RunPause: "pause",
    control_pb2.RunResume: "resume",
    model_pb2.ModelPromote: "promote",
    control_pb2.DeadLettersReplay: "replay",
    control_pb2.DeadLettersDiscard: "discard",
    control_pb2.RetentionOrdered: "delete",
    search_pb2.SearchOrdered: "search",
    search_pb2.SearchCancel: "cancel_search",
    telemetry_pb2.AlertAcknowledged: "acknowledge",
}


def request_of(message: Message, envelope: Envelope, log_offset: int) -> Request | None:
    """What the event asks for; None where it asks for nothing."""
    named = message.action[:MAX_CHARS] if isinstance(message, control_pb2.ActionRecorded) else ""
    action = named or ACTIONS.get(type(message))
    if action is None:
        return None
    return Request(
        action=action,
        subject=_subject(message)[:MAX_CHARS],
        identity=envelope.user,
        requested_by=_requested_by(message)[:MAX_CHARS],
        source=envelope.source[:MAX_CHARS],
        requested_at_ns=round(envelope.time.timestamp() * 1e6) * 1000,
        event_id=envelope.event_id[:MAX_CHARS],
        event_type=envelope.type,
        log_offset=log_offset,
        content=_content(message),
    )


def _subject(message: Message) -> str:
    if isinstance(message, dataset_pb2.DatasetReady):
        return f"{message.dataset_id}/{message.version}"
    if isinstance(message, model_pb2.ModelPromote):
        return f"{message.model_id}/{message.version}"
    names = ("run_id", "plan", "search_id", "service", "subject")
    return next((str(getattr(message, name)) for name in names if getattr(message, name, "")), "")


def _requested_by(message: Message) -> str:
    names = ("requested_by", "acknowledged_by")
    return next((str(getattr(message, name)) for name in names if getattr(message, name, "")), "")


def _content(message: Message) -> str:
    text = json_format.MessageToJson(message, preserving_proto_field_name=True, indent=None, sort_keys=True)
    if len(text) <= MAX_CONTENT_CHARS:
        return text
    body = message.SerializeToString(deterministic=True)
    return f'{{"sha256": "{sha256(body).hexdigest()}", "size_bytes": {len(body)}}}'


class AuditReads(audit_pb2_grpc.AuditServiceServicer):
    """Answers from the stream itself, a few at a time: what is listed is what is stored."""

    def __init__(self, read: Callable[[], AsyncIterator[AuditRecord]]) -> None:
        self._read = read
        self._slots = asyncio.Semaphore(MAX_READS)

    def add_to(self, server: grpc.aio.Server) -> None:
        audit_pb2_grpc.add_AuditServiceServicer_to_server(self, server)

    async def ListAuditRecords(  # noqa: N802  the contract's name
        self, request: audit_pb2.ListAuditRecordsRequest, context: Context
    ) -> AsyncIterator[audit_pb2.ListAuditRecordsResponse]:
        async with self._slots:
            try:
                async for record in self._read():
                    if _matches(record, request):
                        yield audit_pb2.ListAuditRecordsResponse(record=audit_message(record))
            except BusError as error:
                await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))


def _matches(record: AuditRecord, wanted: audit_pb2.ListAuditRecordsRequest) -> bool:
    asked = record.request
    return (
        record.sequence >= wanted.first_sequence
        and wanted.subject in ("", asked.subject)
        and wanted.action in ("", asked.action)
        and wanted.identity in ("", asked.identity)
        and wanted.requested_by in ("", asked.requested_by)
    )
