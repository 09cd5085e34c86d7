"""When two answers for a whole picture are the same."""

import numpy as np
import pytest

from services.exporter.child.export_target import Answers
from services.exporter.child.output_parity import check_parity


def grade(index: int, *probabilities: float) -> Answers:
    return {"probabilities": np.array(probabilities, np.float32), "grade_index": np.array(index)}


def test_the_same_answer_agrees_and_no_picture_at_all_does_not() -> None:
    verdict = check_parity([(grade(1, 0.1, 0.7, 0.2), grade(1, 0.1, 0.7, 0.2))])
    assert verdict.passed
    assert verdict.max_abs_difference == {"probabilities": 0.0, "grade_index": 0.0}
    assert not check_parity([]).passed


def test_one_wrong_pixel_of_a_map_fails() -> None:
    map_KHW = np.full((2, 30, 40), 0.5, np.float32)
    wrong_KHW = map_KHW.copy()
    wrong_KHW[1, 29, 39] += 0.01
    verdict = check_parity([({"probabilities": map_KHW}, {"probabilities": wrong_KHW})])
    assert not verdict.passed
    assert verdict.max_abs_difference["probabilities"] == pytest.approx(0.01, rel=1e-3)


def test_another_grade_fails_though_its_probabilities_are_near() -> None:
    verdict = check_parity([(grade(1, 0.1, 0.7, 0.2), grade(2, 0.1, 0.7, 0.2))])
    assert not verdict.passed
    assert verdict.max_abs_difference["grade_index"] == 1


def test_another_grade_is_excused_where_half_the_probability_is_on_each_side() -> None:
    assert check_parity([(grade(0, 0.5001, 0.2, 0.2999), grade(1, 0.4999, 0.2002, 0.2999))]).passed
    assert not check_parity([(grade(0, 0.5001, 0.2, 0.2999), grade(2, 0.4999, 0.2002, 0.2999))]).passed
    assert check_parity([(grade(0, 0.5001, 0.0, 0.4999), grade(2, 0.4999, 0.0, 0.5001))]).passed


def test_a_grade_that_is_not_on_the_scale_is_no_tie() -> None:
    assert not check_parity([(grade(1, 0.5, 0.5), grade(2, 0.5, 0.5))]).passed


def test_large_scores_are_compared_by_their_share_and_small_ones_by_their_difference() -> None:
    def of(score: float) -> Answers:
        return {"scores": np.array([score], np.float64)}

    assert check_parity([(of(900.0), of(900.5))]).passed
    assert not check_parity([(of(900.0), of(902.0))]).passed
    assert not check_parity([(of(0.001), of(0.003))]).passed


@pytest.mark.parametrize("wrong", [np.array([np.nan]), np.array([np.inf]), np.array([1.0, 1.0])])
def test_an_answer_that_is_no_number_or_of_another_shape_fails(wrong: np.ndarray) -> None:
    assert not check_parity([({"scores": np.array([1.0])}, {"scores": wrong})]).passed
    assert not check_parity([({"scores": wrong}, {"scores": np.array([1.0])})]).passed
