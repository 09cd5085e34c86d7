"""What the monitor knows after a story, in whatever order it was told."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitor.board import Board, Bounds, id_of, stage_of_entry
from services.monitor.run import Run
from services.monitor.stage import Stage, pace_of
from tests.unit.monitor import stories
from tests.unit.monitor.stories import RUN, Said, board_after

OTHER_TRACE = "b" * 32


def stage_after(*story: Said) -> Stage:
    run = board_after(story).find(RUN)
    assert run is not None
    return stage_of_entry(run)


@st.composite
def retellings(draw: st.DrawFn) -> list[Said]:
    """The whole story in any order, each event said up to three times."""
    story = stories.whole_run()
    again = draw(st.lists(st.sampled_from(story), max_size=2 * len(story)))
    return draw(st.permutations(story + again))


@settings(max_examples=60, deadline=None)
@given(retellings())
def test_any_order_and_any_repeats_of_a_story_give_the_same_state(story: list[Said]) -> None:
    told, straight = board_after(story), board_after(stories.whole_run())
    assert told.runs == straight.runs
    assert told.orders == straight.orders
    assert told.hosts == straight.hosts
    assert [id_of(entry) for entry in told.entries()] == [RUN]


@pytest.mark.parametrize(
    ("story", "stage"),
    [
        ([stories.started()], Stage.TRAINING),
        ([stories.started(), stories.paused()], Stage.PAUSED),
        ([stories.started(), stories.paused(), stories.resume_asked()], Stage.QUEUED),
        ([stories.started(), stories.paused(), stories.started(70, attempt=2)], Stage.TRAINING),
        ([stories.started(), stories.cancelled()], Stage.CANCELLED),
        ([stories.cancelled(attempt=0)], Stage.CANCELLED),
        ([stories.started(), stories.cancelled(90, attempt=0)], Stage.CANCELLED),
        ([stories.started(), stories.failed()], Stage.FAILED),
        ([stories.started(), stories.failed(), stories.started(60, attempt=2)], Stage.TRAINING),
        ([stories.started(), stories.completed()], Stage.EXPORTING),
        ([stories.started(), stories.completed(), stories.export_failed()], Stage.FAILED),
        ([stories.started(), stories.completed(), stories.export_failed(), stories.exported(500)], Stage.EXPORTED),
        ([stories.epoch_done(1)], Stage.TRAINING),
    ],
)
def test_a_run_stands_where_the_last_of_its_events_says(story: list[Said], stage: Stage) -> None:
    assert stage_after(*story) is stage


def test_an_announced_dataset_is_an_entry_before_any_run_exists() -> None:
    board = board_after([stories.ready()])
    (entry,) = board.entries()
    assert id_of(entry).startswith("order-")
    assert stage_of_entry(entry) is Stage.VALIDATING
    assert board.find("cards/1") is entry


def test_a_validated_dataset_waits_for_a_trainer() -> None:
    (entry,) = board_after([stories.ready(), stories.validated()]).entries()
    assert stage_of_entry(entry) is Stage.QUEUED


def test_a_dataset_that_was_only_to_be_validated_has_ended_with_its_verdict() -> None:
    story = [stories.ready(validation_only=True), stories.validated(validation_only=True)]
    (entry,) = board_after(story).entries()
    assert stage_of_entry(entry) is Stage.VALIDATED


def test_a_rejected_dataset_stays_in_the_list_with_its_findings() -> None:
    (entry,) = board_after([stories.ready(), stories.rejected()]).entries()
    assert stage_of_entry(entry) is Stage.REJECTED


def test_a_rejection_is_shown_even_where_its_order_was_never_heard() -> None:
    (entry,) = board_after([stories.rejected()]).entries()
    assert stage_of_entry(entry) is Stage.REJECTED


def test_a_rejection_heard_before_its_order_is_about_that_order() -> None:
    early, late = board_after([stories.rejected(), stories.ready()]), board_after([stories.ready(), stories.rejected()])
    assert early.orders == late.orders
    assert len(early.entries()) == 1


def test_an_order_refused_by_the_trainer_has_failed() -> None:
    story = [stories.ready(), stories.validated(), stories.failed(run_id="", attempt=0)]
    (entry,) = board_after(story).entries()
    assert stage_of_entry(entry) is Stage.FAILED


def test_an_order_gives_way_to_the_run_that_came_of_it() -> None:
    board = board_after([stories.ready(), stories.validated()])
    (order,) = board.entries()
    board_after([stories.started()], board)
    assert board.find(id_of(order)) is board.runs[RUN]
    assert board.find("cards/1") is board.runs[RUN]
    assert [id_of(entry) for entry in board.entries()] == [RUN]


def test_a_run_without_the_trace_of_its_order_is_matched_by_dataset_and_model() -> None:
    board = board_after([stories.ready(trace=""), stories.validated(trace=""), stories.started(trace="")])
    assert [id_of(entry) for entry in board.entries()] == [RUN]


def test_of_two_orders_the_run_belongs_to_the_one_with_its_trace() -> None:
    first = [
        stories.ready(0, architecture="unet", trace=OTHER_TRACE),
        stories.validated(1, architecture="unet", trace=OTHER_TRACE),
    ]
    second = [stories.ready(2), stories.validated(3)]
    board = board_after([*first, *second, stories.started(4)])
    waiting = [entry for entry in board.entries() if not isinstance(entry, Run)]
    assert [entry.order.architecture for entry in waiting] == ["unet"]


def test_a_new_order_for_a_dataset_is_not_taken_for_a_run_of_long_ago() -> None:
    again = [
        stories.ready(9000, request_id="r2", trace=OTHER_TRACE),
        stories.validated(9001, request_id="r2", trace=OTHER_TRACE),
    ]
    board = board_after([*stories.whole_run(), *again])
    assert len(board.entries()) == 2
    newest = board.find("cards/1")
    assert newest is not None
    assert stage_of_entry(newest) is Stage.QUEUED


def test_the_same_order_said_a_hundred_times_is_one_entry() -> None:
    story = [stories.ready(float(n), trace=f"{n:032x}") for n in range(100)]
    assert len(board_after(story).entries()) == 1


def test_a_request_about_a_run_nobody_heard_of_shows_no_run() -> None:
    board = board_after([stories.resume_asked()])
    assert board.entries() == []
    assert board.find(RUN) is None


def test_beyond_the_bound_the_oldest_run_that_has_ended_goes_first() -> None:
    board = Board(Bounds(runs=3))
    names = [f"run-{n}" for n in range(5)]
    for n, name in enumerate(names):
        board_after([stories.started(n * 10, run_id=name)], board)
        if name != "run-0":
            board_after([stories.failed(n * 10 + 1, run_id=name)], board)
    assert sorted(board.runs) == ["run-0", "run-3", "run-4"]


def test_a_run_that_was_dropped_does_not_come_back_with_a_late_event() -> None:
    board = Board(Bounds(runs=1))
    board_after([stories.started(0, run_id="run-a"), stories.failed(1, run_id="run-a"), stories.started(2)], board)
    board_after([stories.progressed(5, run_id="run-a")], board)
    assert list(board.runs) == [RUN]


def test_orders_and_hosts_are_bounded_too() -> None:
    board = Board(Bounds(orders=10, hosts=10))
    board_after([stories.ready(float(n), request_id=f"r{n}", trace="") for n in range(50)], board)
    board_after([stories.sampled(float(n), run_id="", host=f"host-{n}") for n in range(50)], board)
    assert len(board.orders) == 10
    assert len(board.hosts) == 10
    assert ("host-49", "trainer") in board.hosts


@pytest.mark.parametrize("order", list(permutations([1, 2, 3])))
def test_while_folds_are_trained_pace_and_time_left_are_those_of_the_newest_word(order: tuple[int, ...]) -> None:
    words = [stories.started(), stories.progressed(300, 303, epoch=3), stories.epoch_done(3, 303.5)]
    for fold in order:
        word = stories.progressed(300, 310 + fold, epoch=3)
        word.message.images_per_second, word.message.eta_s = fold, 100 - fold
        words.append(word)
    run = board_after(words).find(RUN)
    assert run is not None
    assert pace_of(run) == (3, 97)


def test_after_an_epoch_pace_and_time_left_are_the_epochs() -> None:
    run = board_after([stories.started(), stories.epoch_done(2, 203.5), stories.progressed(200, 203, epoch=2)]).find(
        RUN
    )
    assert run is not None
    assert pace_of(run) == (9, 100)
