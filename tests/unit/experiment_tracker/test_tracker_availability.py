"""When the tracker says that MLflow does not answer, and when that it does again."""

from __future__ import annotations

import pytest

from services.experiment_tracker.availability import Alert, Availability
from services.experiment_tracker.ledger import LedgerRefused, LedgerUnavailable, MemoryLedger, WatchedLedger
from services.experiment_tracker.record import Mark
from services.experiment_tracker.settings import Settings

AFTER_S = 60.0


def availability() -> Availability:
    return Availability(subject="MLflow at host:5000", after_s=AFTER_S)


def published(watched: Availability, now: float) -> Alert | None:
    """What is due, read back as it comes from the log."""
    alert = watched.due(now)
    if alert is not None:
        watched.note_alert(alert.alert_id, raised=alert.raised, at=alert.at)
    return alert


def test_a_server_that_fails_for_a_minute_is_an_alert_once_and_names_the_reason() -> None:
    watched = availability()
    for at in (0.0, 30.0, AFTER_S):
        watched.failed("record", f"INTERNAL_ERROR at {at:g}", at)
        assert (alert := published(watched, at)) is None or at == AFTER_S
    assert alert is not None
    assert alert.raised
    assert "INTERNAL_ERROR at 60" in alert.message
    assert "MLflow at host:5000" in alert.message
    assert published(watched, AFTER_S + 100) is None


def test_one_answer_of_the_same_kind_ends_a_failure_and_one_of_another_kind_does_not() -> None:
    watched = availability()
    watched.failed("record", "500", 0)
    watched.answered("place")
    assert watched.due(AFTER_S) is not None
    watched.answered("record")
    assert watched.due(AFTER_S) is None


def test_the_alert_is_cleared_once_everything_is_answered_again() -> None:
    watched = availability()
    for kind in ("record", "place"):
        watched.failed(kind, "500", 0)
    raised = published(watched, AFTER_S)
    watched.answered("place")
    assert published(watched, AFTER_S + 1) is None
    watched.answered("record")
    cleared = published(watched, AFTER_S + 2)
    assert raised is not None
    assert cleared is not None
    assert (cleared.raised, cleared.alert_id) == (False, raised.alert_id)
    assert published(watched, AFTER_S + 3) is None


def test_a_restarted_tracker_clears_what_it_finds_raised_in_the_log_but_not_before_mlflow_has_answered() -> None:
    watched = availability()
    watched.note_alert(watched.alert_id, raised=True, at=10)
    assert watched.due(20) is None
    watched.answered("place")
    assert (alert := watched.due(20)) is not None
    assert not alert.raised


def test_alerts_of_others_change_nothing() -> None:
    watched = availability()
    watched.note_alert("another", raised=True, at=10)
    watched.answered("place")
    assert watched.due(20) is None


class Broken(MemoryLedger):
    """Fails as the test wants."""

    error: Exception = LedgerUnavailable("500")

    def keep_place(self, mark: Mark) -> None:
        raise self.error


def test_a_call_that_failed_is_noted_and_a_refusal_counts_as_an_answer() -> None:
    watched, broken = availability(), Broken()
    ledger = WatchedLedger(broken, watched, clock=lambda: 0.0)
    with pytest.raises(LedgerUnavailable):
        ledger.keep_place(Mark(offset=1, event_id="a"))
    assert watched.due(AFTER_S) is not None
    broken.error = LedgerRefused("never")
    with pytest.raises(LedgerRefused):
        ledger.keep_place(Mark(offset=1, event_id="a"))
    assert watched.due(AFTER_S) is None


def test_the_server_is_named_without_the_login_in_its_address() -> None:
    settings = Settings(amqp_url="amqp://h/", mlflow_url="http://user:hush@mlflow.example:5000/base")
    assert settings.mlflow_address == "MLflow at mlflow.example:5000"
