"""The detector can be traced: what an exporter needs of it."""

import io
from collections.abc import Callable

import pytest
import torch
from truscore.inference.runtime import onnxruntime
from truscore.recipes import Recipe
from truscore.zoo import build_model


@pytest.mark.filterwarnings("ignore")
def test_it_exports_and_resizes_images_of_another_size_as_it_does_itself(small_recipe: Callable[..., Recipe]) -> None:
    torch.manual_seed(0)
    model = build_model(small_recipe(), 2).eval()
    file = io.BytesIO()
    torch.onnx.export(
        model,
        ([torch.rand(3, 90, 120)],),
        file,
        dynamo=False,
        opset_version=17,
        input_names=["image"],
        output_names=["boxes", "labels", "scores", "masks"],
        dynamic_axes={"image": {1: "height", 2: "width"}},
    )
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    image_CHW = torch.rand(3, 200, 130)
    boxes, labels, scores, masks = session.run(None, {"image": image_CHW.numpy()})
    with torch.no_grad():
        (found,) = model([image_CHW])
    assert torch.equal(torch.from_numpy(labels), found["labels"])
    torch.testing.assert_close(torch.from_numpy(scores), found["scores"], rtol=1e-3, atol=1e-4)
    # An untrained network gives many nearly equal scores: their order is not what is claimed.
    distance_NM = (torch.from_numpy(boxes)[:, None] - found["boxes"][None]).abs().amax(dim=2)
    assert distance_NM.amin(dim=1).max() < 0.05
    assert distance_NM.amin(dim=0).max() < 0.05
    assert masks.shape == tuple(found["masks"].shape)
