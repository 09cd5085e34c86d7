"""Weights alone in INT8, per output channel: the arithmetic stays in float, and the file is a quarter of its size.

Each weight is stored as w / s rounded, s being the largest magnitude of its output channel over 127, or in INT16 over
32,767 where a layer is sensitive, and is brought back by Cast and Mul. Those have constants alone as inputs:
onnxruntime folds them when it loads the file, after which it runs what the float file runs. DequantizeLinear would say
the same, and is left in place for kernels in INT8: then weights are brought back at every picture.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

LARGEST = {np.dtype(np.int8): 127, np.dtype(np.int16): 32767}
# What is smaller than this weighs less than the constants that INT8 adds.
LEAST_WEIGHTS = 256


def stored_weights(path: Path) -> dict[str, int]:
    """How many weights each node multiplies by, in the order of the graph, those of graphs within its nodes too. Nodes
    that share their weights are named by the first of them."""
    graph = onnx.load(path).graph
    weights = _weights(graph)
    first: dict[str, str] = {}
    for node in _nodes(graph):
        if _stored_axis(node, weights) is not None:
            first.setdefault(node.input[1], node.name)
    return {name: int(np.prod(weights[weight].dims)) for weight, name in first.items()}


def store_weights(source: Path, target: Path, *, in_int16: Collection[str]) -> None:
    """The graph with its weights in INT8, but those of the nodes named, which are in INT16."""
    model = onnx.load(source)
    graph = model.graph
    weights = _weights(graph)
    kinds: dict[str, np.dtype[Any]] = {}
    made: dict[tuple[str, int], str] = {}
    added: list[onnx.NodeProto] = []
    for node in _nodes(graph):
        axis = _stored_axis(node, weights)
        if axis is None:
            continue
        weight = weights[node.input[1]]
        kind = kinds.setdefault(weight.name, np.dtype(np.int16 if node.name in in_int16 else np.int8))
        key = (weight.name, axis)
        if key not in made:
            made[key] = f"{weight.name}.{axis}.{kind}"
            added += _stored(graph, weight, kind, axis=axis, name=made[key])
        node.input[1] = made[key]
    _drop_unused(graph, set(kinds))
    for node in reversed(added):
        graph.node.insert(0, node)
    onnx.save(model, target)


def _stored(
    graph: onnx.GraphProto, weight: onnx.TensorProto, kind: "np.dtype[Any]", *, axis: int, name: str
) -> list[onnx.NodeProto]:
    values = numpy_helper.to_array(weight)
    others = tuple(each for each in range(values.ndim) if each != axis)
    scale = np.abs(values).max(axis=others, keepdims=True) / LARGEST[kind]
    scale = np.where(scale > 0, scale, 1).astype(np.float32)
    rounded = np.clip(np.rint(values / scale), -LARGEST[kind], LARGEST[kind]).astype(kind)
    graph.initializer.append(numpy_helper.from_array(rounded, f"{name}.stored"))
    graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
    return [
        helper.make_node("Cast", [f"{name}.stored"], [f"{name}.cast"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.cast", f"{name}.scale"], [name]),
    ]


def _weights(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    return {
        each.name: each
        for each in graph.initializer
        if each.data_type == onnx.TensorProto.FLOAT and len(each.dims) >= 2 and np.prod(each.dims) >= LEAST_WEIGHTS
    }


def _stored_axis(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto]) -> int | None:
    """Of a node whose weights can be stored in INT8, the axis that has a scale for each; None of all others."""
    axis = _output_axis(node)
    if axis is None or node.input[1] not in weights:
        return None
    return axis % len(weights[node.input[1]].dims)


def _output_axis(node: onnx.NodeProto) -> int | None:
    """Of the second input, the axis that a scale for each belongs to; None of nodes that have no weights."""
    if node.op_type == "Conv":
        return 0
    if node.op_type == "ConvTranspose":
        return 1
    if node.op_type == "MatMul":
        return -1
    if node.op_type == "Gemm":
        transposed = next((each.i for each in node.attribute if each.name == "transB"), 0)
        return 0 if transposed else 1
    return None


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Of the graph and of those within its nodes, which see its constants by name."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _nodes(attribute.g)


def _drop_unused(graph: onnx.GraphProto, names: Collection[str]) -> None:
    used = {name for node in _nodes(graph) for name in node.input} | {each.name for each in graph.output}
    left = [each for each in graph.initializer if each.name not in names or each.name in used]
    del graph.initializer[:]
    graph.initializer.extend(left)
