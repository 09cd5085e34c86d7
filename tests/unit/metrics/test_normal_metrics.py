"""Directions compared. N pixels."""

import math

import numpy as np
import pytest
from truscore.metrics.normals import angular_errors, by_lighting, normal_metrics


def tilted(*degrees: float) -> np.ndarray:
    return np.array([(math.sin(math.radians(one)), 0.0, math.cos(math.radians(one))) for one in degrees])


@pytest.mark.parametrize("degrees", [0.0, 1e-6, 0.01, 5.0, 90.0, 179.0, 180.0])
def test_an_angle_is_measured_to_a_millionth_of_itself(degrees: float) -> None:
    found = float(angular_errors(3 * tilted(degrees), tilted(0.0))[0])
    assert found == pytest.approx(degrees, rel=1e-6, abs=1e-12)


def test_pixels_without_a_direction_are_not_evaluated() -> None:
    errors_N = angular_errors(np.array([(0.0, 0, 1), (0, 0, 0)]), np.array([(0.0, 0, 0), (0, 0, 1)]))
    assert np.isnan(errors_N).all()
    assert math.isnan(normal_metrics(errors_N)["mean_deg"])


def test_mean_median_percentile_and_shares_are_those_of_the_errors() -> None:
    figures = normal_metrics(np.array([1.0, 2.0, 6.0, 31.0, np.nan]))
    assert figures["mean_deg"] == 10
    assert figures["median_deg"] == 4
    assert figures["p95_deg"] == pytest.approx(np.percentile([1, 2, 6, 31], 95))
    assert [figures[f"below_{bound}"] for bound in (5, 10, 20)] == [0.5, 0.75, 0.75]


def test_shadow_and_highlight_are_kept_apart_from_plain_pixels_by_the_truth() -> None:
    directions_L3 = tilted(-40, -20, 0, 20, 40)
    target_N3 = tilted(0, 0, 0)
    samples_NL = 0.5 * target_N3 @ directions_L3.T
    samples_NL[0, 1] = 0.0
    samples_NL[1, 2] *= 2
    figures = by_lighting(np.array([10.0, 20.0, 30.0]), samples_NL, target_N3, directions_L3)
    assert figures == {"shadow_mean_deg": 10, "highlight_mean_deg": 20, "plain_mean_deg": 30}
