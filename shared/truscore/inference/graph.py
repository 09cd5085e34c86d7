"""What is inside an ONNX file, as far as it takes to ask for a tensor that is no output: read from its bytes.

An ONNX file is a protobuf message (onnx.proto3, ModelProto), and in protobuf a message that is followed by another of
its kind is merged with it: an output is added by bytes at the end, and nothing of the file has to be written anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass

# Numbers of fields in onnx.proto3.
_MODEL_GRAPH, _GRAPH_NODE, _GRAPH_OUTPUT, _NODE_OUTPUT, _NODE_OP, _VALUE_NAME = 7, 1, 12, 2, 4, 1
_BYTES = 2  # wire type of strings and messages


class NoGraph(ValueError):
    """The bytes are no ONNX file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """An operation and its first output; the order in a file is one in which they can be computed."""

    operation: str
    output: str


def nodes_of(file: bytes) -> list[Node]:
    """Of the graph, without those of loops and branches in it. Raises NoGraph."""
    found = []
    for number, graph in _fields(memoryview(file)):
        if number == _MODEL_GRAPH:
            found += [_node(node) for part, node in _fields(graph) if part == _GRAPH_NODE]
    return [node for node in found if node.output]


def _node(content: memoryview) -> Node:
    operation, output = "", ""
    for number, value in _fields(content):
        if number == _NODE_OP:
            operation = bytes(value).decode()
        elif number == _NODE_OUTPUT and not output:
            output = bytes(value).decode()
    return Node(operation=operation, output=output)


def with_outputs(file: bytes, names: list[str]) -> bytes:
    """The file with tensors of these names among its outputs; the runtime finds out their types."""
    outputs = b"".join(_field(_GRAPH_OUTPUT, _field(_VALUE_NAME, name.encode())) for name in names)
    return file + _field(_MODEL_GRAPH, outputs)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _fields(content: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Fields that hold bytes; the others are passed over. Raises NoGraph."""
    at = 0
    while at < len(content):
        key, at = _read_varint(content, at)
        match key & 7:
            case 0:  # a number
                _, at = _read_varint(content, at)
            case 1:
                at += 8
            case 5:
                at += 4
            case 2:  # bytes
                length, at = _read_varint(content, at)
                if at + length > len(content):
                    raise NoGraph("a part of it is missing")
                yield key >> 3, content[at : at + length]
                at += length
            case kind:
                raise NoGraph(f"a field of kind {kind} is none of ONNX's")


def _read_varint(content: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(content) and shift < 70:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise NoGraph("a number in it does not end")
