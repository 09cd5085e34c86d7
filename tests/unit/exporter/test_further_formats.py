"""Formats beside ONNX: made of a small network, run in their own runtime, and held to the gate."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from torch import nn
from truscore.catalog.export_formats import FORMATS as IN_CATALOG
from truscore.catalog.export_formats import why_not
from truscore.catalog.networks import NETWORKS
from truscore.catalog.table import row_of
from truscore.recipes import resolve
from truscore.zoo import build_model

from services.exporter.child.convert import conversion_context, export_target_of
from services.exporter.child.formats.protocol import Unmakeable
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.making import ConversionContext, make_artifact
from services.exporter.task import Task
from tests.unit.exporter.small_networks import certain, smallest, sometimes_certain
from tests.unit.exporter.test_every_row_exports import NAMES, pictures

ALONE = """
import sys
for name in ("truscore", "services"):
    sys.modules[name] = None
import torch
program = torch.export.load(sys.argv[1]).module()
probabilities, grade = program(torch.rand(3, 50, 90))
print(tuple(probabilities.shape), int(grade))
"""


def context_of(
    category: str,
    option: str,
    architecture: str,
    folder: Path,
    opinions: Callable[[nn.Module], nn.Module] = certain,
    custom: Mapping[str, str] = MappingProxyType({}),
) -> ConversionContext:
    row = row_of(category, option, architecture)
    config = {"base_architecture": smallest(row), "custom_modifications": dict(custom)}
    overrides = {"image_size": 64, "architecture_config": config}
    torch.manual_seed(2)
    model = opinions(build_model(resolve(category, option, architecture, overrides), len(NAMES)).eval())
    target = export_target_of(model, NAMES, kind=row.task)
    task = Task(
        checkpoint="", formats=("onnx",), pictures=(), benchmark_rounds=1, output_folder=str(folder), provenance={}
    )
    return conversion_context(target, pictures(), task, calibration=pictures())


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> ConversionContext:
    return context_of(
        "corner_analysis", "quality_classification", "vision_transformer", tmp_path_factory.mktemp("grader")
    )


def test_a_quantised_file_is_three_times_smaller_and_says_how_it_was_calibrated(grader: ConversionContext) -> None:
    artifact = make_artifact(FORMATS["quantized"], grader)
    assert artifact.parity.passed
    assert artifact.parity.cosine["probabilities"] > 0.98
    assert float(artifact.notes["times_smaller"]) >= 3
    assert artifact.notes["calibration"] in {"min_max", "percentile", "entropy"}
    assert "accepted" in artifact.notes["calibration_reason"]


def test_a_segmenter_is_quantised_within_the_gate(tmp_path: Path) -> None:
    context = context_of("corner_analysis", "damage_detection", "deeplabv3", tmp_path)
    assert make_artifact(FORMATS["quantized"], context).parity.passed


@pytest.mark.parametrize("architecture", ["retinanet", "yolo"])
def test_a_detectors_weights_alone_are_in_int8_and_it_finds_what_its_checkpoint_finds(
    architecture: str, tmp_path: Path
) -> None:
    custom = {"head_customization": "standard"}
    context = context_of("border_detection", "single_class", architecture, tmp_path, sometimes_certain, custom)
    artifact = make_artifact(FORMATS["quantized"], context)
    assert artifact.parity.passed
    assert artifact.parity.detections > 5
    assert "arithmetic in float" in artifact.notes["quantisation"]
    assert float(artifact.notes["times_smaller"]) >= 3


def test_int8_without_training_images_is_refused_with_the_reason(grader: ConversionContext) -> None:
    with pytest.raises(Unmakeable, match="no training image"):
        FORMATS["quantized"].make(replace(grader.source, calibration=()), grader.folder / "none.onnx")


def test_a_torch_program_agrees_and_loads_where_there_is_torch_and_nothing_of_ours(grader: ConversionContext) -> None:
    artifact = make_artifact(FORMATS["torch_export"], grader)
    assert artifact.parity.passed
    assert max(artifact.parity.max_abs_difference.values()) < 1e-5
    argv = [sys.executable, "-c", ALONE, str(grader.folder / artifact.file_name)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(3,)")
    ((example_CHW,), _) = torch.export.load(grader.folder / artifact.file_name).example_inputs
    assert not example_CHW.any(), "somebody's picture is in the file"


def test_the_catalog_knows_the_precision_of_each_format_that_is_made() -> None:
    assert {name: each.precision for name, each in IN_CATALOG.items()} == {
        name: each.precision for name, each in FORMATS.items()
    }


def test_each_empty_cell_of_the_matrix_has_a_reason_and_onnx_has_none() -> None:
    for network in NETWORKS.values():
        assert why_not(network, "onnx") == ""
        assert "no such format" in why_not(network, "stone")
