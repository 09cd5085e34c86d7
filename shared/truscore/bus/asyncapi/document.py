"""The contract as an AsyncAPI 3.0 document: `python -m truscore.bus.asyncapi > docs/asyncapi.json`."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from google.protobuf import descriptor_pb2

from truscore.bus import topology
from truscore.bus.asyncapi.schemas import schemas_of
from truscore.bus.codec import CONTENT_TYPE, MAX_BODY_BYTES, PREFIX
from truscore.bus.topology import EXCHANGE, TOPOLOGY, Row
from truscore.events import CONTRACT_VERSION

PROTO_DIR: Final = Path(__file__).parents[4] / "proto"
PROTOC_TIMEOUT_S: Final = 60
# Numbers of the lists within the descriptors' own descriptor; a comment's path is made of them.
_MESSAGES_IN_FILE: Final = 4
_FIELDS_IN_MESSAGE: Final = 2

Json = dict[str, Any]

ABOUT: Final = f"""\
Events of the TruScore training system on RabbitMQ, exchange `{EXCHANGE}` (topic, durable).

The body is the protobuf message, at most {MAX_BODY_BYTES} bytes; the schemas show it in protobuf's JSON mapping.
Needed of a publisher: the routing key and the body. Whatever else it sets has to be right: `type` (the full message \
name), `content_type` (`{CONTENT_TYPE}`), CloudEvents 1.0 attributes in headers `{PREFIX}…`. `message_id` is the event \
id: the same id said twice is the same event. Publish persistent and mandatory, and wait for the confirm.
"""


def document(comments: Mapping[str, str]) -> Json:
    """The whole document; `comments` by full protobuf name."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "TruScore training events", "version": CONTRACT_VERSION, "description": ABOUT},
        "defaultContentType": CONTENT_TYPE,
        "servers": {"broker": {"host": "localhost:5672", "protocol": "amqp", "protocolVersion": "0.9.1"}},
        "channels": {row.routing_key: _channel(row) for row in TOPOLOGY},
        "operations": {name: operation for row in TOPOLOGY for name, operation in _operations(row)},
        "components": {
            "messages": {row.descriptor.name: _message(row, comments) for row in TOPOLOGY},
            "schemas": {
                **schemas_of((row.descriptor for row in TOPOLOGY), comments=comments),
                "Headers": _headers(),
            },
            "correlationIds": {"subject": {"location": "$message.header#/correlation_id"}},
        },
    }


def _channel(row: Row) -> Json:
    name = row.descriptor.name
    exchange = {"name": EXCHANGE, "type": "topic", "durable": True, "autoDelete": False}
    return {
        "address": row.routing_key,
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}},
    }


def _message(row: Row, comments: Mapping[str, str]) -> Json:
    return {
        "name": row.type_name,
        "summary": comments.get(row.type_name, ""),
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": "#/components/schemas/Headers"},
        "correlationId": {"$ref": "#/components/correlationIds/subject"},
        "payload": {"$ref": f"#/components/schemas/{row.descriptor.name}"},
        "bindings": {"amqp": {"messageType": row.type_name, "bindingVersion": "0.3.0"}},
    }


def _operations(row: Row) -> Iterator[tuple[str, Json]]:
    channel = {"$ref": f"#/channels/{row.routing_key}"}
    messages = [{"$ref": f"#/channels/{row.routing_key}/messages/{row.descriptor.name}"}]
    for publisher in row.publishers:
        publishing = {"amqp": {"deliveryMode": 2, "mandatory": True, "bindingVersion": "0.3.0"}}
        yield (
            f"{publisher}.publishes.{row.routing_key}",
            {"action": "send", "channel": channel, "messages": messages, "bindings": publishing},
        )
    for listener in row.listeners:
        queue = topology.inbox_name(listener.service, row.routing_key) if listener.inbox else topology.LOG
        yield (
            f"{listener.service}.consumes.{row.routing_key}",
            {"action": "receive", "channel": channel, "messages": messages, "x-queue": queue},
        )


def _headers() -> Json:
    names = ("specversion", "id", "source", "type", "subject", "time")
    return {
        "type": "object",
        "description": "CloudEvents 1.0, binary mode, and W3C trace context. All of it may be left out.",
        "properties": {
            **{f"{PREFIX}{name}": {"type": "string"} for name in names},
            "traceparent": {"type": "string"},
        },
    }


def read_comments(proto_dir: Path = PROTO_DIR) -> dict[str, str]:
    """Leading comments of messages and fields by full name. Needs protoc, which grpcio-tools brings."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set.pb"
        files = [str(path.relative_to(proto_dir)) for path in sorted(proto_dir.rglob("events/**/*.proto"))]
        command = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(proto_dir), "--include_source_info"]
        subprocess.run([*command, f"--descriptor_set_out={out}", *files], check=True, timeout=PROTOC_TIMEOUT_S)
        found = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    return {name: text for file in found.file for name, text in _comments(file)}


def _comments(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        match list(location.path):
            case [kind, at] if kind == _MESSAGES_IN_FILE:
                name = file.message_type[at].name
            case [kind, at, inner, field] if (kind, inner) == (_MESSAGES_IN_FILE, _FIELDS_IN_MESSAGE):
                name = f"{file.message_type[at].name}.{file.message_type[at].field[field].name}"
            case _:
                continue
        yield f"{file.package}.{name}", " ".join(location.leading_comments.split())


def main() -> None:
    """Write the document to the standard output."""
    sys.stdout.write(json.dumps(document(read_comments()), indent=2, ensure_ascii=False) + "\n")
