"""A .pte file: one ExecuTorch program for pictures up to a bound, its convolutions and products on XNNPACK."""

import importlib.metadata
import json
import math
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch.export import Dim

from services.exporter.child.export_target import Answers, ExportTarget, Picture
from services.exporter.child.formats.protocol import Format, Predict, Source, Unmakeable
from services.exporter.child.static.mask_rcnn import StaticMaskRCNN
from services.exporter.child.static.suppression import one_by_one
from services.exporter.release import Signature

# Sides of a picture that the program takes, in pixels. ExecuTorch plans its memory for the largest: a map of answers of
# 4096 px takes 64 MiB for each class.
LEAST_SIDE, MOST_SIDE = 8, 4096
# Masks are planned for as many as a network may find: 50 of them up to 2304 px, 100 up to 1600.
MOST_MASK_BYTES, SIDE_STEP = 1 << 30, 64
# A method of the program without inputs: gives the metadata as one line of JSON.
METADATA = "truscore_metadata"
# What ExecuTorch says where operators that it would hand to XNNPACK together wait for others between them.
CYCLES = "dependency cycles"
MISSING = "this exporter has no ExecuTorch; accepted: one that was installed with the extra 'mobile'"


def make(source: Source, path: Path) -> Mapping[str, str]:
    graph = source.target.static_graph
    if graph is None:
        raise Unmakeable("its answers have shapes that depend on the picture's content, which torch.export refuses")
    if find_spec("executorch") is None:
        raise Unmakeable(MISSING)
    backend = "XNNPACK"
    try:
        lowered = _lowered(source, graph)
    except AssertionError as error:
        if CYCLES not in str(error):
            raise
        # Merged with what is around them, parts of Segment Anything's mask decoder would wait for one another.
        backend = "XNNPACK for products and convolutions alone"
        lowered = _lowered(source, graph, products_alone=True)
    path.write_bytes(lowered.buffer)
    return {
        "backend": backend,
        "sides_px": f"{LEAST_SIDE} to {most_side(source.target)}",
        "beside_xnnpack": ", ".join(_own_kernels(lowered.executorch_program)),
    }


def _lowered(source: Source, graph: torch.nn.Module, *, products_alone: bool = False) -> Any:
    """The program with what XNNPACK takes of it handed to XNNPACK, or its products and convolutions alone."""
    # Seconds of imports, which no other format has to wait for.
    from executorch.backends.xnnpack.partition.config import gemm_configs
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    products = [
        gemm_configs.LinearConfig, gemm_configs.AddmmConfig, gemm_configs.MMConfig, gemm_configs.ConvolutionConfig,
    ]  # fmt: skip
    partitioner = XnnpackPartitioner(configs=products if products_alone else None)
    most = most_side(source.target)
    sides = {1: Dim("height", min=LEAST_SIDE, max=most), 2: Dim("width", min=LEAST_SIDE, max=most)}
    with torch.no_grad(), warnings.catch_warnings(), one_by_one():
        warnings.simplefilter("ignore")
        program = torch.export.export(graph, (torch.from_numpy(source.pictures[0]),), dynamic_shapes=(sides,))
        texts = json.dumps(dict(source.metadata), sort_keys=True)
        edge = to_edge_transform_and_lower(program, partitioner=[partitioner], constant_methods={METADATA: texts})
        return edge.to_executorch()


def most_side(target: ExportTarget) -> int:
    """Of a picture, in pixels."""
    network = getattr(target.static_graph, "network", None)
    if not isinstance(network, StaticMaskRCNN):
        return MOST_SIDE
    most = math.isqrt(MOST_MASK_BYTES // (4 * network.roi.detections_per_img))
    return min(MOST_SIDE, most // SIDE_STEP * SIDE_STEP)


def _own_kernels(program: Any) -> list[str]:
    """Operators that XNNPACK does not take, which ExecuTorch computes by kernels of its own."""
    return sorted({operator.name for plan in program.execution_plan for operator in plan.operators})


def load(path: Path, signature: Signature) -> Predict:
    from executorch.extension.pybindings import portable_lib
    from executorch.runtime import Runtime

    # As many threads as torch takes, for figures beside one another; there is one pool for the whole process.
    portable_lib._unsafe_reset_threadpool(torch.get_num_threads())
    method = Runtime.get().load_program(path).load_method("forward")
    names = [tensor.name for tensor in signature.outputs]

    def run(image_CHW: Picture) -> Answers:
        outputs = method.execute([torch.from_numpy(image_CHW)])
        return {name: output.numpy() for name, output in zip(names, outputs, strict=True)}

    return run


def metadata_of(path: Path) -> Mapping[str, str]:
    """The texts that the file was made with."""
    from executorch.runtime import Runtime

    (texts,) = Runtime.get().load_program(path).load_method(METADATA).execute([])
    found: dict[str, str] = json.loads(texts)
    return found


def describe() -> Mapping[str, str]:
    return {"runtime": f"executorch {importlib.metadata.version('executorch')}", "torch": str(torch.__version__)}


MOBILE = Format(name="mobile", file_name="model.pte", make=make, load=load, describe=describe)
