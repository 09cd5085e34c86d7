"""A float graph rewritten with explicit quantisation."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import onnx
from truscore.inference.runtime import onnxruntime

from services.exporter.child.formats.quantized.calibration import WEIGHTED
from services.exporter.child.formats.quantized.quantization import QDQQuantizer, QuantType

# Weights of seven bits: with eight, CPUs without VNNI saturate where they add up products, and the same file would
# answer otherwise there than where it was proved.
REDUCED_RANGE = True


def simplified(path: Path, target: Path) -> None:
    """The graph with constants folded and norms fused into convolutions, in operators of ONNX itself."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def weighted_nodes(path: Path) -> tuple[str, ...]:
    """Names of the nodes that multiply by constant weights, in the order of the graph."""
    graph = onnx.load(path).graph
    constants = {initializer.name for initializer in graph.initializer}
    return tuple(
        node.name
        for node in graph.node
        if node.op_type in WEIGHTED and any(name in constants for name in node.input[1:2])
    )


def quantise(source: Path, target: Path, ranges: Any, *, nodes: Sequence[str], in_float: Collection[str]) -> None:
    """`nodes` in INT8, weights per channel, but those that stay in float."""
    chosen = [name for name in nodes if name not in in_float]
    quantizer = QDQQuantizer(
        onnx.load(source),
        True,
        REDUCED_RANGE,
        QuantType.QInt8,
        QuantType.QUInt8,
        ranges,
        chosen,
        [],
        list(WEIGHTED),
        {"ActivationSymmetric": False, "WeightSymmetric": True},
    )
    quantizer.quantize_model()
    quantizer.model.save_model_to_file(str(target), False)


def compact(path: Path) -> None:
    """Short names for what nobody asks for by name: in small networks the tracer's names weigh as much as the weights.

    Inputs, outputs and the nodes with weights keep theirs.
    """
    model = onnx.load(path)
    kept = {value.name for value in (*model.graph.input, *model.graph.output)} | {""}
    _shorten(model.graph, {name: name for name in kept})
    onnx.save(model, path)


def _shorten(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    def short(name: str) -> str:
        # The same in each subgraph, which sees the names around it.
        return names.setdefault(name, f"t{len(names)}")

    del graph.value_info[:]
    held: Iterable[onnx.TensorProto | onnx.ValueInfoProto] = [*graph.initializer, *graph.input, *graph.output]
    for holder in held:
        holder.name = short(holder.name)
        holder.doc_string = ""
    for node in graph.node:
        node.doc_string = ""
        node.name = node.name if node.op_type in WEIGHTED else ""
        node.input[:] = [short(name) for name in node.input]
        node.output[:] = [short(name) for name in node.output]
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _shorten(attribute.g, names)
