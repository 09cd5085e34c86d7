"""The decisions about runs, without a process, a broker or a server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from truscore.events.v1.training_pb2 import TrainingConfig
from truscore.recipes import resolve
from truscore.storage import MemoryStore

from services.trainer.handlers.consume import overrides_of
from services.trainer.journal import DISK_FULL, Cancelled, Failed, Paused
from services.trainer.run_store.attempts import Attempts, is_open
from services.trainer.run_store.keys import RunKeys
from services.trainer.run_store.outcome import RunOutcome
from services.trainer.run_store.stop_requests import StopRequest, StopRequests, request_stop
from services.trainer.runs.attempt import AttemptOutcome, LastWord
from services.trainer.runs.restart_policy import decide
from services.trainer.runs.stop import Stop

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def outcome(
    last_word: LastWord | None = None, *, stopped: str = "", status: int = 1, stalled: bool = False
) -> AttemptOutcome:
    return AttemptOutcome(
        last_word=last_word, exit_status=status, printed="boom", stopped=stopped, stalled=stalled, epoch=1,
        advanced=True, step=4,
    )  # fmt: skip


def paused(reason: str) -> Paused:
    return Paused(reason=reason, step=4, epoch=1, path="a.pt", sha256="0" * 64, size_bytes=1)


def failed(*, retryable: bool) -> Failed:
    return Failed(code="data_unreadable", message="a.png is torn", retryable=retryable, epoch=1)


@pytest.mark.parametrize(
    ("ended", "may_restart", "kind", "code"),
    [
        (outcome(paused("drain")), True, "handed_back", ""),
        (outcome(paused("pause")), True, "paused", ""),
        (outcome(Cancelled(step=4, epoch=1)), True, "cancelled", ""),
        (outcome(failed(retryable=True)), True, "restart", "data_unreadable"),
        (outcome(failed(retryable=True)), False, "failed", "data_unreadable"),
        (outcome(failed(retryable=False)), True, "failed", "data_unreadable"),
        (outcome(), True, "restart", "process_crashed"),
        (outcome(status=-9), False, "failed", "process_killed"),
        (outcome(status=DISK_FULL), True, "restart", "disk_full"),
        (outcome(status=0), True, "restart", "process_crashed"),
        (outcome(stalled=True), True, "restart", "stalled"),
        (outcome(stopped="cancel"), True, "cancelled", ""),
        (outcome(stopped="pause"), True, "paused", ""),
        (outcome(stopped="drain"), False, "handed_back", ""),
        (outcome(failed(retryable=False), stopped="drain"), True, "failed", "data_unreadable"),
    ],
)
def test_the_end_of_a_training_process_has_one_consequence(
    ended: AttemptOutcome, may_restart: bool, kind: str, code: str
) -> None:
    decision = decide(ended, may_restart=may_restart)
    assert (decision.kind, decision.code) == (kind, code)


def test_a_process_that_died_is_given_up_with_what_it_printed_last() -> None:
    assert "boom" in decide(outcome(), may_restart=False).message


def test_a_failure_that_may_pass_answers_the_orders_before_it_and_none_after() -> None:
    run_outcome = RunOutcome(outcome="failed", ended_at=NOON.isoformat(), attempt=4, retryable=True)
    assert run_outcome.answers(NOON - timedelta(seconds=1))
    assert not run_outcome.answers(NOON + timedelta(seconds=1))


def test_an_end_for_good_answers_every_order() -> None:
    run_outcome = RunOutcome(outcome="completed", ended_at=NOON.isoformat(), attempt=1)
    assert run_outcome.answers(NOON + timedelta(days=300))


@pytest.fixture
def attempts() -> Attempts:
    return Attempts(MemoryStore(), RunKeys(bucket="truscore", run_id="run-1"))


def test_the_attempt_that_began_last_is_the_one_that_goes_on(attempts: Attempts) -> None:
    first = attempts.take(owner="a", host="here", now=NOON)
    assert attempts.holds(first)
    second = attempts.take(owner="b", host="there", now=NOON + timedelta(hours=1))
    assert (first.number, second.number) == (1, 2)
    assert attempts.holds(second)
    assert not attempts.holds(first)
    assert second.run_began_at == first.started_at


def test_of_two_attempts_that_took_one_number_one_goes_on() -> None:
    store, keys = MemoryStore(), RunKeys(bucket="truscore", run_id="run-1")
    first = Attempts(store, keys).take(owner="a", host="here", now=NOON)
    store.delete(keys.latest_attempt)  # as the rival saw it when it looked
    rival = Attempts(store, keys).take(owner="b", host="there", now=NOON)
    assert rival.number == first.number == 1
    assert [Attempts(store, keys).holds(attempt) for attempt in (first, rival)] == [False, True]


def test_a_late_sign_of_life_does_not_undo_a_take_over(attempts: Attempts) -> None:
    first = attempts.take(owner="a", host="here", now=NOON)
    second = attempts.take(owner="b", host="there", now=NOON)
    attempts.beat(first)
    attempts.close(first, ended="broken")
    assert attempts.latest() == second


def test_an_attempt_is_open_until_it_is_closed(attempts: Attempts) -> None:
    assert not is_open(attempts.latest())
    attempt = attempts.beat(attempts.take(owner="a", host="here", now=NOON))
    assert is_open(attempts.latest())
    attempts.close(attempt, ended="paused")
    latest = attempts.latest()
    assert latest is not None
    assert (latest.ended, latest.beat) == ("paused", 1)
    assert not is_open(latest)


def test_a_cancel_outweighs_a_pause_and_a_pause_a_drain(tmp_path: Path) -> None:
    stop = Stop()
    for requested, holds in (("drain", "drain"), ("pause", "pause"), ("cancel", "cancel"), ("pause", "cancel")):
        stop.request(requested)
        request_stop(tmp_path, requested)
        assert stop.word == (tmp_path / "control").read_text() == holds


def test_the_first_reason_to_cancel_stays() -> None:
    stop_requests = StopRequests(MemoryStore(), RunKeys(bucket="truscore", run_id="run-1"))
    assert stop_requests.strongest() is None
    stop_requests.leave(StopRequest(word="pause", requested_at=NOON))
    stop_requests.leave(StopRequest(word="cancel", requested_at=NOON, reason="first"))
    stop_requests.leave(StopRequest(word="cancel", requested_at=NOON, reason="second"))
    assert stop_requests.strongest() == StopRequest(word="cancel", requested_at=NOON, reason="first")


@given(st.lists(st.tuples(st.sampled_from(["pause", "resume"]), st.integers(0, 9)), min_size=1), st.randoms())
def test_the_later_of_pause_and_resume_counts_in_whatever_order_they_arrive(
    requested: list[tuple[str, int]], random: Random
) -> None:
    stop_requests = StopRequests(MemoryStore(), RunKeys(bucket="truscore", run_id="run-1"))
    arriving = requested * 2
    random.shuffle(arriving)
    for word, minute in arriving:
        moment = NOON + timedelta(minutes=minute)
        if word == "pause":
            stop_requests.leave(StopRequest(word="pause", requested_at=moment))
        else:
            stop_requests.resume(moment)
    last = max(minute for _, minute in requested)
    assert (stop_requests.strongest() is not None) == (("resume", last) not in requested)


@pytest.mark.parametrize("run_id", ["", "..", "a/b", "-a", "a b", "x" * 129])
def test_what_could_leave_the_runs_folder_is_no_run(run_id: str) -> None:
    with pytest.raises(ValueError, match="run_id"):
        RunKeys(bucket="truscore", run_id=run_id)


def test_the_configuration_of_the_wire_is_that_of_the_recipes() -> None:
    config = TrainingConfig(seed=7, image_size=64)
    config.architecture_config.custom_modifications.head_customization = "phoenix_specialized"
    config.hyperparameters.optimization.learning_rate = 0.5
    config.hyperparameters.advanced_settings.mixed_precision = False
    recipe = resolve("border_detection", "dual_class", "mask_rcnn", overrides_of(config))
    assert (recipe.seed, recipe.image_size) == (7, 64)
    assert recipe.architecture_config.custom_modifications.head_customization == "phoenix_specialized"
    assert recipe.hyperparameters.optimization.learning_rate == 0.5
    assert recipe.hyperparameters.advanced_settings.mixed_precision is False
