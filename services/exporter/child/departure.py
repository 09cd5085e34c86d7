"""Where a file that failed begins to say something else than its checkpoint: layer by layer, by name.

The checkpoint's layers are its modules with weights; a graph's are the nodes that came of them, which the tracer names
by the module: "/network/body/conv1/Conv" is `network.body.conv1`. Programs of torch.export keep the module's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from truscore.inference.runtime import onnxruntime

from services.exporter.child.export_target import ExportTarget, Picture, by_name
from services.exporter.child.formats.protocol import Format

# Root mean square of the difference, as a share of that of the checkpoint's own values.
DEPARTS = {"float": 0.001, "int8": 0.35}
_LAYERS = ("Conv", "Gemm", "MatMul", "ConvTranspose")
_PROGRAM_LAYERS = (
    torch.ops.aten.conv2d.default,
    torch.ops.aten.linear.default,
    torch.ops.aten.conv_transpose2d.input,
)

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """A layer of the network, in the order of the graph, and how far its values are from the checkpoint's."""

    name: str
    gap: float
    departs: bool


def departures(format: Format, path: Path, target: ExportTarget, picture_CHW: Picture) -> tuple[Layer, ...]:
    """Of a file that is an ONNX graph or was built of the one beside it, and of torch.export's programs; of others
    nothing is known within."""
    graph = path.with_suffix(".onnx")
    if path.suffix == ".pt2" and target.static_graph is not None:
        reference, values = _of_checkpoint(target.static_graph, picture_CHW), _of_program(path, picture_CHW)
    elif graph.is_file():
        reference, values = _of_checkpoint(target.graph, picture_CHW), _of_graph(graph, picture_CHW)
    else:
        return ()
    found = []
    for name, value in values.items():
        gaps = [_gap(each, value) for each in reference.get(name, ()) if each.shape == value.shape]
        if gaps:
            gap = min(gaps)
            found.append(Layer(name=name, gap=gap, departs=not gap <= DEPARTS[format.precision]))
    return tuple(found)


def _of_checkpoint(graph: nn.Module, picture_CHW: Picture) -> Mapping[str, list[Array]]:
    """By module: what it gives, and what the norm or activation after it makes of that, for graphs fuse the two."""
    outputs: dict[str, list[Array]] = {}
    last = ""

    def keep(name: str, module: nn.Module, output: object) -> None:
        nonlocal last
        if isinstance(output, Tensor):
            value = output.detach().to(torch.float64).numpy()
            if isinstance(module, nn.Conv2d | nn.Linear | nn.ConvTranspose2d):
                outputs.setdefault(name, []).append(value)
                last = name
            elif last:
                outputs[last].append(value)

    handles = [
        module.register_forward_hook(lambda module, _, output, name=name: keep(name, module, output))
        for name, module in graph.named_modules()
        if not next(module.children(), None)
    ]
    try:
        with torch.no_grad():
            graph(*(torch.from_numpy(each) for each in by_name(picture_CHW).values()))
    finally:
        for handle in handles:
            handle.remove()
    return outputs


def _of_graph(path: Path, picture_CHW: Picture) -> Mapping[str, Array]:
    model = onnx.load(path)
    layers = [node for node in model.graph.node if node.op_type in _LAYERS]
    given = {output.name for output in model.graph.output}
    model.graph.output.extend(
        onnx.helper.make_empty_tensor_value_info(node.output[0]) for node in layers if node.output[0] not in given
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    values = session.run([node.output[0] for node in layers], by_name(picture_CHW))
    return {module_of(node.name): value.astype(np.float64) for node, value in zip(layers, values, strict=True)}


def _of_program(path: Path, picture_CHW: Picture) -> Mapping[str, Array]:
    values: dict[str, Array] = {}

    class Kept(torch.fx.Interpreter):
        def run_node(self, n: torch.fx.Node) -> object:
            value = super().run_node(n)
            modules = list(n.meta.get("nn_module_stack", {}).values())
            if modules and n.target in _PROGRAM_LAYERS and isinstance(value, Tensor):
                values.setdefault(modules[-1][0], value.to(torch.float64).numpy())
            return value

    with torch.no_grad():
        Kept(torch.export.load(path).module()).run(*(torch.from_numpy(each) for each in by_name(picture_CHW).values()))
    return values


def module_of(node: str) -> str:
    """A member of a sequence is named with its sequence, after it: "/body/layer1/layer1.0/Conv"."""
    parts: list[str] = []
    for part in node.strip("/").split("/")[:-1]:
        if parts and part.startswith(f"{parts[-1]}."):
            parts.pop()
        parts.append(part)
    return ".".join(parts)


def _gap(reference: Array, value: Array) -> float:
    size = float(np.sqrt(np.mean(reference**2))) or 1.0
    return float(np.sqrt(np.mean((reference - value) ** 2))) / size
