"""Networks that take squares become files that take pictures of any size, with a network of the test's own."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn
from truscore.inference.runtime import onnxruntime
from truscore.zoo.framing import Framed, frame, unframe

from services.exporter.child.adapters import ADAPTERS
from services.exporter.child.convert import conversion_context, export_target_of
from services.exporter.child.export_target import ExportTarget
from services.exporter.child.formats.registry import FORMATS
from services.exporter.child.making import make_artifact
from services.exporter.child.refused import ExportRefused
from services.exporter.release import Artifact
from services.exporter.signature import SIGNATURES
from services.exporter.task import Task

SIDE = 48
NAMES = ("poor", "good", "mint")
# Portrait, landscape, square; smaller and larger than the network's side, and one whose side comes to a half.
SHAPES = ((61, 40), (30, 47), (48, 48), (130, 97), (20, 20), (96, 31), (400, 5))
FRAMED_TASKS = ("semantic_segmentation", "ordinal_classification", "regression", "multilabel_classification")


class Tiny(Framed):
    """A convolution, and the mean where the task answers for the whole picture."""

    def __init__(self, task: str) -> None:
        super().__init__(SIDE)
        self.task = task
        self.convolution = nn.Conv2d(3, len(NAMES) + (task == "semantic_segmentation"), 5, padding=2)

    def forward(self, image_BCSS: Tensor) -> Tensor:
        raw: Tensor = self.convolution(self.normalised(image_BCSS)) * 3
        return raw if self.task == "semantic_segmentation" else raw.mean(dim=(2, 3))

    def answers(self, raw: Tensor) -> dict[str, Tensor]:
        if self.task == "regression":
            return {"scores": raw}
        if self.task == "multilabel_classification":
            return {"probabilities": raw.sigmoid()}
        probabilities = raw.softmax(dim=1)
        if self.task == "semantic_segmentation":
            return {"probabilities": probabilities}
        return {"probabilities": probabilities, "grade_index": probabilities.argmax(dim=1)}


def tiny(task: str) -> ExportTarget:
    torch.manual_seed(5)
    return export_target_of(Tiny(task).eval(), NAMES, kind=task)


def picture(height: int, width: int) -> np.ndarray:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(height)).numpy()


def written(target: ExportTarget, folder: Path) -> Artifact:
    task = Task(
        checkpoint="",
        formats=("onnx",),
        pictures=(),
        benchmark_rounds=1,
        output_folder=str(folder),
        provenance={"run_id": "run-1"},
    )
    return make_artifact(FORMATS["onnx"], conversion_context(target, [picture(*shape) for shape in SHAPES], task))


@pytest.mark.parametrize("task", FRAMED_TASKS)
def test_the_file_says_what_the_network_says_on_pictures_of_every_shape(task: str, tmp_path: Path) -> None:
    target = tiny(task)
    artifact = written(target, tmp_path)
    assert artifact.parity.passed
    assert artifact.parity.images == len(SHAPES)
    assert set(artifact.parity.max_abs_difference) == {tensor.name for tensor in artifact.signature.outputs}
    session = onnxruntime.InferenceSession(tmp_path / artifact.file_name)
    for height, width in SHAPES:
        outputs = session.run(None, {"image": picture(height, width)})
        lengths = {"height": height, "width": width}
        for tensor, output in zip(artifact.signature.outputs, outputs, strict=True):
            assert output.dtype == tensor.dtype
            assert output.shape == tuple(lengths.get(length) or int(length) for length in tensor.shape)


def test_a_map_lies_over_the_picture_it_is_of(tmp_path: Path) -> None:
    """The network is a threshold on red: what it says of the file's map must be where the red is."""
    network = Tiny("semantic_segmentation").eval()
    with torch.no_grad():
        network.convolution.weight.zero_()
        network.convolution.bias.zero_()
        network.convolution.weight[1, 0, 2, 2] = 1
    artifact = written(export_target_of(network, NAMES, kind="semantic_segmentation"), tmp_path)
    image_CHW = np.zeros((3, 90, 200), np.float32)
    image_CHW[0, 20:50, 120:180] = 1
    session = onnxruntime.InferenceSession(tmp_path / artifact.file_name)
    (probabilities_KHW,) = session.run(None, {"image": image_CHW})
    red_HW = probabilities_KHW[1] > 0.5
    # Twice the size of a pixel of the square around the outline is anybody's.
    assert red_HW[24:46, 128:172].all()
    assert not red_HW[:12].any()
    assert not red_HW[58:].any()
    assert not red_HW[:, :112].any()
    assert not red_HW[:, 188:].any()


def test_a_file_says_its_free_dimensions_by_the_names_of_the_signature(tmp_path: Path) -> None:
    artifact = written(tiny("semantic_segmentation"), tmp_path)
    graph = onnx.load(tmp_path / artifact.file_name).graph
    for tensor, value in zip(
        artifact.signature.inputs + artifact.signature.outputs, (*graph.input, *graph.output), strict=True
    ):
        stated = [place.dim_param or str(place.dim_value) for place in value.type.tensor_type.shape.dim]
        assert (value.name, tuple(stated)) == (tensor.name, tensor.shape)


class Frozen(Tiny):
    """Asks Python for a number of its input: what tracing freezes."""

    def forward(self, image_BCSS: Tensor) -> Tensor:
        return super().forward(image_BCSS) + image_BCSS.mean().item()


def test_what_tracing_froze_is_found_and_refused_with_the_differences(tmp_path: Path) -> None:
    target = export_target_of(Frozen("regression").eval(), NAMES, kind="regression")
    with pytest.raises(
        ExportRefused, match=r"on 7 validation images: scores differ by .* \(accepted 0.001\)"
    ) as refused:
        written(target, tmp_path)
    assert refused.value.code == "parity"


def test_every_kind_of_model_has_a_signature() -> None:
    assert set(ADAPTERS) == set(SIGNATURES)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_picture_is_framed_at_the_upper_left_and_taken_out_of_its_frame_whole(shape: tuple[int, int]) -> None:
    height, width = shape
    image_CHW = torch.full((3, height, width), 0.9)
    frame_CSS = frame(image_CHW, SIDE)
    inside_SS = (frame_CSS[0] - 0.9).abs() < 1e-4
    rows, columns = inside_SS.any(dim=1).sum(), inside_SS.any(dim=0).sum()
    assert max(rows, columns) == SIDE
    assert inside_SS[:rows, :columns].all()
    assert (frame_CSS[:, ~inside_SS] == 114 / 255).all()
    torch.testing.assert_close(unframe(frame_CSS, height, width), image_CHW)
