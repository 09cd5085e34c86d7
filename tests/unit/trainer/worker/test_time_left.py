"""The time left of a run, and how often it ends within the interval that was given."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.trainer.worker.time_left import EpochTimes, Patience, Schedule, UnderWay, estimate_time_left
from tests.measuring.simulated_runs import simulate_run

ENDLESS = Patience(limit=1000, min_delta=0.0)
SECONDS = st.floats(min_value=0.0, max_value=1e6)
EPOCHS = st.builds(
    EpochTimes, training_s=SECONDS, validating_s=SECONDS, score=st.none() | st.floats(min_value=-1e6, max_value=1e6)
)


def schedule(**changes: object) -> Schedule:
    return replace(Schedule(epochs=20, validation_frequency=1, patience=ENDLESS), **changes)  # type: ignore[arg-type]


def steady(count: int, *, score: float | None = None) -> list[EpochTimes]:
    return [EpochTimes(training_s=10.0, validating_s=2.0, score=score) for _ in range(count)]


def test_a_steady_run_takes_as_long_as_its_epochs_did() -> None:
    left = estimate_time_left(schedule(), steady(10))
    assert left.eta_s == pytest.approx(120, rel=0.05)
    assert left.low_s < 120 < left.high_s < 1.2 * 120


def test_validations_that_are_not_due_are_not_counted() -> None:
    found = [estimate_time_left(schedule(validation_frequency=frequency), steady(10)).eta_s for frequency in (1, 20)]
    assert found[0] - found[1] == pytest.approx(9 * 2, abs=5)


def test_saving_folds_and_the_evaluation_at_the_end_count() -> None:
    plain = estimate_time_left(schedule(), steady(10)).eta_s
    more = estimate_time_left(schedule(saving_s=1.0, extra_epochs=5.0, extra_validations=2.0), steady(10)).eta_s
    assert more - plain == pytest.approx(10 * 1 + 5 * 10 + 2 * 2, rel=0.1)


def test_the_rest_of_an_epoch_counts_by_what_is_done_of_it() -> None:
    begun = estimate_time_left(schedule(), steady(10), UnderWay(share=0.5, epoch_s=10.0)).eta_s
    assert begun == pytest.approx(115, rel=0.05)


def test_a_first_epoch_alone_gives_a_wide_interval() -> None:
    left = estimate_time_left(schedule(), [], UnderWay(share=0.5, epoch_s=10.0))
    assert left.low_s < 235 < left.high_s
    assert left.high_s - left.low_s > 0.2 * left.eta_s


def test_nothing_is_known_before_the_first_report() -> None:
    left = estimate_time_left(schedule(), [])
    assert (left.low_s, left.eta_s, left.high_s) == (0, 0, 0)


def test_a_score_that_no_longer_rises_ends_a_run_before_its_last_epoch() -> None:
    scores = [1 - math.exp(-epoch / 2) + 0.01 * (-1) ** epoch for epoch in range(30)]
    done = [EpochTimes(training_s=10.0, validating_s=0.0, score=score) for score in scores]
    waiting = Patience(limit=5, min_delta=0.0, reference=max(scores), waited=4)
    left = estimate_time_left(schedule(epochs=100, patience=waiting), done)
    assert left.eta_s < 200 < estimate_time_left(schedule(epochs=100), done).eta_s


def test_a_run_whose_patience_is_over_has_no_epoch_left() -> None:
    over = Patience(limit=2, min_delta=0.0, reference=1.0, waited=2)
    assert estimate_time_left(schedule(patience=over), steady(10, score=0.5)).eta_s == 0


def test_estimates_are_repeatable_and_leave_the_training_generators_alone() -> None:
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    first, second = (estimate_time_left(schedule(), steady(4, score=0.5), seed=7) for _ in range(2))
    assert first == second
    assert np.random.random() == expected


@given(done=st.lists(EPOCHS, max_size=12), epochs=st.integers(1, 30), share=st.floats(0, 1), limit=st.integers(1, 5))
def test_any_history_gives_an_ordered_finite_interval(
    done: list[EpochTimes], epochs: int, share: float, limit: int
) -> None:
    patience = Patience(limit=limit, min_delta=0.0)
    left = estimate_time_left(
        schedule(epochs=max(epochs, len(done)), patience=patience), done, UnderWay(share=share, epoch_s=3.0)
    )
    assert 0 <= left.low_s <= left.eta_s <= left.high_s < math.inf


@pytest.mark.parametrize("stops_early", [False, True], ids=["to the last epoch", "early stopping"])
def test_four_runs_in_five_end_within_the_interval(stops_early: bool) -> None:
    random = np.random.default_rng(0)
    within: list[bool] = []
    for _ in range(200):
        states = list(simulate_run(random, stops_early=stops_early).states(from_share=0.1))
        for plan, done, left_s in states[:: max(1, len(states) // 4)]:
            found = estimate_time_left(plan, done, seed=len(done))
            within.append(found.low_s <= left_s <= found.high_s)
    assert len(within) > 700
    assert 0.75 <= sum(within) / len(within) <= 0.85
