"""Networks of windows become files that go over pictures of any size, with a network of the test's own."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn
from truscore.recipes import resolve
from truscore.zoo import build_model
from truscore.zoo.framing import Framed
from truscore.zoo.segmentation.tiling import TileAnswers

from services.exporter.child.convert import conversion_context, export_target_of
from services.exporter.child.export_target import ExportTarget
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.making import make_artifact
from services.exporter.child.refused import ExportRefused
from services.exporter.release import Artifact
from services.exporter.task import Task

SIDE = 48
NAMES = ("scratch", "dent")
# Smaller than a tile, of its size, and of several rows and columns; the first is what is written by.
SHAPES = ((61, 40), (30, 47), (48, 48), (130, 97), (5, 200), (96, 31))


class Tiny(Framed):
    def __init__(self, threshold: float) -> None:
        super().__init__(SIDE)
        torch.manual_seed(5)
        self.convolution = nn.Conv2d(3, len(NAMES) + 1, 5, padding=2)
        self.register_buffer("damage_threshold", torch.tensor(threshold))

    def forward(self, image_BCSS: Tensor) -> Tensor:
        raw: Tensor = self.convolution(self.normalised(image_BCSS)) * 3
        return raw

    def answers(self, raw: Tensor) -> dict[str, Tensor]:
        return {"probabilities": raw.softmax(dim=1)}


def target_of(threshold: float = 0.8) -> ExportTarget:
    return export_target_of(Tiny(threshold).eval(), NAMES, kind="semantic_segmentation")


def picture(height: int, width: int) -> np.ndarray:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(height)).numpy()


def written(target: ExportTarget, folder: Path, format: str = "onnx") -> Artifact:
    task = Task(
        checkpoint="", formats=(format,), pictures=(), benchmark_rounds=1, output_folder=str(folder),
        provenance={"run_id": "run-1"},
    )  # fmt: skip
    return make_artifact(FORMATS[format], conversion_context(target, [picture(*shape) for shape in SHAPES], task))


def test_the_file_says_what_the_network_says_on_pictures_of_every_shape(tmp_path: Path) -> None:
    artifact = written(target_of(), tmp_path)
    assert artifact.parity.passed
    assert artifact.parity.images == len(SHAPES)
    assert artifact.parity.max_abs_difference["probabilities"] < 1e-5


@pytest.mark.parametrize("base", ["u_net_efficientnet_lite0_os2", "u_net_efficientnet_lite0_slim"])
def test_a_u_net_that_ends_at_part_of_the_size_answers_in_tiles_and_in_the_file_as_it_does_itself(
    tmp_path: Path, base: str
) -> None:
    row = ("corner_analysis", "damage_detection", "u_net")
    keys = {"sampling": "windows", "image_size": 64, "architecture_config": {"base_architecture": base}}
    network = build_model(resolve(*row, keys), len(NAMES)).eval()
    assert isinstance(network, Framed)
    tile_1CSS = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        own_1KSS = network.answers(network(tile_1CSS))["probabilities"]
        torch.testing.assert_close(TileAnswers(network)(tile_1CSS), own_1KSS)
    assert written(export_target_of(network, NAMES, kind="semantic_segmentation"), tmp_path).parity.passed


def test_the_file_holds_the_network_once_and_its_loop_over_tiles(tmp_path: Path) -> None:
    def all_nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
        inner = [each.g for node in graph.node for each in node.attribute if each.HasField("g")]
        return [*graph.node, *(node for one in inner for node in all_nodes(one))]

    written(target_of(), tmp_path)
    types = [node.op_type for node in all_nodes(onnx.load(tmp_path / "model.onnx").graph)]
    assert types.count("Conv") == 1
    assert types.count("Loop") == 2


def test_the_threshold_is_applied_in_the_file_and_named_in_its_signature() -> None:
    image_CHW = picture(130, 97)
    found = {
        threshold: (np.asarray(target_of(threshold).run_eager(image_CHW)["probabilities"]).argmax(axis=0) > 0).mean()
        for threshold in (0.3, 0.5, 0.95)
    }
    assert found[0.3] > found[0.5] > found[0.95] > 0
    assert "those of 0.95" in target_of(0.95).signature.outputs[0].meaning


@pytest.mark.parametrize("format", ["quantized", "torch_export"])
def test_formats_that_do_not_follow_the_loop_are_refused_by_name(format: str, tmp_path: Path) -> None:
    with pytest.raises(ExportRefused, match=re.escape("accepted: sampling whole")):
        written(target_of(), tmp_path, format)
