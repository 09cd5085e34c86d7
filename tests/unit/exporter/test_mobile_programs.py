"""A program for phones says in ExecuTorch's own runtime what its network says."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision import ops
from truscore.recipes import resolve
from truscore.zoo import build_model

from services.exporter.child.convert import conversion_context, export_target_of
from services.exporter.child.formats.mobile.format import MOST_SIDE, metadata_of
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.making import make_artifact
from services.exporter.child.static.suppression import falling, kept, one_by_one
from services.exporter.task import Task
from tests.unit.exporter.test_framed_models import SHAPES, picture, tiny
from tests.unit.exporter.test_static_detectors import chain

pytestmark = pytest.mark.skipif(find_spec("executorch") is None, reason="the extra 'mobile' is not installed")


def test_it_agrees_on_pictures_of_every_shape_names_its_origin_and_refuses_larger_ones(tmp_path: Path) -> None:
    target = tiny("ordinal_classification")
    shapes = [shape for shape in SHAPES if min(shape) >= 8]
    task = Task(
        checkpoint="",
        formats=("mobile",),
        pictures=(),
        benchmark_rounds=1,
        output_folder=str(tmp_path),
        provenance={"run_id": "run-1"},
    )
    artifact = make_artifact(FORMATS["mobile"], conversion_context(target, [picture(*shape) for shape in shapes], task))
    path = tmp_path / artifact.file_name
    assert artifact.parity.passed
    assert artifact.parity.images == len(shapes)
    assert max(artifact.parity.max_abs_difference.values()) < 1e-5
    assert artifact.notes["runtime"].startswith("executorch")
    assert metadata_of(path)["run_id"] == "run-1"
    run = FORMATS["mobile"].load(path, target.signature)
    with pytest.raises(RuntimeError):
        run(np.zeros((3, 8, MOST_SIDE + 1), np.float32))


def test_parts_that_would_wait_for_one_another_are_handed_over_as_products_and_convolutions_alone(
    tmp_path: Path,
) -> None:
    """The mask decoder of Segment Anything: its body's layers, which are lowered either way, are left out."""
    config = {"image_size": 32, "sampling": "whole", "architecture_config": {"base_architecture": "sam_vit_tiny"}}
    torch.manual_seed(2)
    model = build_model(resolve("corner_analysis", "damage_detection", "segment_anything", config), 1).eval()
    body = model.get_submodule("backbone.body")
    body.layers = body.layers[:0]  # type: ignore[index, assignment]
    target = export_target_of(model, ("crease",), kind="semantic_segmentation")
    task = Task(
        checkpoint="", formats=("mobile",), pictures=(), benchmark_rounds=1, output_folder=str(tmp_path), provenance={}
    )
    artifact = make_artifact(FORMATS["mobile"], conversion_context(target, [picture(61, 40)], task))
    assert artifact.parity.passed
    assert max(artifact.parity.max_abs_difference.values()) < 1e-5
    assert artifact.notes["backend"] == "XNNPACK for products and convolutions alone"


class Suppressed(nn.Module):
    """Boxes and their scores, in any order, to which of them greedy suppression keeps, by falling score."""

    def forward(self, boxes_K4: Tensor, scores_K: Tensor, labels_K: Tensor) -> tuple[Tensor, Tensor]:
        scores_K, order_K = falling(scores_K)
        stays_1K = kept(boxes_K4[order_K][None], scores_K[None] > 0, 0.5, labels_K[order_K][None])
        return order_K, stays_1K[0]


def test_boxes_are_suppressed_in_its_runtime_as_by_the_loop_over_single_boxes(tmp_path: Path) -> None:
    """Without `torch.while_loop`, and with chains as long as there are boxes."""
    from executorch.exir import to_edge_transform_and_lower
    from executorch.runtime import Runtime

    generator = torch.Generator().manual_seed(5)
    corners = torch.rand(60, 2, generator=generator) * 40
    scattered_K4 = torch.cat([corners, corners + 5 + torch.rand(60, 2, generator=generator) * 20], dim=1)
    given = torch.cat([chain(40), scattered_K4]), torch.rand(100, generator=generator), torch.arange(100) // 70
    with torch.no_grad(), one_by_one():
        program = torch.export.export(Suppressed(), given)
    (tmp_path / "s.pte").write_bytes(to_edge_transform_and_lower(program).to_executorch().buffer)
    order_K, stays_K = Runtime.get().load_program(tmp_path / "s.pte").load_method("forward").execute(given)
    boxes_K4, scores_K, labels_K = given
    assert order_K[stays_K].tolist() == ops.batched_nms(boxes_K4, scores_K, labels_K, 0.5).tolist()
    assert 10 < int(stays_K.sum()) < 90
