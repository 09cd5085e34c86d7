"""Events as AMQP messages and back: protobuf body, CloudEvents 1.0 attributes (binary mode) in the headers. Pure.

A client needs nothing but the body and a routing key. What it leaves out is filled in (`type` from the routing key,
the id from the content); what it does say must be right, or the message is refused with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

from google.protobuf.message import DecodeError, Message

from truscore.bus.envelope import Envelope, event_id
from truscore.bus.errors import Undecodable
from truscore.bus.topology import Row
from truscore.bus.trace import valid_traceparent

CONTENT_TYPE: Final = "application/protobuf"
ACCEPTED_CONTENT_TYPES: Final = frozenset(
    {"", CONTENT_TYPE, "application/x-protobuf", "application/vnd.google.protobuf", "application/octet-stream"}
)
MAX_BODY_BYTES: Final = 2**20
MAX_ATTRIBUTE_CHARS: Final = 1024
PREFIX: Final = "cloudEvents_"
RETRIES_HEADER: Final = "truscore-retries"

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wire:
    """A message as AMQP carries it."""

    body: bytes
    type: str = ""
    content_type: str = ""
    content_encoding: str = ""
    message_id: str = ""
    correlation_id: str = ""
    app_id: str = ""
    user_id: str = ""
    timestamp: datetime | None = None
    headers: Mapping[str, Any]


def encode(event: Message, envelope: Envelope) -> Wire:
    """The event with everything the contract wants on the wire. ValueError where the body is too large."""
    body = event.SerializeToString(deterministic=True)
    if len(body) > MAX_BODY_BYTES:
        raise ValueError(
            f"{envelope.type} about {envelope.subject!r} has {len(body)} bytes, at most {MAX_BODY_BYTES} are accepted: "
            "put large things in the store and name them"
        )
    headers = {
        f"{PREFIX}specversion": "1.0",
        f"{PREFIX}id": envelope.event_id,
        f"{PREFIX}source": envelope.source,
        f"{PREFIX}type": envelope.type,
        f"{PREFIX}subject": envelope.subject,
        f"{PREFIX}time": envelope.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        **({"traceparent": envelope.traceparent} if envelope.traceparent else {}),
    }
    return Wire(
        body=body,
        type=envelope.type,
        content_type=CONTENT_TYPE,
        message_id=envelope.event_id,
        correlation_id=envelope.correlation_id,
        app_id=envelope.source,
        user_id=envelope.user,
        timestamp=envelope.time,
        headers=headers,
    )


def decode(wire: Wire, row: Row, *, received: datetime) -> tuple[Message, Envelope]:
    """The event and its envelope. `row` is what the queue or routing key promises; Undecodable says what is wrong."""
    attributes = _attributes(wire.headers)
    _check_type(wire, attributes, row)
    _check_content(wire)
    _check_cloudevent(attributes)
    event = _parse(wire.body, row)
    subject = _text(attributes.get("subject")) or wire.correlation_id or subject_of(event)
    source = _text(attributes.get("source")) or wire.app_id or "upstream"
    return event, Envelope(
        event_id=_text(attributes.get("id")) or wire.message_id or _derived_id(wire.body, source, row),
        type=row.type_name,
        source=source,
        subject=subject,
        time=_time(attributes.get("time")) or wire.timestamp or received,
        correlation_id=wire.correlation_id or subject,
        traceparent=valid_traceparent(wire.headers.get("traceparent")),
        delivery=1 + count(wire.headers, RETRIES_HEADER) + count(wire.headers, "x-delivery-count"),
        user=wire.user_id,
    )


def subject_of(event: Message) -> str:
    """What an event is about, read from its fields: the run, or "dataset/version"."""
    if run_id := getattr(event, "run_id", ""):
        return str(run_id)
    if dataset_id := getattr(event, "dataset_id", ""):
        return f"{dataset_id}/{getattr(event, 'version', '') or getattr(event, 'dataset_version', '')}"
    return str(getattr(event, "subject", "") or getattr(event, "host", ""))


def count(headers: Mapping[str, Any], name: str) -> int:
    """A counting header; 0 where it is absent or no count."""
    value = headers.get(name, 0)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _attributes(headers: Mapping[str, Any]) -> dict[str, Any]:
    return {short: value for name, value in headers.items() if (short := _attribute(name)) is not None}


@lru_cache(maxsize=256)
def _attribute(header: str) -> str | None:
    # The specification lets a sender write "cloudEvents:" as well.
    return header[len(PREFIX) :] if header.startswith((PREFIX, "cloudEvents:")) else None


def _check_type(wire: Wire, attributes: Mapping[str, Any], row: Row) -> None:
    for where, stated in (("type", wire.type), (f"{PREFIX}type", _text(attributes.get("type")))):
        if stated and stated != row.type_name:
            raise Undecodable(f"wrong type: {where} is {stated!r}, {row.routing_key!r} carries {row.type_name!r}")


def _check_content(wire: Wire) -> None:
    if wire.content_type != CONTENT_TYPE and _media_type(wire.content_type) not in ACCEPTED_CONTENT_TYPES:
        accepted = ", ".join(sorted(ACCEPTED_CONTENT_TYPES - {""}))
        raise Undecodable(f"content_type is {wire.content_type!r}; accepted are {accepted} or none")
    if wire.content_encoding and wire.content_encoding.lower() not in {"identity", "binary"}:
        raise Undecodable(f"content_encoding is {wire.content_encoding!r}; accepted is none")
    if len(wire.body) > MAX_BODY_BYTES:
        raise Undecodable(f"the body has {len(wire.body)} bytes; at most {MAX_BODY_BYTES} are accepted")


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _check_cloudevent(attributes: Mapping[str, Any]) -> None:
    long = [name for name, value in attributes.items() if len(_text(value)) > MAX_ATTRIBUTE_CHARS]
    if long:
        raise Undecodable(f"{PREFIX}{long[0]} is longer than {MAX_ATTRIBUTE_CHARS} characters")
    version = _text(attributes.get("specversion"))
    if not version:
        return
    if version != "1.0":
        raise Undecodable(f"{PREFIX}specversion is {version!r}; accepted is '1.0'")
    missing = [f"{PREFIX}{name}" for name in ("id", "source", "type") if not _text(attributes.get(name))]
    if missing:
        raise Undecodable(f"the CloudEvent lacks {', '.join(missing)}; leave out specversion to have them filled in")


def _parse(body: bytes, row: Row) -> Message:
    event = row.message()
    try:
        event.ParseFromString(body)
    except DecodeError as error:
        raise Undecodable(f"the {len(body)} bytes of the body are no {row.type_name}: {error}") from error
    if not body or not event.ListFields():
        raise Undecodable(f"the {len(body)} bytes of the body set no field of {row.type_name}")
    return event


def _derived_id(body: bytes, source: str, row: Row) -> str:
    return event_id(source=source, subject=row.routing_key, type_name=row.type_name, sequence=body.hex())


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _time(value: object) -> datetime | None:
    """CloudEvents time: RFC 3339 text, an AMQP timestamp, or milliseconds since 1970; None where it is none of them."""
    try:
        if isinstance(value, datetime):
            moment = value
        elif isinstance(value, int):
            moment = datetime.fromtimestamp(value / 1000, tz=UTC)
        else:
            moment = datetime.fromisoformat(_text(value))
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
