"""What arrived, in our words: aio-pika's message as a Wire, and the copies that are sent on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from truscore.bus.codec import MAX_ATTRIBUTE_CHARS, Wire

MAX_HEADERS: Final = 64
_CARRIED: Final = ("cloudEvents", "truscore-", "traceparent", "tracestate", "baggage")


def wire_of(message: AbstractIncomingMessage) -> Wire:
    """The delivered message as the codec reads it."""
    return Wire(
        body=message.body,
        type=message.type or "",
        content_type=message.content_type or "",
        content_encoding=message.content_encoding or "",
        message_id=message.message_id or "",
        correlation_id=message.correlation_id or "",
        app_id=message.app_id or "",
        user_id=message.user_id or "",
        timestamp=message.timestamp,
        headers=message.headers,
    )


def carried(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Headers that a copy keeps: ours and the trace's, and no more than a frame holds beside what we add."""
    kept = {
        name: value
        for name, value in headers.items()
        if name.startswith(_CARRIED)
        and isinstance(value, str | bytes | int | float | bool | datetime)
        and (not isinstance(value, str | bytes) or len(value) <= MAX_ATTRIBUTE_CHARS)
    }
    return dict(list(kept.items())[:MAX_HEADERS])


def copy_of(message: AbstractIncomingMessage, headers: Mapping[str, Any]) -> aio_pika.Message:
    """The same message with other headers, persistent and without an expiry of its own."""
    return aio_pika.Message(
        message.body,
        type=message.type,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        app_id=message.app_id,
        timestamp=message.timestamp,
        headers=dict(headers),
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
