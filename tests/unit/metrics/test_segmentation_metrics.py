"""Masks of damage: overlap, pieces by size, and what is made of images without any."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from truscore.metrics.object_sizes import size_limits_px, size_name
from truscore.metrics.segmentation import (
    count_pixels,
    iou_by_class,
    segmentation_diagnostics,
    segmentation_metrics,
)

# The library checks its input thoroughly: a few milliseconds each time, far more on a busy machine.
AGAINST_THE_LIBRARY = settings(deadline=None, max_examples=25)
MASKS = arrays(np.uint8, (6, 7), elements=st.integers(0, 2))


def with_block(value: int, rows: slice, columns: slice) -> np.ndarray:
    mask_HW = np.zeros((20, 30), dtype=np.uint8)
    mask_HW[rows, columns] = value
    return mask_HW


def test_a_mask_found_exactly_is_perfect() -> None:
    scratch = with_block(1, slice(2, 6), slice(3, 20))
    metrics = segmentation_metrics([count_pixels(0, scratch, scratch, classes=2)])
    assert metrics == {
        "mask_mean_IoU": 1.0, "dice": 1.0, "binary_IoU": 1.0, "binary_dice": 1.0, "pixel_accuracy": 1.0,
        "boundary_F1": 1.0,
    }  # fmt: skip


def test_half_of_a_mask_is_half_the_overlap_and_two_thirds_of_dice() -> None:
    target, predicted = with_block(1, slice(0, 10), slice(0, 10)), with_block(1, slice(0, 10), slice(0, 5))
    metrics = segmentation_metrics([count_pixels(0, target, predicted, classes=2)])
    assert metrics["mask_mean_IoU"] == pytest.approx(0.5)
    assert metrics["dice"] == pytest.approx(2 / 3)


def test_a_clean_image_is_evaluated_by_what_is_wrongly_found_on_it() -> None:
    clean = np.zeros((20, 30), dtype=np.uint8)
    alarm = with_block(1, slice(0, 1), slice(0, 1))
    quiet = count_pixels(0, clean, clean, classes=2)
    loud = count_pixels(1, clean, alarm, classes=2)
    assert segmentation_metrics([quiet]) == {
        "pixel_accuracy": 1.0, "false_alarm_rate": 0.0, "false_alarm_area": 0.0,
    }  # fmt: skip
    assert segmentation_metrics([quiet, loud]) == {
        "pixel_accuracy": 1199 / 1200, "false_alarm_rate": 0.5, "false_alarm_area": 0.5 / 600,
    }  # fmt: skip


def test_images_add_up_by_their_pixels() -> None:
    large, nothing = with_block(1, slice(0, 20), slice(0, 10)), np.zeros((20, 30), dtype=np.uint8)
    small = with_block(1, slice(0, 1), slice(0, 2))
    images = [count_pixels(0, large, large, classes=2), count_pixels(1, small, nothing, classes=2)]
    assert segmentation_metrics(images)["mask_mean_IoU"] == pytest.approx(200 / 202)


def test_a_class_that_is_nowhere_does_not_count() -> None:
    dent = with_block(2, slice(0, 4), slice(0, 4))
    assert segmentation_metrics([count_pixels(0, dent, dent, classes=4)])["mask_mean_IoU"] == 1.0


def test_pixels_of_unknown_class_count_nowhere() -> None:
    target, predicted = with_block(255, slice(0, 20), slice(0, 15)), with_block(1, slice(0, 20), slice(0, 15))
    assert sum(map(sum, count_pixels(0, target, predicted, classes=2).counts)) == 300


def test_a_predicted_class_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="accepted are 0 to 1"):
        count_pixels(0, with_block(0, slice(0), slice(0)), with_block(2, slice(0, 1), slice(0, 1)), classes=2)


def test_no_images_have_no_figures() -> None:
    assert segmentation_metrics([]) == {}


@AGAINST_THE_LIBRARY
@given(st.lists(st.tuples(MASKS, MASKS), min_size=1, max_size=4))
def test_overlap_equals_scikit_learn(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    images = [count_pixels(n, target, predicted, classes=3) for n, (target, predicted) in enumerate(pairs)]
    counts = np.array([image.counts for image in images]).sum(axis=0)
    target, predicted = (np.concatenate([pair[side].ravel() for pair in pairs]) for side in (0, 1))
    for label, iou in enumerate(iou_by_class(counts)):
        if iou is not None:
            assert iou == pytest.approx(sklearn.jaccard_score(target == label, predicted == label, zero_division=0.0))
    assert all(np.isfinite(value) for value in segmentation_metrics(images).values())


def test_pieces_of_damage_are_distinguished_and_counted_by_size() -> None:
    target = np.zeros((300, 300), dtype=np.uint8)
    target[10:12, 10:20] = 1  # 20 px, small
    target[100:140, 100:140] = 1  # 1600 px, medium
    predicted = np.zeros_like(target)
    predicted[100:140, 100:120] = 1
    rows = {
        row["size"]: row
        for row in segmentation_diagnostics([count_pixels(0, target, predicted, classes=2)], ["dent"]).by_size
    }
    assert (rows["small"]["pieces"], rows["small"]["touched"]) == (1, 0.0)
    assert (rows["medium"]["pieces"], rows["medium"]["touched"], rows["medium"]["covered"]) == (1, 1.0, 0.5)
    assert (rows["large"]["pieces"], rows["large"]["covered"]) == (0, None)


def test_sizes_are_those_of_coco_on_images_of_its_size_and_shrink_with_smaller_ones() -> None:
    assert size_limits_px([640.0 * 480.0]) == (1024.0, 9216.0)
    assert size_limits_px([4000.0 * 3000.0]) == (1024.0, 9216.0)
    assert size_limits_px([64.0 * 48.0]) == pytest.approx((10.24, 92.16))
    assert [size_name(share) for share in (0.001, 0.01, 0.1)] == ["small", "medium", "large"]


def test_the_worst_images_are_those_with_the_least_overlap() -> None:
    target, half = with_block(1, slice(0, 10), slice(0, 10)), with_block(1, slice(0, 10), slice(0, 5))
    nothing = np.zeros_like(target)
    images = [count_pixels(n, target, predicted, classes=2) for n, predicted in enumerate((target, half, nothing))]
    assert segmentation_diagnostics(images, ["scratch"]).worst(3) == (2, 1)
