"""The pages of the contract: every message, from the comments of the .proto files and the topology."""

from collections.abc import Iterator, Mapping

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from truscore.access import LEAST_ROLES
from truscore.bus.asyncapi.document import document

from docs.generate.protos import comments, files, type_of
from docs.generate.tables import table

EVENTS = """# Events

The messages of `truscore.events.v1` on the exchange `truscore.events` (topic, durable). The body is the protobuf
message, the routing key says which; [`asyncapi.json`](../asyncapi.json) says the same for machines, as AsyncAPI 3.0.
What a version promises: [versions of the contract](../explanation/contract-versions.md).
"""
API = """# gRPC

What the monitor, the experiment tracker and the hyper-parameter search answer to reads (`truscore.api.v1`), to who
shows [a token](../operations.md#who-may-ask-over-grpc) of the role that the method needs at least. Every service also
answers the standard gRPC health check, to everybody, and these three reflection, to readers. Addresses:
[settings](settings.md).
"""


def events_page() -> str:
    return "\n".join([EVENTS, *_keys(), *_files("truscore/events/")]) + "\n"


def api_page() -> str:
    return "\n".join([API, *_files("truscore/api/")]) + "\n"


def _keys() -> Iterator[str]:
    """Which message goes by which routing key, from whom to whom."""
    contract = document({})
    yield "## Routing keys\n"
    rows = [
        (
            f"`{key}`",
            _linked(next(iter(channel["messages"]))),
            ", ".join(_partners(contract, key, "send")),
            ", ".join(_partners(contract, key, "receive")),
        )
        for key, channel in contract["channels"].items()
    ]
    yield from table(("routing key", "message", "published by", "consumed by"), rows)
    yield "\nA consumer with a queue of its own is named with it; the others read the stream `truscore.log`.\n"


def _partners(contract: Mapping[str, Mapping[str, Mapping[str, object]]], key: str, action: str) -> Iterator[str]:
    for name, operation in contract["operations"].items():
        if operation["channel"] == {"$ref": f"#/channels/{key}"} and operation["action"] == action:
            service, queue = name.split(".")[0], str(operation.get("x-queue", ""))
            yield f"{service} (`{queue}`)" if queue.startswith(service) else service


def _linked(name: str) -> str:
    return f"[`{name}`](#{name.lower()})"


def _files(prefix: str) -> Iterator[str]:
    for file in files():
        if file.name.startswith(prefix):
            yield f"## `{file.name.rsplit('/', 1)[-1]}`\n"
            yield from _file(file)


def _file(file: FileDescriptorProto) -> Iterator[str]:
    texts = comments(file)
    for service in file.service:
        yield from (f"### {service.name}\n", texts.get(service.name, "") + "\n")
        rows = [
            (
                f"`{method.name}`",
                f"`{_short(method.input_type)}`",
                ("stream of " if method.server_streaming else "") + f"`{_short(method.output_type)}`",
                str(LEAST_ROLES[f"/{file.package}.{service.name}/{method.name}"]),
                texts.get(f"{service.name}.{method.name}", ""),
            )
            for method in service.method
        ]
        yield from (*table(("method", "request", "answer", "role", "meaning"), rows), "")
    for message in file.message_type:
        yield from _message(message, texts)
    for enum in file.enum_type:
        yield from (f"### {enum.name}\n", texts.get(enum.name, "") + "\n")
        values = [
            (f"`{value.name}`", str(value.number), texts.get(f"{enum.name}.{value.name}", "")) for value in enum.value
        ]
        yield from (*table(("value", "number", "meaning"), values), "")


def _message(message: DescriptorProto, texts: Mapping[str, str]) -> Iterator[str]:
    yield from (f"### {message.name}\n", texts.get(message.name, "") + "\n")
    rows = [
        (
            f"`{field.name}`",
            f"`{type_of(field, message)}`",
            str(field.number),
            texts.get(f"{message.name}.{field.name}", ""),
        )
        for field in message.field
    ]
    if rows:
        yield from (*table(("field", "type", "number", "meaning"), rows), "")


def _short(type_name: str) -> str:
    return type_name.rsplit(".", 1)[-1]
