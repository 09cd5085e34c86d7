"""Parts that are written anew for the graph say what torchvision and eager say."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models.detection.roi_heads import paste_masks_in_image
from truscore.inference.runtime import onnxruntime
from truscore.zoo.resize import AntialiasedTransform

from services.exporter.child.paste import paste


@pytest.mark.parametrize("size", [(50, 70), (201, 153), (640, 480)])
def test_masks_are_pasted_as_torchvision_pastes_them(size: tuple[int, int]) -> None:
    height, width = size
    generator = torch.Generator().manual_seed(height)
    corners = torch.rand(20, 4, generator=generator) * torch.tensor([width, height, width, height])
    boxes = torch.cat(
        (torch.minimum(corners[:, :2], corners[:, 2:]), torch.maximum(corners[:, :2], corners[:, 2:])), dim=1
    )
    boxes[0] = torch.tensor([0.0, 0.0, width, height])
    boxes[1] = torch.tensor([3.2, 4.7, 3.3, 4.8])
    masks = torch.rand(20, 1, 28, 28, generator=generator)
    torch.testing.assert_close(
        paste(masks, boxes, height, width), paste_masks_in_image(masks, boxes, size), atol=1e-5, rtol=0
    )


def test_no_detections_paste_to_no_masks() -> None:
    assert paste(torch.zeros(0, 1, 28, 28), torch.zeros(0, 4), 30, 40).shape == (0, 1, 30, 40)


class Resized(torch.nn.Module):
    def __init__(self, image_size: int) -> None:
        super().__init__()
        self.transform = AntialiasedTransform(image_size, image_size, [0.0] * 3, [1.0] * 3)

    def forward(self, image_CHW: torch.Tensor) -> torch.Tensor:
        resized: torch.Tensor = self.transform.resize(image_CHW)[0]
        return resized


def sizes_on_a_half(image_size: int) -> Sequence[tuple[int, int]]:
    """Sizes whose shorter side comes to whole and a half: where float32 and float64 round apart."""
    return [(10 * image_size, width) for width in range(5, 200, 10)] + [(333, 518), (240, 97), (image_size, 7)]


def test_the_graph_resizes_to_the_very_size_that_eager_does(tmp_path: Path) -> None:
    model = Resized(64).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (torch.rand(3, 100, 120),),
            tmp_path / "resize.onnx",
            dynamo=False,
            opset_version=17,
            input_names=["image"],
            output_names=["resized"],
            dynamic_axes={"image": {1: "height", 2: "width"}},
        )
    session = onnxruntime.InferenceSession(tmp_path / "resize.onnx")
    for height, width in sizes_on_a_half(64):
        image = torch.rand(3, height, width)
        (of_graph,) = session.run(None, {"image": image.numpy()})
        np.testing.assert_allclose(of_graph, model(image).numpy(), atol=1e-5)
