"""What the rules measure with: quadrilaterals, changes of level, guesses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.datasets.shapes.quadrilateral import bend_of, corners_of, filled_share, in_frame, sides_of
from truscore.validation.measures.change_point import find_change_point
from truscore.validation.measures.permutation_test import permutation_test, quantile_bins
from truscore.validation.rules.card_geometry import LEAST_FILLED

CARD = np.array([(0.0, 0.0), (250.0, 0.0), (250.0, 350.0), (0.0, 350.0)])


def turned(points_N2: np.ndarray, angle: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return points_N2 @ np.array([(cosine, sine), (-sine, cosine)]) + 500


def rounded(radius: float) -> np.ndarray:
    """A card with round corners, eight points each."""
    arcs = []
    for corner, (x, y) in enumerate([(250 - radius, 350 - radius), (radius, 350 - radius), (radius, radius)]):
        angles = np.linspace(0, np.pi / 2, 8) + corner * np.pi / 2
        arcs.append(np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)]))
    angles = np.linspace(1.5 * np.pi, 2 * np.pi, 8)
    arcs.append(np.column_stack([250 - radius + radius * np.cos(angles), radius + radius * np.sin(angles)]))
    return np.vstack(arcs)


@settings(max_examples=40, deadline=None)
@given(st.floats(-0.7, 0.7), st.floats(1, 15))
def test_a_card_with_round_corners_has_the_corners_its_sides_meet_in(angle: float, radius: float) -> None:
    outline = turned(rounded(radius), angle).ravel().tolist()
    corners_42 = corners_of(outline)
    assert corners_42 is not None
    assert sorted(sides_of(corners_42)) == pytest.approx([250, 350], rel=0.01)
    gaps = np.linalg.norm(corners_42[:, None] - turned(CARD, angle)[None], axis=2).min(axis=1)
    assert gaps.max() < 3
    assert bend_of(outline, corners_42) < 0.01
    assert filled_share(outline) > LEAST_FILLED


def test_a_card_is_the_unit_square_in_its_own_frame() -> None:
    corners_42 = corners_of(turned(CARD, 0.2).ravel().tolist())
    assert corners_42 is not None
    middle = in_frame(turned(np.array([(125.0, 175.0)]), 0.2), corners_42)
    assert middle == pytest.approx(np.array([(0.5, 0.5)]))


@pytest.mark.parametrize("outline", [(), (1.0, 1.0), (0.0, 0.0, 9.0, 0.0, 9.0, 9.0), (0.0, 0.0) * 6])
def test_what_has_no_four_corners_is_no_quadrilateral(outline: tuple[float, ...]) -> None:
    assert corners_of(outline) is None
    assert filled_share(outline) == 0.0


def test_a_bent_side_and_a_missing_quarter_are_distinguished_from_a_card() -> None:
    bent = [0, 0, 125, 25, 250, 0, 250, 350, 0, 350]
    corners_42 = corners_of(bent)
    assert corners_42 is not None
    assert bend_of(bent, corners_42) > 0.05
    assert filled_share([0, 0, 125, 0, 125, 175, 250, 175, 250, 350, 0, 350]) < 0.9


@settings(max_examples=15, deadline=None)
@given(st.integers(15, 45), st.integers(0, 99))
def test_a_change_of_level_is_found_where_it_is(place: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = [*random.poisson(2, size=place), *random.poisson(12, size=60 - place)]
    change = find_change_point(values)
    assert abs(change.place - place) <= 10
    assert change.p_value < 0.01
    assert change.before < change.after


def test_numbers_of_one_level_change_by_accident_only() -> None:
    random = np.random.default_rng(0)
    chances = [find_change_point(random.poisson(4, size=60)).p_value for _ in range(20)]
    assert sum(p_value <= 0.01 for p_value in chances) <= 1
    assert find_change_point([3.0] * 40).p_value == 1.0
    assert find_change_point([2.0] * 20 + [3.0] * 20).p_value < 0.01
    assert find_change_point([2.0] * 20 + [3.0] * 20, least_ratio=2).p_value == 1.0


def test_labels_that_follow_a_number_are_predicted_and_others_are_not() -> None:
    random = np.random.default_rng(1)
    labels_N = random.integers(3, size=150)
    groups = [f"{number}" for number in range(150)]
    related = permutation_test(quantile_bins(labels_N + random.normal(0, 0.2, size=150)), labels_N, groups)
    unrelated = permutation_test(quantile_bins(random.normal(size=150)), labels_N, groups)
    assert related.skill > 0.8
    assert related.p_value <= 0.01
    assert unrelated.skill < 0.3
    assert unrelated.p_value > 0.01


def test_copies_of_one_thing_do_not_help_to_predict_it() -> None:
    random = np.random.default_rng(2)
    things_NF = random.normal(size=(30, 40)).repeat(5, axis=0)
    labels_N = random.integers(2, size=30).repeat(5)
    ungrouped = permutation_test(things_NF, labels_N, [f"{number}" for number in range(150)])
    grouped = permutation_test(things_NF, labels_N, [f"{number // 5}" for number in range(150)])
    assert ungrouped.accuracy > 0.95
    assert grouped.accuracy < 0.8
