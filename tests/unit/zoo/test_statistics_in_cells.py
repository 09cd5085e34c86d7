"""Deviations of maps part by part."""

import pytest
import torch
from truscore.zoo.classification.statistics_cnn import deviations_in_cells


@pytest.mark.parametrize(("height", "width"), [(8, 12), (7, 9), (2, 3), (1, 1)])
def test_each_part_has_its_own_deviation_row_by_row(height: int, width: int) -> None:
    map_BCHW = torch.rand(2, 3, height, width)
    found = deviations_in_cells(map_BCHW, 4).reshape(2, 4, 4, 3)
    for row in range(4):
        for column in range(4):
            top, left = row * height // 4, column * width // 4
            bottom, right = max(top + 1, (row + 1) * height // 4), max(left + 1, (column + 1) * width // 4)
            by_hand = map_BCHW[:, :, top:bottom, left:right].flatten(2).var(dim=2, correction=0).add(1e-5).sqrt()
            torch.testing.assert_close(found[:, row, column], by_hand)
