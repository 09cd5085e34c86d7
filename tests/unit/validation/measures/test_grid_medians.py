"""The medians of the eight phases of a JPEG grid, all at once, are numpy's."""

import numpy as np
import pytest
from truscore.validation.measures.image_stats import GRID, medians_by_phase


@pytest.mark.parametrize("length", [*range(8, 33), 255, 640])
def test_medians_of_all_phases_are_numpys(length: int) -> None:
    step_W = np.random.default_rng(length).uniform(0, 9, size=length)
    assert medians_by_phase(step_W).tolist() == [float(np.median(step_W[phase::GRID])) for phase in range(GRID)]
