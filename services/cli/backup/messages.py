"""A message of the broker as a line of JSON, and back, byte for byte. Pure."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

PROPERTIES: Final = (
    "content_type", "content_encoding", "correlation_id", "message_id", "type", "app_id", "user_id"
)  # fmt: skip
# Says where in the stream a message lay; the broker gives it a new place.
NOT_KEPT: Final = frozenset({"x-stream-offset"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A message: where it was published to, its properties and its body."""

    routing_key: str
    properties: Mapping[str, Any]
    timestamp: datetime | None
    headers: Mapping[str, Any]
    body: bytes


def entry_of(message: Any) -> Entry:
    """Of a delivered message."""
    properties = {name: str(value) for name in PROPERTIES if (value := getattr(message, name)) is not None}
    headers = {name: value for name, value in message.headers.items() if name not in NOT_KEPT}
    return Entry(
        routing_key=message.routing_key or "",
        properties=properties,
        timestamp=message.timestamp,
        headers=headers,
        body=message.body,
    )


def to_plain(entry: Entry) -> dict[str, Any]:
    """For JSON."""
    return {
        "routing_key": entry.routing_key,
        "properties": dict(entry.properties),
        "timestamp": entry.timestamp.timestamp() if entry.timestamp else None,
        "headers": {name: _plain(value) for name, value in entry.headers.items()},
        "body": b64encode(entry.body).decode(),
    }


def from_plain(plain: Mapping[str, Any]) -> Entry:
    """Of what ``to_plain`` gave. KeyError and ValueError where it is something else."""
    at = plain["timestamp"]
    return Entry(
        routing_key=plain["routing_key"],
        properties=plain["properties"],
        timestamp=None if at is None else datetime.fromtimestamp(at, tz=UTC),
        headers={name: _value(value) for name, value in plain["headers"].items()},
        body=b64decode(plain["body"]),
    )


def _plain(value: object) -> object:
    """AMQP's tables know bytes and times, which JSON does not."""
    match value:
        case bytes() | bytearray():
            return {"bytes": b64encode(value).decode()}
        case datetime():
            return {"time": value.timestamp()}
        case dict():
            return {"table": {name: _plain(part) for name, part in value.items()}}
        case list() | tuple():
            return [_plain(part) for part in value]
        case None | bool() | int() | float() | str():
            return value
    return str(value)


def _value(plain: Any) -> Any:
    match plain:
        case {"bytes": str(text)}:
            return b64decode(text)
        case {"time": float() | int() as at}:
            return datetime.fromtimestamp(at, tz=UTC)
        case {"table": dict(parts)}:
            return {name: _value(part) for name, part in parts.items()}
        case list():
            return [_value(part) for part in plain]
    return plain
