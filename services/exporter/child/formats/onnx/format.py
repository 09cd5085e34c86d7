"""ONNX as a format: traced, labelled with where it comes from, and run by onnxruntime."""

from collections.abc import Mapping
from pathlib import Path

import onnx
from truscore.inference.runtime import onnxruntime, runtime_errors

from services.exporter.child.formats.onnx import graph_file
from services.exporter.child.formats.protocol import Format, Source

# Memory running out is not among them.
FAULTS = (
    RuntimeError,
    ValueError,
    TypeError,
    NotImplementedError,
    onnx.checker.ValidationError,
    runtime_errors.Fail,
    runtime_errors.InvalidGraph,
    runtime_errors.InvalidArgument,
    runtime_errors.NotImplemented,
)


def make(source: Source, path: Path) -> Mapping[str, str]:
    graph_file.write(source.target, path, source.pictures[0])
    graph_file.finish(path, source.metadata)
    return {"opset": str(graph_file.OPSET)}


def describe() -> Mapping[str, str]:
    return {"runtime": f"onnxruntime {onnxruntime.__version__}", "onnx": str(onnx.__version__)}


ONNX = Format(name="onnx", file_name="model.onnx", make=make, load=graph_file.session, describe=describe, faults=FAULTS)
