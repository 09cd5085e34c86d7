"""The audit record on the broker: a stream that only the monitor may write to, and reading it from its beginning."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import AMQPError
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from yarl import URL

from truscore.api.v1 import audit_pb2
from truscore.audit import AuditRecord, Request
from truscore.bus.broker import AWAY, Bus
from truscore.bus.errors import BusUnavailable
from truscore.bus.publisher import publish
from truscore.bus.topology import AUDIT

TIMEOUT_S: Final = 10
PREFETCH: Final = 200
MARKER_HEADER: Final = "truscore-marker"
BILLION: Final = 10**9
LAST_SECOND: Final = 253_402_300_799  # the end of the year 9999, the last that a Timestamp may name


async def append_audit(bus: Bus, record: AuditRecord) -> None:
    """Put a record at the end of the stream; returns once the broker has it. Raises what `publish` raises."""
    body = audit_message(record).SerializeToString(deterministic=True)
    message = aio_pika.Message(
        body,
        type=str(audit_pb2.AuditRecord.DESCRIPTOR.full_name),
        content_type="application/protobuf",
        user_id=bus.user,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    await publish(bus, AUDIT, AUDIT, message, timeout_s=TIMEOUT_S)


async def read_audit(amqp_url: str) -> AsyncIterator[AuditRecord]:
    """Every entry that is there now, oldest first, as it is stored; what is no record has the sequence 0.

    Over a connection of its own that is not restored, so that nothing is read twice. Raises BusUnavailable.
    """
    where, marker = str(URL(amqp_url).with_password(None)), uuid4().hex
    try:
        connection = await aio_pika.connect(amqp_url, timeout=TIMEOUT_S)
        async with connection:
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=PREFETCH, timeout=TIMEOUT_S)
            # Bounded by the prefetch: an entry is acknowledged when it is taken out.
            received: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
            queue = await channel.get_queue(AUDIT, ensure=False)
            await queue.consume(received.put, arguments={"x-stream-offset": "first"}, timeout=TIMEOUT_S)
            exchange = await channel.get_exchange(AUDIT, ensure=False)
            end = aio_pika.Message(b"", headers={MARKER_HEADER: marker})
            await exchange.publish(end, AUDIT, timeout=TIMEOUT_S)
            while True:
                async with asyncio.timeout(TIMEOUT_S):
                    message = await received.get()
                await message.ack()
                found = message.headers.get(MARKER_HEADER)
                if found == marker:
                    return
                if not found:
                    yield _stored(message.body)
    except (*AWAY, AMQPError) as error:
        raise BusUnavailable(f"{where} did not show the stream {AUDIT!r} to its end: {error!r}") from error


def audit_message(record: AuditRecord) -> audit_pb2.AuditRecord:
    """The record as the contract has it."""
    request = record.request
    return audit_pb2.AuditRecord(
        sequence=record.sequence,
        action=request.action,
        subject=request.subject,
        identity=request.identity,
        requested_by=request.requested_by,
        source=request.source,
        requested_at=_timestamp(request.requested_at_ns),
        event_id=request.event_id,
        event_type=request.event_type,
        log_offset=request.log_offset,
        content=request.content,
        previous_hash=record.previous_hash,
        hash=record.hash,
    )


def audit_record(message: audit_pb2.AuditRecord) -> AuditRecord:
    """The contract's message as a record; nothing of it is checked."""
    return AuditRecord(
        sequence=message.sequence,
        request=Request(
            action=message.action,
            subject=message.subject,
            identity=message.identity,
            requested_by=message.requested_by,
            source=message.source,
            requested_at_ns=message.requested_at.seconds * BILLION + message.requested_at.nanos,
            event_id=message.event_id,
            event_type=message.event_type,
            log_offset=message.log_offset,
            content=message.content,
        ),
        previous_hash=message.previous_hash,
        hash=message.hash,
    )


def _stored(body: bytes) -> AuditRecord:
    message = audit_pb2.AuditRecord()
    try:
        message.ParseFromString(body)
    except DecodeError:
        message.Clear()
    return audit_record(message)


def _timestamp(at_ns: int) -> Timestamp:
    seconds, nanos = divmod(at_ns, BILLION)
    return Timestamp(seconds=seconds, nanos=nanos)
