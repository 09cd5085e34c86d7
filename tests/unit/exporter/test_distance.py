"""How far a file's answers are from its checkpoint's, by which INT8 chooses its layers."""

import numpy as np
import pytest
import torch
from truscore.recipes import resolve
from truscore.zoo import build_model

from services.exporter.child.convert import export_target_of
from services.exporter.child.export_target import Answers
from services.exporter.child.formats.quantized.format import distance

BOXES = np.array([[0.0, 0.0, 100.0, 200.0], [10.0, 10.0, 90.0, 190.0]], np.float32)


def answers(boxes_N4: np.ndarray) -> Answers:
    return {
        "boxes": boxes_N4,
        "labels": np.array([1, 2]),
        "scores": np.array([0.9, 0.8], np.float32),
        "masks": np.zeros((2, 1, 20, 20), np.float32),
    }


def test_a_box_that_is_found_elsewhere_counts_by_its_share_of_the_picture() -> None:
    custom = {"base_architecture": "mask_rcnn_mobilenet_v3_small_fpn"}
    torch.manual_seed(2)
    recipe = resolve("border_detection", "dual_class", "mask_rcnn", {"image_size": 64, "architecture_config": custom})
    target = export_target_of(build_model(recipe, 2).eval(), ("a", "b"), kind="instance_segmentation")
    assert distance(target, [(answers(BOXES), answers(BOXES))]) == 0
    moved = BOXES + np.array([0, 0, 2, 0], np.float32)
    assert distance(target, [(answers(BOXES), answers(moved))]) == pytest.approx(2 / 200)
