"""The loss curve: bounded, thinned evenly, and the same in any order."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitor.curve import MAX_POINTS, Curve, Point, with_point


def curve_of(points: list[Point], *, max_points: int = MAX_POINTS) -> Curve:
    curve = Curve()
    for point in points:
        curve = with_point(curve, point, max_points=max_points)
    return curve


def point(step: int, attempt: int = 1) -> Point:
    return Point(step=step, loss=1 / (1 + step), learning_rate=1e-3, attempt=attempt)


def test_a_short_curve_keeps_every_point() -> None:
    assert [each.step for each in curve_of([point(step) for step in range(0, 1000, 7)])] == list(range(0, 1000, 7))


def test_a_curve_of_fifty_thousand_points_is_thinned_to_two_thousand_and_still_spans_the_run() -> None:
    curve = curve_of([point(step) for step in range(50_000)])
    assert MAX_POINTS / 2 <= len(curve) <= MAX_POINTS
    steps = [each.step for each in curve]
    assert steps[0] == 0
    assert steps[-1] >= 50_000 - 2**curve.level
    assert len({later - earlier for earlier, later in pairwise(steps)}) == 1


def test_a_later_attempt_replaces_the_points_it_trains_again() -> None:
    curve = curve_of([point(10), point(20), point(20, attempt=2)])
    assert [(each.step, each.attempt) for each in curve] == [(10, 1), (20, 2)]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 3)), max_size=60), st.randoms(use_true_random=False))
def test_thinning_does_not_depend_on_the_order_of_the_points(keys: list[tuple[int, int]], random: object) -> None:
    points = [point(step, attempt) for step, attempt in keys]
    shuffled = points + points[: len(points) // 2]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert curve_of(points, max_points=8) == curve_of(shuffled, max_points=8)
