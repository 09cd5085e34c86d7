"""What the gate lets pass: files damaged on purpose are each caught, and the layer or the metric is named."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from PIL import Image
from truscore.catalog.table import row_of
from truscore.datasets import ImageRecord
from truscore.recipes import resolve
from truscore.zoo import build_model

from services.exporter.child.convert import conversion_context, export_target_of
from services.exporter.child.departure import module_of
from services.exporter.child.evaluation import Labelled
from services.exporter.child.export_target import Answers, Picture
from services.exporter.child.formats.onnx import graph_file
from services.exporter.child.formats.protocol import Source, Unmakeable
from services.exporter.child.formats.quantized.calibration import ranges
from services.exporter.child.formats.quantized.graph import quantise, simplified, weighted_nodes
from services.exporter.child.formats.quantized.quantization import TensorData, TensorsData
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.gate import Gate, failure
from services.exporter.child.making import ConversionContext, make_artifact, require_passed
from services.exporter.child.refused import ExportRefused
from services.exporter.metric_limits import AGREEMENT, accepted_loss, compare_metrics, passes
from services.exporter.task import Task
from tests.unit.exporter.small_networks import smallest

NAMES = ("first", "second", "third")
SHAPES = ((96, 70), (45, 130), (40, 40))


def pictures() -> list[Picture]:
    """Noise of one colour each, and a light square."""
    made = []
    for number, (height, width) in enumerate(SHAPES):
        image_CHW = np.random.default_rng(number).random((3, height, width), np.float32)
        image_CHW[number] *= 0.2
        image_CHW[:, height // 4 : height // 2, width // 4 : width // 2] = 1
        made.append(image_CHW)
    return made


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ConversionContext:
    """Of a grader that is sure of what it says, beside its sound file."""
    folder = tmp_path_factory.mktemp("release")
    row = row_of("corner_analysis", "quality_classification", "resnet")
    overrides = {"image_size": 64, "architecture_config": {"base_architecture": smallest(row)}}
    torch.manual_seed(2)
    model = build_model(resolve(row.category, row.option, row.architecture, overrides), len(NAMES)).eval()
    with torch.no_grad():
        model.get_submodule("head.out").weight.mul_(30)
    target = export_target_of(model, NAMES, kind=row.task)
    task = Task(
        checkpoint="", formats=("onnx",), pictures=(), benchmark_rounds=1, output_folder=str(folder), provenance={}
    )
    made = conversion_context(target, pictures(), task, calibration=pictures())
    FORMATS["onnx"].make(made.source, folder / "model.onnx")
    return made


def refusal(context: ConversionContext, path: Path, *, format: str = "onnx") -> ExportRefused:
    """What is said of the file in the place of the format's own."""
    kind = replace(FORMATS[format], file_name=path.name)
    held = replace(context, folder=path.parent)
    run = kind.load(path, context.source.target.signature)
    verdict = held.gate.verdict(run, precision=kind.precision)
    with pytest.raises(ExportRefused) as refused:
        require_passed(kind, held, verdict, notes={})
    return refused.value


def damaged(context: ConversionContext, folder: Path, change: Callable[[onnx.ModelProto], None]) -> Path:
    model = onnx.load(context.folder / "model.onnx")
    change(model)
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


def weights_of(model: onnx.ModelProto, layer: int) -> Any:
    node = [node for node in model.graph.node if node.op_type in {"Conv", "Gemm", "MatMul"} and "/body/" in node.name][
        layer
    ]
    return node, next(each for each in model.graph.initializer if each.name == node.input[1])


def test_a_scaled_layer_is_caught_and_named(context: ConversionContext, tmp_path: Path) -> None:
    scaled = []

    def scale(model: onnx.ModelProto) -> None:
        node, weights = weights_of(model, 3)
        # Every other channel: a norm over groups would take out a scale that all have.
        values = numpy_helper.to_array(weights).copy()
        values[::2] *= 3
        weights.CopyFrom(numpy_helper.from_array(values, weights.name))
        scaled.append(module_of(node.name))

    refused = refusal(context, damaged(context, tmp_path, scale))
    assert refused.code == "parity"
    assert f"the first layer that departs is {scaled[0]} " in refused.message
    assert scaled[0] in (tmp_path / refused.report).read_text()


def test_a_scaled_layer_of_a_program_is_caught_and_named(context: ConversionContext, tmp_path: Path) -> None:
    graph = copy.deepcopy(context.source.target.static_graph)
    assert graph is not None
    convolutions = [
        (name, each) for name, each in graph.named_modules() if isinstance(each, torch.nn.Conv2d) and ".body." in name
    ]
    name, layer = convolutions[3]
    with torch.no_grad():
        layer.weight[::2] *= 3
    source = replace(context.source, target=replace(context.source.target, static_graph=graph))
    FORMATS["torch_export"].make(source, tmp_path / "model.pt2")
    refused = refusal(context, tmp_path / "model.pt2", format="torch_export")
    assert f"the first layer that departs is {name} " in refused.message


def test_flipped_channels_are_caught_at_the_first_layer(context: ConversionContext, tmp_path: Path) -> None:
    def flip(model: onnx.ModelProto) -> None:
        _, weights = weights_of(model, 0)
        turned = np.ascontiguousarray(numpy_helper.to_array(weights)[:, ::-1])
        weights.CopyFrom(numpy_helper.from_array(turned, weights.name))

    refused = refusal(context, damaged(context, tmp_path, flip))
    assert "the first layer that departs is network.backbone.body." in refused.message


