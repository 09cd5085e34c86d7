"""An ONNX graph in the types that an engine computes in: TensorRT's builder takes a graph's types as they are written.

What is written here onnxruntime runs, too, so that a graph is held to the gate in the types of its engine.
"""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# What is multiplied by weights; everything else, above all places in a picture, keeps its single precision.
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
LARGEST = float(np.finfo(np.float16).max)


class BeyondHalf(ValueError):
    """A weight that is no number in half precision."""


def in_single(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with single precision in place of double, which TensorRT does not have: its parser would say nothing
    and compute in single."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    for graph in _graphs(copied.graph):
        del graph.value_info[:]
        for held in graph.initializer:
            held.CopyFrom(_single(held))
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.name == "to" and attribute.i == TensorProto.DOUBLE:
                    attribute.i = TensorProto.FLOAT
                if attribute.type == onnx.AttributeProto.TENSOR:
                    attribute.t.CopyFrom(_single(attribute.t))
    return copied


def in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights, and what they are multiplied by, in half precision. Raises BeyondHalf."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    graph = copied.graph
    weights = {held.name: held for held in graph.initializer if held.data_type == TensorProto.FLOAT}
    halves: dict[str, str] = {}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type not in WEIGHTED or not any(name in weights for name in node.input[1:]):
            nodes.append(node)
            continue
        for place, name in enumerate(node.input):
            if name in weights and name not in halves:
                halves[name] = f"{name}.half"
                graph.initializer.append(_half(weights[name], halves[name]))
            elif name and name not in halves:
                halves[name] = f"{name}.half"
                nodes.append(helper.make_node("Cast", [name], [halves[name]], to=TensorProto.FLOAT16))
            node.input[place] = halves.get(name, name)
        single = node.output[0]
        node.output[0] = f"{single}.half_result"
        nodes += [node, helper.make_node("Cast", [node.output[0]], [single], to=TensorProto.FLOAT)]
    del graph.node[:]
    graph.node.extend(nodes)
    # Also by the parts of loops.
    used = {name for part in _graphs(graph) for node in part.node for name in node.input}
    kept = [held for held in graph.initializer if held.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    return copied


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g)


def _single(held: onnx.TensorProto) -> onnx.TensorProto:
    if held.data_type != TensorProto.DOUBLE:
        return held
    return numpy_helper.from_array(numpy_helper.to_array(held).astype(np.float32), held.name)


def _half(held: onnx.TensorProto, name: str) -> onnx.TensorProto:
    values = numpy_helper.to_array(held)
    if np.abs(values).max(initial=0.0) > LARGEST:
        raise BeyondHalf(
            f"the weights {held.name} reach {np.abs(values).max():.3g}; half precision ends at {LARGEST:g}"
        )
    return numpy_helper.from_array(values.astype(np.float16), name)
