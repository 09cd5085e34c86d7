"""Engines of TensorRT for RTX: their graph in the engine's types, built without a GPU; what is said to be proved."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from services.exporter.child.convert import conversion_context
from services.exporter.child.formats.onnx import graph_file
from services.exporter.child.formats.protocol import Unmakeable
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.formats.tensorrt.precision import BeyondHalf, in_half, in_single
from services.exporter.child.making import ConversionContext, make_artifact
from services.exporter.release import Artifact
from services.exporter.task import Task
from tests.unit.exporter.test_framed_models import SHAPES, picture, tiny

with_tensorrt = pytest.mark.skipif(find_spec("tensorrt_rtx") is None, reason="the extra 'tensorrt' is not installed")


def shop(folder: Path) -> ConversionContext:
    pictures = [picture(*shape) for shape in SHAPES if min(shape) >= 8]
    task = Task(
        checkpoint="",
        formats=("tensorrt",),
        pictures=(),
        benchmark_rounds=1,
        output_folder=str(folder),
        provenance={"run_id": "run-1"},
    )
    return conversion_context(tiny("ordinal_classification"), pictures, task, calibration=pictures[:2])


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    path = tmp_path_factory.mktemp("graph") / "graph.onnx"
    graph_file.write(tiny("ordinal_classification"), path, picture(61, 40))
    return onnx.load(path)


def test_a_graph_in_single_precision_has_no_double_and_says_what_it_said(
    graph: onnx.ModelProto, tmp_path: Path
) -> None:
    assert TensorProto.DOUBLE in types_of(graph)
    single = in_single(graph)
    assert TensorProto.DOUBLE not in types_of(single)
    onnx.save(single, tmp_path / "single.onnx")
    target = tiny("ordinal_classification")
    run = graph_file.session(tmp_path / "single.onnx", target.signature)
    pictures = [picture(*shape) for shape in SHAPES]
    assert target.check_parity((target.run_eager(each), run(each)) for each in pictures).passed


def test_in_half_precision_weights_are_half_and_rounding_shows_in_the_answers(
    graph: onnx.ModelProto, tmp_path: Path
) -> None:
    half = in_half(in_single(graph))
    onnx.checker.check_model(half)
    assert TensorProto.FLOAT16 in {held.data_type for held in half.graph.initializer}
    onnx.save(half, tmp_path / "half.onnx")
    target = tiny("ordinal_classification")
    answers = graph_file.session(tmp_path / "half.onnx", target.signature)(picture(61, 40))
    apart = np.abs(answers["probabilities"] - target.run_eager(picture(61, 40))["probabilities"]).max()
    assert 1e-7 < apart < 1e-3


def test_weights_that_are_no_number_in_half_precision_are_named(graph: onnx.ModelProto) -> None:
    large = in_single(graph)
    weights = next(held for held in large.graph.initializer if "convolution.weight" in held.name)
    values = np.full(tuple(weights.dims), 1e5, np.float32)
    weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
    with pytest.raises(BeyondHalf, match=r"convolution\.weight reach 1e\+05"):
        in_half(large)


@with_tensorrt
def test_an_engine_is_built_and_says_what_was_proved_and_where_it_runs(tmp_path: Path) -> None:
    made = make_artifact(FORMATS["tensorrt"], shop(tmp_path))
    assert made.parity.passed
    assert made.size_bytes > 10_000
    assert "SM89" in made.notes["compute_capabilities"]
    assert made.notes["precision"].startswith("FP16")
    assert made.notes["runtime"].removeprefix("TensorRT for RTX ") in made.notes["compatibility"]
    assert proved_as_it_could_be(made)


def proved_as_it_could_be(made: Artifact) -> bool:
    """By its engine where there is a GPU; else by its graph, which proof and benchmark both say."""
    if torch.cuda.is_available():
        return made.notes["proof"].startswith("the engine, run by TensorRT")
    return "no GPU was at hand" in made.notes["proof"] and made.benchmark.device.endswith(made.notes["proof"])


@with_tensorrt
def test_a_graph_that_tensorrt_does_not_take_is_refused_with_the_operator(tmp_path: Path) -> None:
    from services.exporter.child.formats.tensorrt import engine

    picked = onnx.helper.make_graph(
        [onnx.helper.make_node("NonZero", ["image"], ["places"], name="pick")],
        "picked",
        [onnx.helper.make_tensor_value_info("image", TensorProto.FLOAT, [3, "height", "width"])],
        [onnx.helper.make_tensor_value_info("places", TensorProto.INT64, [3, "found"])],
    )
    opset = onnx.helper.make_opsetid("", graph_file.OPSET)
    onnx.save(onnx.helper.make_model(picked, opset_imports=[opset], ir_version=8), tmp_path / "graph.onnx")
    with pytest.raises(Unmakeable, match="NonZero pick"):
        engine.build(tmp_path / "graph.onnx", tmp_path / "model.engine")


def types_of(model: onnx.ModelProto) -> set[int]:
    """Of constants and casts, in the graph and within its parts."""
    found: set[int] = {held.data_type for held in model.graph.initializer}
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                found.add(attribute.t.data_type)
            if node.op_type == "Cast" and attribute.name == "to":
                found.add(attribute.i)
    return found
