"""Orders that come while their run is under way or over: which run they are shown as, and that nothing is reopened."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitor.alerts import Watchdog
from services.monitor.board import Board, Bounds, id_of, stage_of_entry
from services.monitor.facts import Raised
from services.monitor.rules import RULES
from services.monitor.run import Run
from services.monitor.stage import Stage
from tests.unit.monitor import event_sequences
from tests.unit.monitor.event_sequences import BEGIN_S, RUN, PublishedEvent, board_after

LATE_S = 10_000.0
LATE_TRACE = "c" * 32


def first_order() -> list[PublishedEvent]:
    return [
        event_sequences.ready()._replace(event_id="first"),
        event_sequences.attached("first"),
        *event_sequences.whole_run()[1:],
    ]


def late_order(*, state: str = "COMPLETED", at: float = LATE_S) -> list[PublishedEvent]:
    """Somebody else's, for the same images under another name."""
    named = {"dataset_id": "other", "version": "7", "trace": LATE_TRACE}
    return [
        event_sequences.ready(at, **named)._replace(event_id="late"),
        event_sequences.validated(at + 1, **named),
        event_sequences.attached("late", at + 2, state=state, **named),
    ]


def published_again(*published: PublishedEvent) -> list[PublishedEvent]:
    """As services do: the same event with the time it had, in the trace of the later order."""
    return [each._replace(trace=LATE_TRACE) for each in published]


def alerts_of(board: Board, *, at: float) -> list[str]:
    published = Watchdog(RULES).look(board.runs.values(), (), board.alerts, BEGIN_S + at)
    return [each.rule for each in published if isinstance(each, Raised)]


def test_a_late_order_under_another_name_is_shown_as_the_run_that_answers_it() -> None:
    board = board_after(
        [*first_order(), *late_order(), *published_again(event_sequences.completed(), event_sequences.exported())]
    )
    for reference in ("late", "first", "cards/1", "other/7"):
        entry = board.find(reference)
        assert isinstance(entry, Run)
        assert (entry.run_id, stage_of_entry(entry)) == (RUN, Stage.EXPORTED)
    assert [id_of(entry) for entry in board.entries()] == [RUN]


def test_an_order_is_found_by_its_event_id_before_it_has_a_run() -> None:
    board = board_after(late_order()[:2])
    entry = board.find("late")
    assert entry is not None
    assert id_of(entry).startswith("order-")
    assert stage_of_entry(entry) is Stage.QUEUED


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_orders_and_repeated_ends_in_any_order_and_any_number_give_the_same_state(data: st.DataObject) -> None:
    events = [*first_order(), *late_order(), *published_again(event_sequences.completed(), event_sequences.exported())]
    again = data.draw(st.lists(st.sampled_from(events), max_size=len(events)))
    reported, straight = board_after(data.draw(st.permutations(events + again))), board_after(events)
    assert reported.runs == straight.runs
    assert reported.orders == straight.orders


@pytest.mark.parametrize("event", ["rejected", "refused", "attached"])
def test_an_answer_consumed_before_its_order_is_about_the_order_that_it_names(event: str) -> None:
    mine, other = event_sequences.ready()._replace(event_id="mine"), event_sequences.ready(architecture="detectron2")
    answer = {
        "rejected": event_sequences.rejected(trace=""),
        "refused": event_sequences.failed(run_id="", trace=""),
        "attached": event_sequences.attached("mine", trace="", run_id="run-of-mine"),
    }[event]
    answer.message.order_event_id = "mine"  # type: ignore[attr-defined]
    boards = [board_after(events) for events in permutations([mine, other._replace(event_id="other"), answer])]
    assert all(board.orders == boards[0].orders for board in boards)
    assert {stage_of_entry(entry) for entry in boards[0].entries()} >= {Stage.VALIDATING}
    found = boards[0].find("mine")
    assert found is not None
    assert stage_of_entry(found) is not Stage.VALIDATING


@pytest.mark.parametrize(
    ("end", "state", "stage"),
    [
        (event_sequences.failed(), "FAILED", Stage.FAILED),
        (event_sequences.cancelled(), "CANCELLED", Stage.CANCELLED),
        (event_sequences.completed(50), "COMPLETED", Stage.EXPORTING),
    ],
    ids=["failed", "cancelled", "completed"],
)
def test_an_end_that_comes_again_reopens_nothing_and_alerts_of_nothing(
    end: PublishedEvent, state: str, stage: Stage
) -> None:
    before = board_after([event_sequences.ready()._replace(event_id="first"), event_sequences.started(), end])
    late = 2 * 86_400.0
    board = board_after([*late_order(state=state, at=late), *published_again(end)], before)
    entry = board.find("late")
    assert isinstance(entry, Run)
    assert stage_of_entry(entry) is stage
    assert alerts_of(board, at=late + 10) == []


def test_an_export_that_fails_again_is_no_new_failure() -> None:
    failure, late = event_sequences.export_failed(), 2 * 86_400.0
    again = failure._replace(at=BEGIN_S + late)
    for events in ([failure, again], [again, failure]):
        board = board_after([event_sequences.started(), event_sequences.completed(), *events])
        assert stage_of_entry(board.runs[RUN]) is Stage.FAILED
        assert alerts_of(board, at=late + 10) == []


def test_a_run_that_is_ordered_again_after_a_failure_that_may_pass_is_queued_until_it_starts() -> None:
    board = board_after([*first_order()[:2], event_sequences.started(), event_sequences.failed(50)])
    assert stage_of_entry(board.runs[RUN]) is Stage.FAILED
    board_after([event_sequences.attached("first", 100)], board)
    assert stage_of_entry(board.runs[RUN]) is Stage.QUEUED
    board_after([event_sequences.started(110, attempt=2)], board)
    assert stage_of_entry(board.runs[RUN]) is Stage.TRAINING


def test_a_run_that_was_forgotten_is_known_again_once_an_order_is_attached_to_it() -> None:
    board = Board(Bounds(runs=1))
    board_after(
        [event_sequences.started(), event_sequences.completed(), event_sequences.started(600, run_id="run-other")],
        board,
    )
    assert board.find(RUN) is None
    board_after([*late_order(), *published_again(event_sequences.completed(), event_sequences.exported())], board)
    entry = board.find("late")
    assert isinstance(entry, Run)
    assert stage_of_entry(entry) is Stage.EXPORTED


def test_a_run_is_news_again_when_an_order_is_attached_to_it() -> None:
    """Whoever watches a repeated order waits for an end that is not older than the order."""
    board = board_after([*first_order(), *late_order()])
    assert board.runs[RUN].last_event_at == BEGIN_S + LATE_S + 2
