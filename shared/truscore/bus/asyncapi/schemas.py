"""JSON Schemas of messages, read from their descriptors, in protobuf's JSON mapping with the names of the .proto."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

Schema = dict[str, Any]

_INTEGERS: Final[Mapping[int, Schema]] = {
    FieldDescriptor.TYPE_INT32: {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    # 64 bits don't fit a JSON number everywhere: written as text, read as either.
    FieldDescriptor.TYPE_INT64: {"type": ["string", "integer"], "format": "int64"},
    FieldDescriptor.TYPE_UINT64: {"type": ["string", "integer"], "format": "uint64"},
}
_SCALARS: Final[Mapping[int, Schema]] = {
    **_INTEGERS,
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_DOUBLE: {"oneOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]},
    FieldDescriptor.TYPE_FLOAT: {"oneOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]},
}
_WELL_KNOWN: Final[Mapping[str, Schema]] = {"google.protobuf.Timestamp": {"type": "string", "format": "date-time"}}


def schemas_of(
    messages: Iterable[Descriptor], *, comments: Mapping[str, str], reference: str = "#/components/schemas/"
) -> dict[str, Schema]:
    """Schemas by short name of the messages and of everything within them."""
    found: dict[str, Schema] = {}
    waiting = list(messages)
    while waiting:
        message = waiting.pop()
        if message.name in found or message.full_name in _WELL_KNOWN:
            continue
        found[message.name] = _message(message, comments, reference)
        waiting += [part for field in message.fields if (part := _part(field)) is not None]
    return dict(sorted(found.items()))


def _message(message: Descriptor, comments: Mapping[str, str], reference: str) -> Schema:
    return {
        "type": "object",
        **_described(message.full_name, comments),
        "properties": {field.name: _field(field, comments, reference) for field in message.fields},
        "additionalProperties": False,
        "x-protobuf-message": message.full_name,
    }


def _field(field: FieldDescriptor, comments: Mapping[str, str], reference: str) -> Schema:
    annotations = {**_described(field.full_name, comments), "x-protobuf-field": field.number}
    if (value := _map_value(field)) is not None:
        return {"type": "object", "additionalProperties": _value(value, reference), **annotations}
    if field.is_repeated:
        return {"type": "array", "items": _value(field, reference), **annotations}
    value_schema = _value(field, reference)
    return {"allOf": [value_schema], **annotations} if "$ref" in value_schema else {**value_schema, **annotations}


def _value(field: FieldDescriptor, reference: str) -> Schema:
    if field.enum_type is not None:
        return {"type": "string", "enum": [value.name for value in field.enum_type.values]}
    if field.message_type is None:
        return dict(_SCALARS[field.type])
    known = _WELL_KNOWN.get(field.message_type.full_name)
    return dict(known) if known else {"$ref": f"{reference}{field.message_type.name}"}


def _part(field: FieldDescriptor) -> Descriptor | None:
    """The message that a field is made of, if any."""
    value = _map_value(field)
    return field.message_type if value is None else value.message_type


def _map_value(field: FieldDescriptor) -> FieldDescriptor | None:
    """The value's field where the field is a map."""
    entry = field.message_type
    if entry is None or not entry.GetOptions().map_entry:
        return None
    return entry.fields_by_name["value"]


def _described(name: str, comments: Mapping[str, str]) -> Schema:
    return {"description": comments[name]} if name in comments else {}
