"""From messages to facts and back to answers."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.api.v1 import monitor_pb2
from truscore.bus import TOPOLOGY, MemoryPublisher
from truscore.events.v1 import telemetry_pb2, training_pb2

from services.monitor import facts
from services.monitor.board import Board
from services.monitor.curve import MAX_POINTS
from services.monitor.handlers import fact_of, publish_alert
from services.monitor.handlers.answers import answer
from services.monitor.handlers.events import PARTS, PLAIN
from services.monitor.paging import InvalidToken, page
from services.monitor.stage import Stage
from tests.unit.monitor import event_sequences
from tests.unit.monitor.event_sequences import BEGIN_S, RUN, board_after


def shown(board: Board, reference: str = RUN, *, full: bool = True) -> monitor_pb2.Run:
    entry = board.find(reference)
    assert entry is not None
    return answer(entry, full=full)


@pytest.mark.parametrize(("message", "fact"), [*PLAIN.items(), *PARTS.items()])
def test_every_field_of_a_fact_is_a_field_of_its_message(message: type[Message], fact: type[Any]) -> None:
    assert {field.name for field in fields(fact)} <= set(message.DESCRIPTOR.fields_by_name)


def test_every_message_but_requests_and_those_of_searches_tells_the_monitor_something() -> None:
    silent = [row.routing_key for row in TOPOLOGY if fact_of(row.message()) is None]
    # Trials are shown as the runs that they are; how a search stands is what its own service keeps.
    expected = {"export.ordered", "run.cancel", "run.pause", "retention.ordered", "retention.deleted"}
    expected |= {"letters.replay", "letters.discard", "order.prioritized", "action.recorded"}
    # What the tracker decides about models.
    expected |= {"model.promote", "model.promoted", "model.promotion_refused"}
    assert {key for key in silent if not key.startswith("search.")} == expected


def test_every_stage_is_a_state_of_the_contract_and_the_other_way_round() -> None:
    assert {f"RUN_STATE_{stage}" for stage in Stage} == set(monitor_pb2.RunState.keys())


def test_the_answer_about_a_finished_run_has_all_of_its_events() -> None:
    run = shown(board_after(event_sequences.whole_run()))
    assert run.state == monitor_pb2.RUN_STATE_EXPORTED
    assert (run.dataset_id, run.dataset_version, run.architecture) == ("cards", "1", "mask_rcnn")
    assert (run.attempt, run.epoch, run.total_epochs, run.step, run.total_steps) == (3, 3, 3, 40, 300)
    assert (run.best_epoch, dict(run.best_metrics)) == (3, {"box_AP50": 0.8})
    assert [epoch.epoch for epoch in run.epochs] == [1, 2, 3]
    assert [point.step for point in run.curve] == [10, 20, 30, 40]
    assert run.model.package_uri == "s3://truscore/models/m/package.tar"
    assert run.hardware.memory_total_bytes == 2**34
    assert run.started_at.seconds == BEGIN_S + 2
    assert run.updated_at.seconds == BEGIN_S + 420
    assert run.eta_s == 0


def test_a_model_beside_trivial_predictors_is_answered_as_it_was_announced() -> None:
    assert not shown(board_after(event_sequences.whole_run())).HasField("fit_for_use")
    events = [event._replace(message=compared(event.message)) for event in event_sequences.whole_run()]
    run = shown(board_after(events))
    assert (run.HasField("fit_for_use"), run.fit_for_use, run.fit_for_use_reason) == (True, False, "no better")
    assert [(one.name, dict(one.metrics)) for one in run.trivial_comparison.predictors] == [("empty", {"AP": 0.0})]


def compared(message: Message) -> Message:
    """TrainingCompleted with a comparison; anything else as it is."""
    if not isinstance(message, training_pb2.TrainingCompleted):
        return message
    made = training_pb2.TrainingCompleted.FromString(message.SerializeToString())
    made.fit_for_use, made.fit_for_use_reason = False, "no better"
    made.trivial_comparison.predictors.add(name="empty", metrics={"AP": 0.0})
    return made


def test_a_list_carries_neither_epochs_nor_curve_nor_findings() -> None:
    assert not shown(board_after(event_sequences.whole_run()), full=False).epochs
    assert not shown(board_after(event_sequences.whole_run()), full=False).curve
    assert not shown(board_after([event_sequences.rejected()]), "cards/1", full=False).findings


def test_pace_and_eta_are_those_reported_last() -> None:
    board = board_after(
        [event_sequences.started(), event_sequences.epoch_done(1), event_sequences.progressed(150, 150, epoch=2)]
    )
    assert (shown(board).images_per_second, shown(board).eta_s) == (158, 150)
    board_after([event_sequences.epoch_done(2)], board)
    assert (shown(board).images_per_second, shown(board).eta_s) == (9, 100)


def test_a_validation_shows_how_far_it_is_until_there_is_a_verdict() -> None:
    board = board_after(
        [event_sequences.ready(), event_sequences.validating(40, 0.7), event_sequences.validating(20, 0.5)]
    )
    run = shown(board, "cards/1")
    assert (run.validation.images_done, run.validation.images_total, run.eta_s) == (40, 100, 9)
    board_after([event_sequences.validated()], board)
    assert not shown(board, "cards/1").HasField("validation")
    assert shown(board, "cards/1").eta_s == 0


def test_a_rejection_says_what_was_found() -> None:
    run = shown(board_after([event_sequences.ready(), event_sequences.rejected()]), "cards/1")
    assert run.state == monitor_pb2.RUN_STATE_REJECTED
    assert run.message == "classes.few: 19 images, 20 wanted (a.json); 2 more errors"
    assert [finding.rule for finding in run.findings] == ["classes.few"]


def test_a_failure_says_its_code_and_message() -> None:
    assert (
        shown(board_after([event_sequences.started(), event_sequences.failed()])).message
        == "out_of_memory: 8 GiB asked for"
    )


def test_a_cancellation_says_why() -> None:
    assert shown(board_after([event_sequences.started(), event_sequences.cancelled()])).message == "wrong data"


def test_a_run_of_a_hundred_thousand_reports_is_answered_with_two_thousand_points() -> None:
    board = board_after(
        [event_sequences.started(), *(event_sequences.progressed(step, 3) for step in range(0, 100_000, 5))]
    )
    run = shown(board)
    assert len(run.curve) <= MAX_POINTS
    assert run.step == 99_995


async def test_an_alert_is_published_under_the_same_id_by_two_monitors_and_another_one_in_its_next_episode() -> None:
    publisher = MemoryPublisher(service="monitor")
    alert = facts.Raised(
        alert_id="id", rule="run.stalled", severity="critical", subject=RUN, message="no progress", raised_at=BEGIN_S
    )
    for before in (0.0, 0.0, 5.0):
        await publish_alert(publisher, alert, before)
    first, again, later = (envelope.event_id for _, envelope in publisher.published)
    assert first == again != later
    message = publisher.published[0][0]
    assert isinstance(message, telemetry_pb2.AlertRaised)
    assert (message.rule, message.raised_at.seconds) == ("run.stalled", BEGIN_S)
    assert fact_of(message) == alert


@settings(max_examples=30, deadline=None)
@given(count=st.integers(0, 30), size=st.integers(1, 12))
def test_pages_hold_every_run_once_newest_first(count: int, size: int) -> None:
    board = board_after([event_sequences.started(n // 2, run_id=f"run-{n:02}", trace="") for n in range(count)])
    seen: list[str] = []
    token = ""
    while True:
        entries, token = page(board.entries(), size=size, token=token)
        assert len(entries) <= size
        seen += [answer(entry, full=False).run_id for entry in entries]
        if not token:
            break
    assert seen == [f"run-{n:02}" for n in reversed(range(count))]


@pytest.mark.parametrize("token", ["x", "e30=", "W10=", "WzEsIDJd", "é", "A" * 5000])
def test_a_page_token_of_somebody_else_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        page([], size=1, token=token)


@pytest.mark.parametrize("seconds", [-(2**62), -1, 2**62])
def test_a_moment_outside_of_the_calendar_does_not_keep_the_run_from_being_answered(seconds: int) -> None:
    published = event_sequences.started()
    published.message.started_at.seconds = seconds  # type: ignore[attr-defined]
    assert shown(board_after([published])).state == monitor_pb2.RUN_STATE_TRAINING


def test_a_name_of_a_hundred_thousand_characters_is_kept_short() -> None:
    board = board_after([event_sequences.ready(dataset_id="x" * 100_000)])
    (entry,) = board.entries()
    assert len(answer(entry, full=True).dataset_id) == 1000


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(TOPOLOGY), st.binary(max_size=200))
def test_whatever_a_message_says_is_consumed_and_answered(row: Any, body: bytes) -> None:
    message = row.message()
    try:
        message.ParseFromString(body)
    except Exception:  # noqa: BLE001  the bus refuses what can't be parsed
        return
    fact = fact_of(message)
    board = Board()
    if fact is not None:
        board.apply(fact, BEGIN_S)
    assert all(answer(entry, full=True).SerializeToString() for entry in board.entries())


def test_the_energy_of_a_run_is_what_its_gpus_drew_between_its_samples_in_whatever_order_they_come() -> None:
    counts = [(10, "gpu-1", [500.0, 900.0]), (30, "gpu-1", [800.0, 950.0]), (20, "gpu-1", [600.0, 920.0])]
    counts += [(12, "gpu-2", [70.0, 0.0]), (32, "gpu-2", [75.0, 0.0])]
    samples = [
        event_sequences.sampled(
            at, host=host, gpus=[{"index": i, "energy_joules": each} for i, each in enumerate(said)]
        )
        for at, host, said in counts
    ]
    for order in (samples, samples[::-1]):
        assert shown(board_after([event_sequences.started(), *order])).energy_joules == 300 + 50 + 5
