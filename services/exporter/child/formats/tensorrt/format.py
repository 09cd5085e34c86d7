"""An engine of TensorRT for RTX, in half precision where that is near enough on training images.

Without a GPU an engine is built and cannot be run. What the gate then holds is the very graph that the engine was built
of, in the engine's own types, in onnxruntime; the notes say so under `proof`.
"""

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import onnx
import torch

from services.exporter.child.export_target import Answers, ExportTarget, Picture, by_name, found_alone
from services.exporter.child.formats.onnx import graph_file
from services.exporter.child.formats.onnx.format import FAULTS
from services.exporter.child.formats.protocol import Format, Predict, Source, Unmakeable
from services.exporter.child.formats.quantized.graph import simplified
from services.exporter.child.formats.tensorrt import engine
from services.exporter.child.formats.tensorrt.precision import BeyondHalf, in_half, in_single
from services.exporter.release import Signature

MISSING = "this exporter has no TensorRT for RTX; accepted: one that was installed with the extra 'tensorrt'"
COMPARED_PICTURES = 4
OF_THE_GRAPH = "the graph that the engine was built of, run by onnxruntime: no GPU was at hand to run the engine"
OF_THE_ENGINE = "the engine, run by TensorRT for RTX on {card}"


def make(source: Source, path: Path) -> Mapping[str, str]:
    if find_spec("tensorrt_rtx") is None:
        raise Unmakeable(MISSING)
    of_views = isinstance(source.pictures[0], Mapping)
    if not source.calibration and not of_views:
        raise Unmakeable("there is no training image to choose its precision on")
    graph = graph_of(path)
    exported = path.with_suffix(".exported.onnx")
    graph_file.write(_whole(source.target), exported, source.pictures[0])
    simplified(exported, graph)
    exported.unlink()
    precision = _single(graph) if of_views else _typed(source, graph)
    graph_file.finish(graph, source.metadata)
    return {**precision, **_rows(source.target), **engine.build(graph, path, source.target.signature), "proof": proof()}


def _rows(target: ExportTarget) -> dict[str, str]:
    """TensorRT takes no number of results from what a picture shows."""
    if target.signature.outputs[0].shape[0] != "detections":
        return {}
    return {"rows": "as many as it may find; those beyond what was found come last and have score 0"}


def _whole(target: ExportTarget) -> ExportTarget:
    return target if target.whole_graph is None else replace(target, graph=target.whole_graph, scripted=None)


def _single(graph: Path) -> dict[str, str]:
    """Networks on views solve equations for each pixel, which no half precision is tried on."""
    onnx.save(in_single(onnx.load(graph)), graph)
    return {"precision": "FP32", "precision_reason": "equations are solved for each pixel"}


def graph_of(path: Path) -> Path:
    """The graph that an engine was built of, beside it while it is made."""
    return path.with_suffix(".onnx")


def _typed(source: Source, graph: Path) -> dict[str, str]:
    """Leaves the graph in half precision where its answers to training images are within the limits of a float format,
    else in single. Validation images evaluate, and choose nothing."""
    single = in_single(onnx.load(graph))
    try:
        onnx.save(in_half(single), graph)
    except BeyondHalf as error:
        onnx.save(single, graph)
        return {"precision": "FP32", "precision_reason": str(error)}
    pictures = source.calibration[:COMPARED_PICTURES]
    run = _graph_run(graph, source.target.signature)
    verdict = source.target.check_parity((source.target.run_eager(each), run(each)) for each in pictures)
    differ = ", ".join(f"{name} by {worst:.2g}" for name, worst in verdict.max_abs_difference.items())
    if not verdict.passed:
        onnx.save(single, graph)
    return {
        "precision": "FP16, FP32 where nothing is multiplied by weights" if verdict.passed else "FP32",
        "precision_reason": f"in half precision answers to {len(pictures)} training images differ: {differ}",
    }


def load(path: Path, signature: Signature) -> Predict:
    """The engine where there is a GPU, else its graph: `proof` says which."""
    if not engine.gpu_at_hand():
        return _graph_run(graph_of(path), signature)
    names = [tensor.name for tensor in signature.outputs]
    loaded = engine.Engine(path, names)

    def run(image_CHW: Picture) -> Answers:
        outputs = loaded({name: torch.from_numpy(each) for name, each in by_name(image_CHW).items()})
        return found_alone(dict(zip(names, (output.numpy() for output in outputs), strict=True)), signature)

    return run


def _graph_run(graph: Path, signature: Signature) -> Predict:
    run = graph_file.session(graph, signature)
    return lambda picture: found_alone(run(picture), signature)


def proof() -> str:
    """What the gate and the benchmark ran."""
    return OF_THE_ENGINE.format(card=torch.cuda.get_device_name()) if engine.gpu_at_hand() else OF_THE_GRAPH


def describe() -> Mapping[str, str]:
    return {"runtime": f"TensorRT for RTX {version('tensorrt-rtx-cu13')}", "onnx": str(onnx.__version__)}


TENSORRT = Format(
    name="tensorrt", file_name="model.engine", make=make, load=load, describe=describe, faults=FAULTS, measured=proof
)
