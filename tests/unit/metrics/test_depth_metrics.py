"""Depths against the truth, in micrometres and degrees."""

import math

import numpy as np
import pytest
from truscore.metrics.depth import ObjectDepth, depth_diagnostics, depth_errors, depth_metrics, without_plane

HEIGHT, WIDTH = 12, 17
DOWN_HW, ACROSS_HW = np.mgrid[:HEIGHT, :WIDTH].astype(float)
ALL_HW = np.ones((HEIGHT, WIDTH), dtype=bool)


def test_where_a_surface_lies_and_how_it_is_tilted_is_no_error() -> None:
    target_HW = 3 * np.sin(ACROSS_HW / 3)
    errors_N, angles_N = depth_errors(target_HW + 4 - 0.2 * DOWN_HW, target_HW, ALL_HW, pitch_um=10)
    assert errors_N.max() < 1e-9
    # The tilt of 0.2 micrometres over 10 is what the normals are off by.
    assert angles_N == pytest.approx(np.degrees(np.arctan(0.02)), abs=0.02)


def test_a_dent_that_is_missed_is_an_error_of_its_depth() -> None:
    dent_HW = np.where((ACROSS_HW == 8) & (DOWN_HW == 6), -20.0, 0.0)
    errors_N, _ = depth_errors(np.zeros((HEIGHT, WIDTH)), dent_HW, ALL_HW, pitch_um=10)
    assert errors_N.max() == pytest.approx(20, abs=0.2)


def test_pixels_without_a_true_depth_or_outside_the_mask_do_not_count() -> None:
    target_HW = np.where(ACROSS_HW < 4, np.nan, 0.0)
    mask_HW = DOWN_HW > 2
    prediction_HW = np.where(mask_HW & (ACROSS_HW >= 4), 0.0, 1e6)
    errors_N, angles_N = depth_errors(prediction_HW, target_HW, mask_HW, pitch_um=1)
    assert len(errors_N) == len(angles_N) == (HEIGHT - 3) * (WIDTH - 4)
    assert errors_N.max() == angles_N.max() == 0


def test_depths_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="accepted is one size"):
        depth_errors(np.zeros((3, 4)), np.zeros((4, 3)), np.ones((3, 4), dtype=bool), pitch_um=1)


def test_a_plane_through_a_mask_without_pixels_is_nothing() -> None:
    assert np.isnan(without_plane(DOWN_HW, ~ALL_HW)).all()


def test_figures_are_means_over_objects_and_say_which_is_worst() -> None:
    def of(image: int, name: str, errors: list[float]) -> ObjectDepth:
        errors_N = np.array(errors, dtype=np.float32)
        return ObjectDepth(image=image, name=name, lights=4 + image, errors_N=errors_N, angles_N=errors_N)

    results = [of(0, "small", [1.0]), of(1, "large", [3.0] * 9), of(2, "unknown", [])]
    metrics = depth_metrics(results)
    assert metrics["mean_depth_error_um"] == metrics["rms_depth_error_um"] == metrics["mean_normal_error_deg"] == 2
    diagnostics = depth_diagnostics(results)
    assert [error.image for error in diagnostics.image_errors] == [0, 1]
    assert "large, 5 lights: mean 3.00 um" in diagnostics.image_errors[1].text
    assert depth_metrics([of(0, "unknown", [])]) == {}
    assert depth_metrics([of(0, "broken", [math.nan])]) == {}
