"""Anchors take the aspect ratios of the training boxes, and weights carry them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from truscore.datasets import Annotation, ImageRecord, read_dataset
from truscore.recipes import Recipe, resolve
from truscore.zoo import build_model
from truscore.zoo.detection.anchors import MOST_RATIO, FittedAnchors, fitted_ratios, spread_ratios

from services.trainer.worker.tasks.instance_segmentation import box_ratios

USUAL = (0.5, 1.0, 2.0)


def recipe(base: str = "mask_rcnn_shufflenet_v2_fine_fpn") -> Recipe:
    architecture = {"base_architecture": base, "pretrained_weights": "none"}
    return resolve("surface_analysis", "defect_detection", "fpn", {"architecture_config": architecture})


def anchors_of(model: torch.nn.Module) -> FittedAnchors:
    (found,) = [module for module in model.modules() if isinstance(module, FittedAnchors)]
    return found


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=60), st.integers(1, 7))
def test_ratios_of_any_boxes_ascend_within_bounds(ratios: list[float], count: int) -> None:
    fitted_Q = fitted_ratios(np.array(ratios), count)
    assert fitted_Q.shape == (count,)
    assert (np.diff(fitted_Q) >= 0).all()
    assert fitted_Q[0] >= 1 / MOST_RATIO * (1 - 1e-9)
    assert fitted_Q[-1] <= MOST_RATIO * (1 + 1e-9)


def test_three_kinds_of_boxes_are_three_ratios() -> None:
    random = np.random.default_rng(3)
    boxes_N = np.concatenate([centre * np.exp(random.normal(0, 0.05, 40)) for centre in (0.1, 1.0, 6.0)])
    assert fitted_ratios(random.permutation(boxes_N), 3) == pytest.approx([0.1, 1.0, 6.0], rel=0.05)


def test_without_boxes_the_ratios_stay_spread() -> None:
    anchors = FittedAnchors(((8, 16), (32, 64)), 5)
    anchors.fit(np.array([]))
    assert anchors.ratios_Q.tolist() == spread_ratios(5) == [0.25, 0.5, 1.0, 2.0, 4.0]
    assert [len(level_A4) for level_A4 in anchors.cell_anchors] == anchors.num_anchors_per_location() == [10, 10]


def test_an_anchor_has_the_area_of_its_side_and_the_ratio_of_the_boxes() -> None:
    anchors = FittedAnchors(((64,),), 2)
    anchors.fit(np.array([0.25, 0.25, 4.0, 4.0]))
    (level_A4,) = anchors.cell_anchors
    assert level_A4.tolist() == [[-64, -16, 64, 16], [-16, -64, 16, 64]]


def test_the_state_dict_carries_them_into_another_network_which_then_finds_the_same() -> None:
    torch.manual_seed(0)
    fitted, fresh = build_model(recipe(), 2).eval(), build_model(recipe(), 2).eval()
    anchors_of(fitted).fit(np.array([0.1, 0.2, 0.9, 1.1, 3.0, 7.0]))
    fresh.load_state_dict(fitted.state_dict())
    for one_A4, other_A4 in zip(anchors_of(fitted).cell_anchors, anchors_of(fresh).cell_anchors, strict=True):
        torch.testing.assert_close(one_A4, other_A4, rtol=0, atol=0)
    image_CHW = torch.rand(3, 96, 128)
    with torch.no_grad():
        (one,), (other,) = fitted([image_CHW]), fresh([image_CHW])
    torch.testing.assert_close(one["boxes"], other["boxes"], rtol=0, atol=0)


def test_weights_that_have_ratios_of_their_own_keep_them() -> None:
    anchors = FittedAnchors(((8, 16),), 3)
    anchors.load_state_dict({"ratios_Q": torch.tensor([0.1, 1.0, 10.0])})
    anchors.fit(np.array([0.9, 1.0, 1.1]))
    assert anchors.ratios_Q.tolist() == pytest.approx([0.1, 1.0, 10.0])


def marked(width: int, height: int, *boxes: tuple[float, float], crowd: bool = False) -> ImageRecord:
    marks = tuple(Annotation(label=1, box_xywh=(0, 0, *sides), crowd=crowd) for sides in boxes)
    return ImageRecord(path="a.png", width=width, height=height, sha256="0" * 64, size_bytes=1, annotations=marks)


def test_square_images_which_are_turned_by_quarters_give_both_ratios_and_crowds_none() -> None:
    records = [marked(100, 100, (10, 40)), marked(200, 100, (10, 40), (30, 10)), marked(90, 90, (5, 5), crowd=True)]
    assert sorted(box_ratios(records, turned=True)) == pytest.approx([1 / 4, 1 / 3, 4, 4])
    assert sorted(box_ratios(records, turned=False)) == pytest.approx([1 / 3, 4, 4])


def overlaps(boxes_N2: NDArray[np.float64], anchors_A4: Tensor) -> NDArray[np.float64]:
    """[N]: of each box the best overlap with an anchor about the same centre."""
    sides_A2 = (anchors_A4[:, 2:] - anchors_A4[:, :2]).numpy()
    shared_NA = np.minimum(boxes_N2[:, None], sides_A2).prod(axis=2)
    union_NA = boxes_N2.prod(axis=1)[:, None] + sides_A2.prod(axis=1) - shared_NA
    best_N: NDArray[np.float64] = (shared_NA / union_NA).max(axis=1)
    return best_N


def test_on_real_steel_fewer_boxes_have_no_anchor_of_their_shape(shared_data: Path) -> None:
    index = read_dataset(shared_data / "neu_det_voc").index
    assert index is not None
    size = recipe().image_size
    marks = [(mark, record) for record in index.images for mark in record.annotations]
    boxes_N2 = np.array([np.array(mark.box_xywh[2:]) * size / max(at.width, at.height) for mark, at in marks])
    anchors = anchors_of(build_model(recipe(), 6))
    usual_A4 = torch.cat([anchors.generate_anchors(level, USUAL) for level in anchors.sizes])
    spread_A4 = torch.cat(anchors.cell_anchors)
    anchors.fit(box_ratios(index.images, turned=True))
    fitted_A4 = torch.cat(anchors.cell_anchors)
    shapeless = [(overlaps(boxes_N2, each) < 0.5).mean() for each in (usual_A4, spread_A4, fitted_A4)]
    assert shapeless[0] > 0.1
    assert shapeless[1] < shapeless[0] / 3
    assert shapeless[2] < shapeless[1] / 2
