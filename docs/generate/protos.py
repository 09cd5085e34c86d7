"""The .proto files as descriptors with their comments. Needs protoc, which grpcio-tools brings."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

PROTO_DIR: Final = Path(__file__).parents[2] / "proto"
PROTOC_TIMEOUT_S: Final = 60
# Numbers of the lists within the descriptors' own descriptor; a comment's path is made of them.
_MESSAGE, _ENUM, _SERVICE = 4, 5, 6
_WITHIN: Final = {(_MESSAGE, 2): "field", (_ENUM, 2): "value", (_SERVICE, 2): "method"}
_TOP: Final = {_MESSAGE: "message_type", _ENUM: "enum_type", _SERVICE: "service"}
_SCALARS: Final = {number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()}


@cache
def files() -> tuple[FileDescriptorProto, ...]:
    """All files of the contract, in the order of their paths."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set.pb"
        names = [str(path.relative_to(PROTO_DIR)) for path in sorted(PROTO_DIR.rglob("*.proto"))]
        command = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(PROTO_DIR), "--include_source_info"]
        subprocess.run([*command, f"--descriptor_set_out={out}", *names], check=True, timeout=PROTOC_TIMEOUT_S)
        found = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    return tuple(sorted(found, key=lambda file: file.name))


def comments(file: FileDescriptorProto) -> Mapping[str, str]:
    """Leading comments by `Name` and `Name.member`, in one line each."""
    return {name: " ".join(text.split()) for name, text in _comments(file)}


def _comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        match list(location.path):
            case [kind, at] if kind in _TOP:
                yield getattr(file, _TOP[kind])[at].name, location.leading_comments
            case [kind, at, inner, member] if (kind, inner) in _WITHIN:
                owner = getattr(file, _TOP[kind])[at]
                name = getattr(owner, _WITHIN[kind, inner])[member].name
                yield f"{owner.name}.{name}", location.leading_comments


def type_of(field: FieldDescriptorProto, owner: descriptor_pb2.DescriptorProto) -> str:
    """The field's type as a .proto file writes it."""
    plain = field.type_name.rsplit(".", 1)[-1] or _SCALARS[field.type]
    for entry in owner.nested_type:
        if entry.options.map_entry and entry.name == plain:
            key, value = (type_of(part, entry) for part in entry.field)
            return f"map<{key}, {value}>"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {plain}"
    return f"optional {plain}" if field.proto3_optional else plain
