"""Every available row of the catalog becomes an ONNX file that says what its network says."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from truscore.catalog.table import ROWS, Row, row_of
from truscore.recipes import resolve
from truscore.zoo import build_model

from services.exporter.child.convert import conversion_context, export_target_of
from services.exporter.child.export_target import Picture
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.making import make_artifact
from services.exporter.release import Artifact
from services.exporter.signature import SIGNATURES
from services.exporter.task import Task
from tests.unit.exporter.small_networks import outspoken, smallest

SIDE = 64
# Portrait, landscape, square; smaller and larger than the network's side.
SHAPES = ((96, 70), (45, 130), (40, 40))
NAMES = ("first", "second", "third")
AVAILABLE = [row for row in ROWS if row.available]
# Take no picture: test_lit_views_export has them.
OF_VIEWS = {"normal_estimation", "depth_estimation", "reflectance_estimation"}


def rows() -> Iterator[Row]:
    """Rows that share a network and what it is trained for share its export: the first of them."""
    seen = set()
    for row in AVAILABLE:
        if row.task not in OF_VIEWS and (row.task, smallest(row)) not in seen:
            seen.add((row.task, smallest(row)))
            yield row


def pictures() -> list[Picture]:
    """Noise, and a square on it: something with edges at every scale."""
    made = []
    for height, width in SHAPES:
        image_CHW = np.random.default_rng(height).random((3, height, width), np.float32)
        image_CHW[:, height // 4 : height // 2, width // 4 : width // 2] = 1
        made.append(image_CHW)
    return made


def exported(row: Row, folder: Path, changes: Mapping[str, Any]) -> Artifact:
    """The file of the row's smallest network, proved on all pictures."""
    architecture = {"base_architecture": smallest(row), **changes.get("architecture_config", {})}
    overrides = {"image_size": SIDE, **changes, "architecture_config": architecture}
    recipe = resolve(row.category, row.option, row.architecture, overrides)
    torch.manual_seed(2)
    model = outspoken(build_model(recipe, len(NAMES)).eval())
    target = export_target_of(model, NAMES, kind=row.task)
    task = Task(
        checkpoint="", formats=("onnx",), pictures=(), benchmark_rounds=1, output_folder=str(folder), provenance={}
    )
    return make_artifact(FORMATS["onnx"], conversion_context(target, pictures(), task))


@pytest.mark.parametrize("row", tuple(rows()), ids=lambda row: f"{row.architecture}-{smallest(row)}")
def test_a_file_of_this_network_agrees_with_it_on_pictures_of_three_shapes(row: Row, tmp_path: Path) -> None:
    artifact = exported(row, tmp_path, {})
    assert artifact.parity.passed
    assert artifact.parity.images == len(SHAPES)
    if artifact.signature.outputs[0].name == "boxes":
        assert artifact.parity.detections > 3 * len(SHAPES)


@pytest.mark.parametrize("loss", ["corn", "coral", "cross_entropy"])
@pytest.mark.parametrize("head", ["standard", "phoenix_specialized"])
def test_a_grader_is_exported_whatever_it_was_trained_by(loss: str, head: str, tmp_path: Path) -> None:
    changes = {
        "loss_config": {"primary_loss": loss},
        "architecture_config": {"custom_modifications": {"head_customization": head}},
    }
    assert exported(row_of("corner_analysis", "quality_classification", "resnet"), tmp_path, changes).parity.passed


def test_a_grader_on_the_statistics_of_all_stages_is_exported(tmp_path: Path) -> None:
    changes = {"architecture_config": {"base_architecture": "statistics_efficientnet_lite0"}}
    row = row_of("corner_analysis", "quality_classification", "efficientnet")
    assert exported(row, tmp_path, changes).parity.passed


@pytest.mark.parametrize(
    ("architecture", "pyramid"),
    [("feature_pyramid", "standard"), ("feature_pyramid", "enhanced"), ("mask_rcnn", "enhanced")],
)
def test_either_pyramid_is_exported(architecture: str, pyramid: str, tmp_path: Path) -> None:
    changes = {"architecture_config": {"custom_modifications": {"feature_pyramid": pyramid}}}
    row = next(row for row in AVAILABLE if row.architecture == architecture)
    assert exported(row, tmp_path, changes).parity.passed


def test_every_available_row_has_a_signature_and_a_network_among_those_above() -> None:
    assert {row.task for row in AVAILABLE} <= set(SIGNATURES)
    assert {(row.task, smallest(row)) for row in AVAILABLE if row.task not in OF_VIEWS} == {
        (row.task, smallest(row)) for row in rows()
    }
