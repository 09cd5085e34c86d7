"""Engines of TensorRT for RTX: their graph in the engine's types, built without a GPU; what is said to be proved."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from truscore.catalog.table import ROWS
from truscore.recipes import resolve
from truscore.zoo import build_model

from services.exporter.child.convert import conversion_context, export_target_of
from services.exporter.child.export_target import ExportTarget, found_alone
from services.exporter.child.formats.onnx import graph_file
from services.exporter.child.formats.protocol import Unmakeable
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.formats.tensorrt.precision import BeyondHalf, in_half, in_single
from services.exporter.child.making import ConversionContext, make_artifact
from services.exporter.release import Artifact, Parity
from services.exporter.signature import instance_signature
from services.exporter.task import Task
from tests.learning.run_folder import PLAIN_HEAD
from tests.unit.exporter.small_networks import outspoken, smallest
from tests.unit.exporter.test_every_row_exports import NAMES, SIDE, pictures
from tests.unit.exporter.test_framed_models import SHAPES, picture, tiny
from tests.unit.exporter.test_lit_views_export import fed

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
        engine.build(
            tmp_path / "graph.onnx", tmp_path / "model.engine", tiny("ordinal_classification").signature.inputs
        )


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


# TensorRT solves no three lights: it has no double precision.
LIT = tuple(fed(*shape) for shape in ((4, 9, 12), (7, 16, 10)))
DETECTORS = ("yolo", "mask_rcnn", "detectron2")


def of_reflectance() -> ExportTarget:
    torch.manual_seed(1)
    network = build_model(resolve("photometric_stereo", "reflectance_analysis", "reflectance_net"), 0).eval()
    with torch.no_grad():
        for layer in (network.shape.head, network.weight, network.head):
            layer.weight.normal_(std=0.1)
    return export_target_of(network, (), kind="reflectance_estimation")


def of_normals(base: str = "set_network") -> ExportTarget:
    torch.manual_seed(1)
    config = {"architecture_config": {"base_architecture": base}}
    network = build_model(resolve("photometric_stereo", "surface_normal_estimation", "ps_net", config), 0).eval()
    with torch.no_grad():
        network.head.weight.normal_(std=0.1)
    return export_target_of(network, (), kind="normal_estimation")


OF_VIEWS = {
    "normals": of_normals,
    "normals in context": partial(of_normals, "spatial_set_network"),
    "reflectance": of_reflectance,
}


def of_instances(architecture: str) -> ExportTarget:
    row = next(each for each in ROWS if each.available and each.architecture == architecture)
    changes = {"image_size": SIDE, "architecture_config": {"base_architecture": smallest(row), **PLAIN_HEAD}}
    torch.manual_seed(2)
    model = outspoken(build_model(resolve(row.category, row.option, row.architecture, changes), 2).eval())
    return export_target_of(model, NAMES[:2], kind=row.task)


def whole(target: ExportTarget, given: Sequence[Any], folder: Path) -> Parity:
    """What the graph of all pixels or rows says in single precision, as engines are built of it."""
    assert target.whole_graph is not None
    graph_file.write(replace(target, graph=target.whole_graph, scripted=None), folder / "whole.onnx", given[0])
    model = in_single(onnx.load(folder / "whole.onnx"))
    assert not {"NonZero", "NonMaxSuppression", "RoiAlign"} & {node.op_type for node in model.graph.node}
    onnx.save(model, folder / "single.onnx")
    run = graph_file.session(folder / "single.onnx", target.signature)
    return target.check_parity((target.run_eager(each), found_alone(run(each), target.signature)) for each in given)


@pytest.mark.parametrize("name", OF_VIEWS)
def test_a_graph_of_all_pixels_says_what_is_found_of_the_masks_pixels(name: str, tmp_path: Path) -> None:
    assert whole(OF_VIEWS[name](), LIT, tmp_path).passed


def test_a_graph_of_all_rows_says_what_is_found_and_marks_the_rest_by_score_0(tmp_path: Path) -> None:
    target, given = of_instances("yolo"), pictures()
    verdict = whole(target, given, tmp_path)
    assert verdict.passed
    assert verdict.detections > len(given)


def test_rows_beyond_what_was_found_are_left_out_by_their_score_of_0() -> None:
    signature = instance_signature(NAMES[:2])
    rows = {each.name: np.ones((3, *[2] * (len(each.shape) - 1)), np.float32) for each in signature.outputs}
    rows["scores"] = np.array([0.9, 0.2, 0.0], np.float32)
    assert {name: len(values) for name, values in found_alone(rows, signature).items()} == dict.fromkeys(rows, 2)


@with_tensorrt
@pytest.mark.parametrize("name", [*OF_VIEWS, *DETECTORS])
def test_engines_are_built_of_networks_on_views_and_of_detectors(name: str, tmp_path: Path) -> None:
    target, given = (OF_VIEWS[name](), LIT) if name in OF_VIEWS else (of_instances(name), tuple(pictures()))
    task = Task(
        checkpoint="",
        formats=("tensorrt",),
        pictures=(),
        benchmark_rounds=1,
        output_folder=str(tmp_path),
        provenance={},
    )
    made = make_artifact(FORMATS["tensorrt"], conversion_context(target, given, task, calibration=given))
    assert made.parity.passed
    assert ("lights" in made.notes) == (name in OF_VIEWS)
    assert ("rows" in made.notes) == (name not in OF_VIEWS)
