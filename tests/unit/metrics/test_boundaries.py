"""Outlines of found damage beside real ones."""

import numpy as np
import pytest
from truscore.metrics.boundaries import boundary_f1, count_boundaries, nothing_found, tolerance_px


def line(row: int, *, height: int = 756, columns: slice = slice(100, 400)) -> np.ndarray:
    mask_HW = np.zeros((height, 500), dtype=np.bool_)
    mask_HW[row : row + 2, columns] = True
    return mask_HW


def test_a_line_within_the_tolerance_is_found_and_one_beyond_it_is_not() -> None:
    assert tolerance_px(500, 756) == 3
    assert boundary_f1([count_boundaries(line(50), line(53))]) == 1.0
    assert boundary_f1([count_boundaries(line(50), line(60))]) == 0.0


def test_half_a_line_is_precise_and_found_by_half() -> None:
    counts = count_boundaries(line(50), line(50, columns=slice(100, 250)))
    assert counts.prediction_matched == counts.prediction == 300
    # Three pixels beyond the found end are within the tolerance, in both rows.
    assert (counts.target, counts.target_matched) == (600, 306)
    assert boundary_f1([counts]) == pytest.approx(2 * 0.51 / 1.51)


def test_images_add_up_and_nothing_found_has_recall_0() -> None:
    right, empty = count_boundaries(line(50), line(50)), nothing_found(count_boundaries(line(50), line(50)))
    assert boundary_f1([empty]) == 0.0
    assert boundary_f1([right, empty]) == pytest.approx(2 / 3)


def test_neither_real_nor_found_is_right() -> None:
    assert boundary_f1([count_boundaries(line(0) & False, line(0) & False)]) == 1.0


def test_a_filled_area_counts_by_its_outline_alone_and_the_margin_is_one() -> None:
    square_HW = np.zeros((20, 20), dtype=np.bool_)
    square_HW[:10, :10] = True
    assert count_boundaries(square_HW, square_HW).target == 36
