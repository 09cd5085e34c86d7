"""TensorRT for RTX: a graph parsed and built to an engine for GPUs that need not be at hand, and an engine run."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from services.exporter.child.formats.protocol import Unmakeable
from services.exporter.release import Signature

# Ampere (data centre and consumer), Ada and Blackwell. Turing (SM75) has no products of single precision in TensorRT
# for RTX 1.7, and pictures are resized by such.
CAPABILITIES = ("SM80", "SM86", "SM89", "SM120")
# Free dimensions: the engine is tuned for the second and takes the first to the third.
Limits = Mapping[str, tuple[int, int, int]]
OF_PICTURES: Limits = MappingProxyType({"height": (8, 1024, 8192), "width": (8, 1024, 8192)})
# Masks of as many rows as a network may find, 100 at most.
OF_MASKS: Limits = MappingProxyType({"height": (8, 1024, 2304), "width": (8, 1024, 2304)})
# The widest network has 96 numbers for each light of each pixel, and no tensor may have more than 2^31. Three lights
# are solved in double precision, which TensorRT does not have: in single its normals are off by 0.007.
OF_VIEWS: Limits = MappingProxyType({"height": (8, 256, 832), "width": (8, 256, 832), "lights": (4, 12, 32)})
TYPES: Mapping[str, torch.dtype] = MappingProxyType(
    {"FLOAT": torch.float32, "HALF": torch.float16, "INT32": torch.int32, "INT64": torch.int64, "BOOL": torch.bool}
)
KEPT_MESSAGES = 3


def build(graph: Path, engine: Path, signature: Signature) -> dict[str, str]:
    """Writes the engine of a graph with this signature and returns what it is for. Raises Unmakeable with what TensorRT
    says of the graph."""
    import tensorrt_rtx as trt

    logger().said.clear()
    builder = trt.Builder(logger())
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger())
    if not parser.parse_from_file(str(graph)):
        raise Unmakeable(f"TensorRT does not take the graph: {'; '.join(_errors(parser))}")
    config = builder.create_builder_config()
    config.num_compute_capabilities = len(CAPABILITIES)
    for place, name in enumerate(CAPABILITIES):
        config.set_compute_capability(getattr(trt.ComputeCapability, name), place)
    profile = builder.create_optimization_profile()
    limits = limits_of(signature)
    for each in signature.inputs:
        # Least, usual and most.
        profile.set_shape(each.name, *zip(*(limits.get(side) or [int(side)] * 3 for side in each.shape), strict=True))
    config.add_optimization_profile(profile)
    built = builder.build_serialized_network(network, config)
    if built is None:
        raise Unmakeable(f"TensorRT builds no engine of the graph: {'; '.join(logger().said)}")
    engine.write_bytes(bytes(built))
    return {
        "compute_capabilities": ", ".join(CAPABILITIES),
        "sides_px": "{0} to {2}".format(*limits["height"]),
        **({"lights": "{0} to {2}".format(*limits["lights"])} if "lights" in limits else {}),
        "layers": str(network.num_layers),
        # An engine is read by the version that built it and by no other.
        "compatibility": f"TensorRT for RTX {trt.__version__} alone",
    }


def limits_of(signature: Signature) -> Limits:
    if any("lights" in each.shape for each in signature.inputs):
        return OF_VIEWS
    masks = any({"detections", "height"} <= set(each.shape) for each in signature.outputs)
    return OF_MASKS if masks else OF_PICTURES


def gpu_at_hand() -> bool:
    return torch.cuda.is_available()


class Engine:
    """An engine on the first GPU. Raises RuntimeError where TensorRT does not take the file."""

    def __init__(self, path: Path, outputs: Sequence[str]) -> None:
        import tensorrt_rtx as trt

        logger().said.clear()
        self._runtime = trt.Runtime(logger())
        self._engine = self._runtime.deserialize_cuda_engine(path.read_bytes())
        if self._engine is None:
            raise RuntimeError(f"TensorRT does not take {path.name}: {'; '.join(logger().said)}")
        self._context = self._engine.create_execution_context()
        self._outputs = tuple(outputs)

    def __call__(self, inputs: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
        context, stream = self._context, torch.cuda.current_stream()
        given = {name: each.cuda().contiguous() for name, each in inputs.items()}
        for name, each in given.items():
            context.set_input_shape(name, tuple(each.shape))
            context.set_tensor_address(name, each.data_ptr())
        found = []
        for name in self._outputs:
            dtype = TYPES[self._engine.get_tensor_dtype(name).name]
            found.append(torch.empty(tuple(context.get_tensor_shape(name)), dtype=dtype, device="cuda"))
            context.set_tensor_address(name, found[-1].data_ptr())
        if not context.execute_async_v3(stream.cuda_stream):
            raise RuntimeError(f"TensorRT did not run the engine: {'; '.join(logger().said)}")
        stream.synchronize()
        return [output.cpu() for output in found]


def _errors(parser: Any) -> Iterator[str]:
    for number in range(parser.num_errors):
        error = parser.get_error(number)
        yield f"{error.node_operator()} {error.node_name()}: {error.desc()}"


@cache
def logger() -> Any:
    """TensorRT takes the first logger of a process and no other."""
    import tensorrt_rtx as trt

    class Kept(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.said: deque[str] = deque(maxlen=KEPT_MESSAGES)

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.ERROR:
                self.said.append(message)

    return Kept()
