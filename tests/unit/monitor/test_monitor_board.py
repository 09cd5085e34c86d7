"""What the monitor knows after a run's events, in whatever order they came."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitor.board import Board, Bounds, id_of, stage_of_entry
from services.monitor.run import Run
from services.monitor.stage import Stage, pace_of
from tests.unit.monitor import event_sequences
from tests.unit.monitor.event_sequences import RUN, PublishedEvent, board_after

OTHER_TRACE = "b" * 32


def stage_after(*events: PublishedEvent) -> Stage:
    run = board_after(events).find(RUN)
    assert run is not None
    return stage_of_entry(run)


@st.composite
def retellings(draw: st.DrawFn) -> list[PublishedEvent]:
    """All events in any order, each published up to three times."""
    events = event_sequences.whole_run()
    again = draw(st.lists(st.sampled_from(events), max_size=2 * len(events)))
    return draw(st.permutations(events + again))


@settings(max_examples=60, deadline=None)
@given(retellings())
def test_any_order_and_any_repeats_of_the_events_give_the_same_state(events: list[PublishedEvent]) -> None:
    reported, straight = board_after(events), board_after(event_sequences.whole_run())
    assert reported.runs == straight.runs
    assert reported.orders == straight.orders
    assert reported.hosts == straight.hosts
    assert [id_of(entry) for entry in reported.entries()] == [RUN]


@pytest.mark.parametrize(
    ("events", "stage"),
    [
        ([event_sequences.started()], Stage.TRAINING),
        ([event_sequences.started(), event_sequences.paused()], Stage.PAUSED),
        ([event_sequences.started(), event_sequences.paused(), event_sequences.resume_requested()], Stage.QUEUED),
        ([event_sequences.started(), event_sequences.paused(), event_sequences.started(70, attempt=2)], Stage.TRAINING),
        ([event_sequences.started(), event_sequences.cancelled()], Stage.CANCELLED),
        ([event_sequences.cancelled(attempt=0)], Stage.CANCELLED),
        ([event_sequences.started(), event_sequences.cancelled(90, attempt=0)], Stage.CANCELLED),
        ([event_sequences.started(), event_sequences.failed()], Stage.FAILED),
        ([event_sequences.started(), event_sequences.failed(), event_sequences.started(60, attempt=2)], Stage.TRAINING),
        ([event_sequences.started(), event_sequences.completed()], Stage.EXPORTING),
        ([event_sequences.started(), event_sequences.completed(), event_sequences.export_failed()], Stage.FAILED),
        (
            [
                event_sequences.started(),
                event_sequences.export_failed(9, request_id="too early"),
                event_sequences.completed(),
            ],
            Stage.EXPORTING,
        ),
        (
            [
                event_sequences.started(),
                event_sequences.completed(),
                event_sequences.export_failed(),
                event_sequences.exported(500),
            ],
            Stage.EXPORTED,
        ),
        ([event_sequences.epoch_done(1)], Stage.TRAINING),
    ],
)
def test_a_run_stands_where_the_last_of_its_events_says(events: list[PublishedEvent], stage: Stage) -> None:
    assert stage_after(*events) is stage


def test_an_announced_dataset_is_an_entry_before_any_run_exists() -> None:
    board = board_after([event_sequences.ready()])
    (entry,) = board.entries()
    assert id_of(entry).startswith("order-")
    assert stage_of_entry(entry) is Stage.VALIDATING
    assert board.find("cards/1") is entry


def test_a_validated_dataset_waits_for_a_trainer() -> None:
    (entry,) = board_after([event_sequences.ready(), event_sequences.validated()]).entries()
    assert stage_of_entry(entry) is Stage.QUEUED


def test_a_dataset_that_was_only_to_be_validated_has_ended_with_its_verdict() -> None:
    events = [event_sequences.ready(validation_only=True), event_sequences.validated(validation_only=True)]
    (entry,) = board_after(events).entries()
    assert stage_of_entry(entry) is Stage.VALIDATED


def test_a_rejected_dataset_stays_in_the_list_with_its_findings() -> None:
    (entry,) = board_after([event_sequences.ready(), event_sequences.rejected()]).entries()
    assert stage_of_entry(entry) is Stage.REJECTED


def test_a_rejection_is_shown_even_where_its_order_was_never_consumed() -> None:
    (entry,) = board_after([event_sequences.rejected()]).entries()
    assert stage_of_entry(entry) is Stage.REJECTED


def test_a_rejection_consumed_before_its_order_is_about_that_order() -> None:
    early, late = (
        board_after([event_sequences.rejected(), event_sequences.ready()]),
        board_after([event_sequences.ready(), event_sequences.rejected()]),
    )
    assert early.orders == late.orders
    assert len(early.entries()) == 1


def test_an_order_refused_by_the_trainer_has_failed() -> None:
    events = [event_sequences.ready(), event_sequences.validated(), event_sequences.failed(run_id="", attempt=0)]
    (entry,) = board_after(events).entries()
    assert stage_of_entry(entry) is Stage.FAILED


def test_an_order_gives_way_to_the_run_that_came_of_it() -> None:
    board = board_after([event_sequences.ready(), event_sequences.validated()])
    (order,) = board.entries()
    board_after([event_sequences.started()], board)
    assert board.find(id_of(order)) is board.runs[RUN]
    assert board.find("cards/1") is board.runs[RUN]
    assert [id_of(entry) for entry in board.entries()] == [RUN]


def test_a_run_without_the_trace_of_its_order_is_matched_by_dataset_and_model() -> None:
    board = board_after(
        [event_sequences.ready(trace=""), event_sequences.validated(trace=""), event_sequences.started(trace="")]
    )
    assert [id_of(entry) for entry in board.entries()] == [RUN]


def test_of_two_orders_the_run_belongs_to_the_one_with_its_trace() -> None:
    first = [
        event_sequences.ready(0, architecture="unet", trace=OTHER_TRACE),
        event_sequences.validated(1, architecture="unet", trace=OTHER_TRACE),
    ]
    second = [event_sequences.ready(2), event_sequences.validated(3)]
    board = board_after([*first, *second, event_sequences.started(4)])
    waiting = [entry for entry in board.entries() if not isinstance(entry, Run)]
    assert [entry.order.architecture for entry in waiting] == ["unet"]


def test_a_new_order_for_a_dataset_is_not_taken_for_a_run_of_long_ago() -> None:
    again = [
        event_sequences.ready(9000, request_id="r2", trace=OTHER_TRACE),
        event_sequences.validated(9001, request_id="r2", trace=OTHER_TRACE),
    ]
    board = board_after([*event_sequences.whole_run(), *again])
    assert len(board.entries()) == 2
    newest = board.find("cards/1")
    assert newest is not None
    assert stage_of_entry(newest) is Stage.QUEUED


def test_the_same_order_published_a_hundred_times_is_one_entry() -> None:
    events = [event_sequences.ready(float(n), trace=f"{n:032x}") for n in range(100)]
    assert len(board_after(events).entries()) == 1


def test_a_request_about_a_run_without_events_shows_no_run() -> None:
    board = board_after([event_sequences.resume_requested()])
    assert board.entries() == []
    assert board.find(RUN) is None


def test_beyond_the_bound_the_oldest_run_that_has_ended_goes_first() -> None:
    board = Board(Bounds(runs=3))
    names = [f"run-{n}" for n in range(5)]
    for n, name in enumerate(names):
        board_after([event_sequences.started(n * 10, run_id=name)], board)
        if name != "run-0":
            board_after([event_sequences.failed(n * 10 + 1, run_id=name)], board)
    assert sorted(board.runs) == ["run-0", "run-3", "run-4"]


def test_a_run_that_was_dropped_does_not_come_back_with_a_late_event() -> None:
    board = Board(Bounds(runs=1))
    board_after(
        [
            event_sequences.started(0, run_id="run-a"),
            event_sequences.failed(1, run_id="run-a"),
            event_sequences.started(2),
        ],
        board,
    )
    board_after([event_sequences.progressed(5, run_id="run-a")], board)
    assert list(board.runs) == [RUN]


def test_orders_and_hosts_are_bounded_too() -> None:
    board = Board(Bounds(orders=10, hosts=10))
    board_after([event_sequences.ready(float(n), request_id=f"r{n}", trace="") for n in range(50)], board)
    board_after([event_sequences.sampled(float(n), run_id="", host=f"host-{n}") for n in range(50)], board)
    assert len(board.orders) == 10
    assert len(board.hosts) == 10
    assert ("host-49", "trainer") in board.hosts


@pytest.mark.parametrize("order", list(permutations([1, 2, 3])))
def test_while_folds_are_trained_pace_and_time_left_are_those_of_the_newest_word(order: tuple[int, ...]) -> None:
    words = [
        event_sequences.started(),
        event_sequences.progressed(300, 303, epoch=3),
        event_sequences.epoch_done(3, 303.5),
    ]
    for fold in order:
        word = event_sequences.progressed(300, 310 + fold, epoch=3)
        word.message.images_per_second, word.message.eta_s = fold, 100 - fold
        words.append(word)
    run = board_after(words).find(RUN)
    assert run is not None
    assert (pace_of(run).images_per_second, pace_of(run).eta_s) == (3, 97)


def test_after_an_epoch_pace_and_time_left_are_the_epochs() -> None:
    run = board_after(
        [event_sequences.started(), event_sequences.epoch_done(2, 203.5), event_sequences.progressed(200, 203, epoch=2)]
    ).find(RUN)
    assert run is not None
    assert (pace_of(run).images_per_second, pace_of(run).eta_s) == (9, 100)