def test_a_saturated_calibration_is_caught_in_int8(context: ConversionContext, tmp_path: Path) -> None:
    graph, path = tmp_path / "float.onnx", tmp_path / "model.int8.onnx"
    simplified(context.folder / "model.onnx", graph)
    found = ranges(graph, context.source.calibration, "min_max")
    clipped = {
        name: TensorData(lowest=found[name].lowest * 0.03, highest=found[name].highest * 0.03)
        for name in found.keys()  # noqa: SIM118
    }
    quantise(graph, path, TensorsData(found.calibration_method, clipped), nodes=weighted_nodes(graph), in_float=())
    refused = refusal(context, path, format="quantized")
    assert "cosine similarity" in refused.message
    assert "the first layer that departs is network." in refused.message


def test_a_format_whose_library_is_not_installed_is_refused_with_what_is_accepted(context: ConversionContext) -> None:
    def make(source: Source, path: Path) -> Mapping[str, str]:
        raise Unmakeable("no TensorRT here; accepted: one with the extra 'tensorrt'")

    def describe() -> Mapping[str, str]:
        raise PackageNotFoundError("tensorrt-rtx-cu13")

    with pytest.raises(ExportRefused, match="with the extra 'tensorrt'") as refused:
        make_artifact(replace(FORMATS["tensorrt"], make=make, describe=describe), context)
    assert refused.value.code == "conversion"


def labelled_as(run: Callable[[Picture], Answers], folder: Path) -> Labelled:
    """Pictures on disk, each labelled with what the model says of it."""
    records, files = [], []
    for number, picture_CHW in enumerate(pictures()):
        file = folder / f"{number}.png"
        Image.fromarray((picture_CHW.transpose(1, 2, 0) * 255).astype(np.uint8)).save(file)
        kept_CHW = np.asarray(Image.open(file)).transpose(2, 0, 1).astype(np.float32) / 255
        grade = int(run(np.ascontiguousarray(kept_CHW))["grade_index"])
        height, width = picture_CHW.shape[1:]
        records.append(
            ImageRecord(path=file.name, sha256="", size_bytes=1, width=width, height=height, labels=(grade + 1,))
        )
        files.append(file)
    return Labelled(
        split="validation",
        task="ordinal_classification",
        records=tuple(records),
        files=tuple(files),
        class_names=NAMES,
        grades=(1.0, 2.0, 3.0),
    )


def test_swapped_classes_are_caught_by_the_grades(context: ConversionContext, tmp_path: Path) -> None:
    target = context.source.target
    labelled = labelled_as(target.run_eager, tmp_path)
    gate = Gate(
        target=replace(target, check_parity=Leniently(target.check_parity)),
        pictures=context.source.pictures,
        labelled=(labelled,),
        purpose=("quadratic_weighted_kappa",),
    )
    run = graph_file.session(context.folder / "model.onnx", target.signature)
    assert gate.verdict(run, precision="float").passed

    def swapped(picture_CHW: Picture) -> Answers:
        answers = run(picture_CHW)
        turned = answers["probabilities"][::-1]
        return {
            "probabilities": turned,
            "grade_index": np.int64(2) - answers["grade_index"] + (answers["grade_index"] == 1),
        }

    verdict = gate.verdict(swapped, precision="float")
    assert not verdict.passed
    assert AGREEMENT in failure(verdict, precision="float")


class Leniently:
    """The outputs' own distance as it is, never held: what is left is the metrics' verdict."""

    def __init__(self, check: Any) -> None:
        self._check = check

    def __call__(self, pairs: Any, *, precision: str = "float") -> Any:
        return replace(self._check(pairs, precision=precision), passed=True)


@pytest.mark.parametrize(
    ("metric", "precision", "artifact", "passed"),
    [
        ("box_AP", "float", 0.898, True),
        ("box_AP", "float", 0.897, False),
        ("box_AP", "int8", 0.890, True),
        ("box_AP", "int8", 0.889, False),
        ("box_AP", "int8", 0.99, True),
        ("centring_error_all_pp", "int8", 1.0, True),
        ("centring_error_all_pp", "int8", 0.7, False),
        ("edge_error_all_px", "float", 0.99, True),
        ("edge_error_all_px", "float", 1.01, False),
    ],
)
def test_a_file_may_lose_so_much_of_a_metric_and_no_more(
    metric: str, precision: str, artifact: float, passed: bool
) -> None:
    before: Mapping[str, float] = {metric: 0.9}
    (line,) = compare_metrics("test", (metric,), before, {metric: artifact}, precision=precision)
    assert passes(line) is passed


def test_a_metric_that_the_file_leaves_undefined_is_lost() -> None:
    for metric in ("box_AP", "edge_error_all_px"):
        (line,) = compare_metrics("test", (metric,), {metric: 0.9}, {}, precision="int8")
        assert not passes(line)


def test_errors_of_scores_are_a_share_of_their_range() -> None:
    assert accepted_loss("score_MAE", precision="int8", spread=50) == pytest.approx(0.5)
