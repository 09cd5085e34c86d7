"""Golden bytes: one message of each type with every field set. `python -m tests.contract.golden` writes missing ones.

Bytes that were once published lie in logs and other people's code, so a file that exists is never written over.
"""

import json
import sys
from pathlib import Path
from typing import Any, cast

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from truscore.bus import TOPOLOGY

FOLDER = Path(__file__).parents[1] / "data" / "golden"
FIELDS = FOLDER / "fields.json"
_TYPE_NAMES = {
    number: name.removeprefix("TYPE_").lower()
    for name, number in vars(FieldDescriptor).items()
    if name.startswith("TYPE_")
}
MOMENT = Timestamp(seconds=1_700_000_000, nanos=250_000_000)


def specimen(message_type: type[Message]) -> Message:
    """A message with every field set to something that tells it from its neighbours."""
    message = message_type()
    _fill(message)
    return message


def _fill(message: Message) -> None:
    if isinstance(message, Timestamp):
        message.CopyFrom(MOMENT)
        return
    for field in cast("Descriptor", message.DESCRIPTOR).fields:
        target = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_name["value"]
            target.update({name: _scalar(value, index) for index, name in enumerate(("first", "second"))})
        elif field.message_type is not None:
            for part in (target.add(), target.add()) if field.is_repeated else (target,):
                _fill(part)
        elif field.is_repeated:
            target.extend([_scalar(field, 0), _scalar(field, 1)])
        else:
            setattr(message, field.name, _scalar(field, 0))


def _scalar(field: FieldDescriptor, index: int) -> Any:
    match field.type:
        case FieldDescriptor.TYPE_STRING:
            return f"{field.name}-{index}"
        case FieldDescriptor.TYPE_BOOL:
            return True
        case FieldDescriptor.TYPE_DOUBLE | FieldDescriptor.TYPE_FLOAT:
            return field.number + index + 0.5
        case _:
            return field.number + index


def as_json(message: Message) -> str:
    """Readable form of the bytes, with the names of the .proto."""
    return json_format.MessageToJson(message, preserving_proto_field_name=True, sort_keys=True) + "\n"


def field_table() -> dict[str, dict[str, list[Any]]]:
    """Number, type and whether repeated, of every field of every message in the events package."""
    messages: dict[str, dict[str, list[Any]]] = {}
    for file in {row.descriptor.file for row in TOPOLOGY}:
        for message in file.message_types_by_name.values():
            messages[message.full_name] = {field.name: _shape(field) for field in message.fields}
    return dict(sorted(messages.items()))


def _shape(field: FieldDescriptor) -> list[Any]:
    inner: Descriptor | None = field.message_type
    kind = inner.full_name if inner is not None else _TYPE_NAMES[field.type]
    return [field.number, kind, "repeated" if field.is_repeated else "single"]


def main() -> None:
    """Write what is missing."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for row in TOPOLOGY:
        message = specimen(row.message)
        binary = FOLDER / f"{row.descriptor.name}.bin"
        if not binary.exists():
            binary.write_bytes(message.SerializeToString(deterministic=True))
            binary.with_suffix(".json").write_text(as_json(message))
            sys.stdout.write(f"wrote {binary.name}\n")
    known = json.loads(FIELDS.read_text()) if FIELDS.exists() else {}
    table = {name: fields | known.get(name, {}) for name, fields in field_table().items()}
    FIELDS.write_text(json.dumps({**known, **table}, indent=1) + "\n")


if __name__ == "__main__":
    main()
