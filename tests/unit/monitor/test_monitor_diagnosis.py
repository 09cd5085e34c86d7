"""What the epochs of a run make of it: alerts of learning that goes wrong."""

from __future__ import annotations

from math import nan
from typing import Any

import pytest

from services.monitor.alerts import Watchdog
from services.monitor.facts import Cleared, Raised
from services.monitor.rules import RULES
from tests.unit.monitor import event_sequences
from tests.unit.monitor.event_sequences import BEGIN_S, PublishedEvent, board_after


def epoch(number: int, **fields: Any) -> PublishedEvent:
    done = event_sequences.epoch_done(number, 10.0 * number, is_best=number == 1)
    for name, value in fields.items():
        setattr(done.message, name, value)
    return done


def alerts_of(*events: PublishedEvent, at: float = 400) -> list[Raised | Cleared]:
    board = board_after([event_sequences.started(), *events])
    return Watchdog(RULES).look(board.runs.values(), (), {}, BEGIN_S + at)


def rules_of(*events: PublishedEvent, at: float = 400) -> list[str]:
    return [alert.rule for alert in alerts_of(*events, at=at)]


def validated(losses: list[float], train: list[float] | None = None) -> list[PublishedEvent]:
    falling = train or [1 / number for number in range(1, len(losses) + 1)]
    return [
        epoch(number, val_loss=loss, train_loss=train_loss)
        for number, (loss, train_loss) in enumerate(zip(losses, falling, strict=True), start=1)
    ]


def test_a_validation_loss_that_rises_while_the_training_loss_falls_is_overfitting() -> None:
    (alert,) = alerts_of(*validated([1.0, 0.5, 0.9, 0.8, 1.0]))
    assert isinstance(alert, Raised)
    assert (alert.rule, alert.severity) == ("run.overfitting", "warning")
    assert "0.8, 1.6 times its lowest 0.5 of epoch 2" in alert.message


@pytest.mark.parametrize(
    ("losses", "train"),
    [
        ([1.0, 0.5, 0.9, 0.8, 0.6], None),  # one of the last three is near the lowest
        ([1.0, 0.5, 0.9, 0.9], None),  # too few to say
        ([1.0, 0.5, 0.9, 0.9, 0.9], [1.0, 0.5, 0.6, 0.7, 0.8]),  # the training loss rises as well
        ([nan] * 6, None),  # not validated
        ([1.0, 0.9, 0.8, 0.7, 0.6], None),
    ],
)
def test_what_is_no_overfitting_raises_nothing(losses: list[float], train: list[float] | None) -> None:
    assert rules_of(*validated(losses, train)) == []


def test_twenty_epochs_without_a_better_one_are_a_plateau() -> None:
    assert rules_of(*(epoch(number) for number in range(1, 21))) == []
    (alert,) = alerts_of(*(epoch(number) for number in range(1, 22)))
    assert isinstance(alert, Raised)
    assert alert.rule == "run.plateau"
    assert "no epoch was better than epoch 1 for 20 epochs" in alert.message


def test_a_run_that_waits_for_its_images_is_starved() -> None:
    starved = [epoch(number, duration_s=100, validating_s=20, loading_s=40) for number in (1, 2, 3)]
    (alert,) = alerts_of(*starved)
    assert isinstance(alert, Raised)
    assert alert.rule == "run.data_starved"
    assert "50 % of the time or more" in alert.message


@pytest.mark.parametrize("loading_s", [(40, 40, 10), (10, 10, 10)])
def test_one_epoch_that_did_not_wait_is_no_starvation(loading_s: tuple[float, ...]) -> None:
    done = [epoch(number, duration_s=100, loading_s=each) for number, each in enumerate(loading_s, start=1)]
    assert rules_of(*done) == []


def test_epochs_of_seconds_do_not_tell_whether_a_run_is_starved() -> None:
    assert rules_of(*(epoch(number, duration_s=2, loading_s=1.5) for number in (1, 2, 3))) == []


@pytest.mark.parametrize(("fit", "raised"), [(False, ["run.not_fit_for_use"]), (True, []), (None, [])])
def test_a_model_that_is_no_better_than_trivial_is_an_alert_for_a_day(fit: bool | None, raised: list[str]) -> None:
    ended = event_sequences.completed(400)
    if fit is not None:
        ended.message.fit_for_use, ended.message.fit_for_use_reason = fit, "kappa is 0.01, not better than 0"  # type: ignore[attr-defined]
    assert rules_of(ended, at=500) == raised
    assert rules_of(ended, at=90_000) == []


def missing(classes: list[float]) -> list[PublishedEvent]:
    events = [epoch(number) for number in range(1, len(classes) + 1)]
    for event, dead in zip(events, classes, strict=True):
        event.message.metrics["dead_classes"] = dead  # type: ignore[attr-defined]
    return events


@pytest.mark.parametrize(
    ("dead", "rules"),
    [
        ([3, 2, 2, 1, 1], ["run.dead_class"]),
        ([3, 2, 2, 1, 0], []),  # found once lately
        ([2, 2, 2, 2], []),  # too early to say
    ],
)
def test_a_class_that_no_evaluation_answers_any_more_is_dead(dead: list[float], rules: list[str]) -> None:
    assert rules_of(*missing(dead)) == rules
