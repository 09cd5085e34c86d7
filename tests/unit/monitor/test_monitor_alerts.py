"""Rules and what they make of runs and hosts."""

from __future__ import annotations

from math import nan
from pathlib import Path
from typing import Any

import pytest

from services.monitor.alerts import Watchdog, alert_id_of
from services.monitor.board import Board, Bounds
from services.monitor.facts import Cleared, Raised, UnknownEvent
from services.monitor.rules import RULES, InvalidRule, Rule, load_rules
from tests.unit.monitor import event_sequences
from tests.unit.monitor.event_sequences import BEGIN_S, RUN, PublishedEvent, board_after


class Watch:
    """A board under the built-in rules; what is published is received, as it is from the log."""

    def __init__(self, *events: PublishedEvent) -> None:
        self.board: Board = board_after(events)
        self.watchdog = Watchdog(RULES)

    def look(self, at: float) -> list[Raised | Cleared]:
        now = BEGIN_S + at
        board = self.board
        published = self.watchdog.look(
            board.runs.values(), board.hosts.values(), board.alerts, now, unknown_events=board.unknown_events.values()
        )
        for alert in published:
            self.board.apply(alert, now)
        return published

    def standing(self) -> list[Raised]:
        return [each.raised for each in self.board.alerts.values() if each.raised and each.stands]

    def rules_raised(self, at: float) -> list[str]:
        return [alert.rule for alert in self.look(at) if isinstance(alert, Raised)]


def test_a_host_whose_last_sample_is_older_than_a_rule_allows_raises_until_it_samples_again() -> None:
    watch = Watch(event_sequences.sampled(10))
    watch.watchdog = Watchdog([Rule(name="host.silent", severity="warning", measure="sample_age_s", at_least=120)])
    assert watch.look(129) == []
    (alert,) = watch.look(131)
    assert isinstance(alert, Raised)
    assert (alert.rule, alert.subject.partition("/")[0]) == ("host.silent", "gpu-1")
    assert "the last hardware sample is 121 s old" in alert.message
    assert watch.look(1000) == []  # it stands, however old the sample is by now
    board_after([event_sequences.sampled(1005)], watch.board)
    (cleared,) = watch.look(1010)
    assert isinstance(cleared, Cleared)


def test_a_run_that_progresses_raises_nothing() -> None:
    assert Watch(event_sequences.started(), event_sequences.progressed(10)).look(60) == []


def test_a_run_without_progress_for_fifteen_minutes_is_stalled_and_is_reported_so_once() -> None:
    watch = Watch(event_sequences.started(), event_sequences.progressed(10))
    (alert,) = watch.look(1000)
    assert isinstance(alert, Raised)
    assert (alert.rule, alert.subject, alert.severity) == ("run.stalled", RUN, "critical")
    assert "987 s" in alert.message
    assert "900" in alert.message
    assert watch.look(1010) == []


def test_progress_clears_the_alert_and_a_second_stall_raises_it_again_under_the_same_id() -> None:
    watch = Watch(event_sequences.started())
    watch.look(1000)
    board_after([event_sequences.progressed(20, 1005)], watch.board)
    (cleared,) = watch.look(1010)
    assert isinstance(cleared, Cleared)
    assert cleared.alert_id == alert_id_of("run.stalled", RUN)
    assert watch.rules_raised(2000) == ["run.stalled"]


def test_a_paused_run_is_not_stalled() -> None:
    assert Watch(event_sequences.started(), event_sequences.paused()).look(5000) == []


def test_a_loss_that_is_not_a_number_is_an_alert() -> None:
    assert Watch(event_sequences.started(), event_sequences.progressed(10, loss=nan)).rules_raised(20) == [
        "run.loss_not_finite"
    ]


def test_one_spike_of_the_loss_is_no_divergence_but_three_are() -> None:
    calm = [event_sequences.started(), *(event_sequences.progressed(step, loss=0.1) for step in (1, 2, 3))]
    spikes = [event_sequences.progressed(step, loss=5.0) for step in (4, 5, 6)]
    assert Watch(*calm, spikes[0]).look(20) == []
    assert Watch(*calm, *spikes).rules_raised(20) == ["run.diverging"]


def test_a_failed_run_is_an_alert_for_a_day() -> None:
    watch = Watch(event_sequences.started(), event_sequences.failed(50))
    assert watch.rules_raised(60) == ["run.failed"]
    assert watch.look(80_000) == []
    assert [type(alert) for alert in watch.look(90_000)] == [Cleared]


def test_a_failure_of_last_week_that_is_read_from_the_log_raises_nothing() -> None:
    assert Watch(event_sequences.started(), event_sequences.failed(50)).look(7 * 86_400) == []


def test_nearly_full_memory_has_to_last_a_minute() -> None:
    watch = Watch(event_sequences.sampled(0, memory_used_bytes=99, memory_total_bytes=100))
    assert watch.look(1) == []
    assert watch.rules_raised(62) == ["host.memory_full"]


def test_memory_that_swings_about_the_bound_raises_once_and_clears_once_it_has_been_well_below_for_a_minute() -> None:
    watch = Watch()

    def look(at: float, percent: int) -> list[type]:
        board_after([event_sequences.sampled(at, memory_used_bytes=percent, memory_total_bytes=100)], watch.board)
        return [type(alert) for alert in watch.look(at)]

    swings = [look(at, percent) for at, percent in [(0, 96), (61, 96), (70, 94), (80, 96), (90, 91), (250, 94)]]
    assert swings == [[], [Raised], [], [], [], []]
    assert [look(at, percent) for at, percent in [(300, 80), (350, 92), (360, 80), (419, 80)]] == [[], [], [], []]
    assert look(421, 80) == [Cleared]


@pytest.mark.parametrize("bound", [{"at_least": 10, "clear_at": 11}, {"at_most": 2, "clear_at": 1}])
def test_a_rule_that_would_clear_while_it_holds_is_refused(bound: dict[str, float]) -> None:
    with pytest.raises(InvalidRule, match=r"rule 'x': clear_at is .*, accepted is at (most at_least|least at_most)"):
        Rule(name="x", severity="warning", measure="gpu_celsius", **bound)


def test_a_disk_with_less_than_two_gib_is_an_alert_about_its_host() -> None:
    (alert,) = Watch(event_sequences.sampled(0, disk_free_bytes=2**30)).look(1)
    assert isinstance(alert, Raised)
    assert (alert.rule, alert.subject) == ("host.disk_full", "gpu-1/trainer")
    assert "1.0 GiB" in alert.message


def test_a_host_that_went_silent_holds_no_alert_about_its_memory() -> None:
    watch = Watch(event_sequences.sampled(0, disk_free_bytes=0))
    watch.look(1)
    assert [type(alert) for alert in watch.look(1000)] == [Cleared]


def stray(at: float, routing_key: str = "dataset.redy") -> UnknownEvent:
    return UnknownEvent(routing_key=routing_key, reason=f"unknown routing key {routing_key!r}", at=BEGIN_S + at)


def test_what_is_no_event_is_an_alert_about_its_routing_key_for_a_day() -> None:
    watch = Watch()
    watch.board.apply(stray(0), BEGIN_S)
    (alert,) = watch.look(1)
    assert isinstance(alert, Raised)
    assert (alert.rule, alert.subject) == ("message.stray", "dataset.redy")
    assert "unknown routing key 'dataset.redy'" in alert.message
    assert watch.look(80_000) == []
    assert [type(each) for each in watch.look(90_000)] == [Cleared]


def test_what_strayed_last_week_raises_nothing_and_what_strays_again_does() -> None:
    watch = Watch()
    watch.board.apply(stray(0), BEGIN_S)
    assert watch.look(7 * 86_400) == []
    watch.board.apply(stray(7 * 86_400), BEGIN_S)
    assert watch.rules_raised(7 * 86_400 + 1) == ["message.stray"]


def test_of_many_unknown_events_the_newest_are_kept() -> None:
    board = Board(Bounds(unknown_events=3))
    for at in range(10):
        board.apply(stray(at, f"key.{at}"), BEGIN_S)
    assert sorted(board.unknown_events) == ["key.7", "key.8", "key.9"]


def test_a_restarted_monitor_knows_from_the_log_what_it_raised() -> None:
    watch = Watch(event_sequences.started())
    (raised,) = watch.look(1000)
    again = Watch(event_sequences.started())
    again.board.apply(raised, BEGIN_S + 1000)
    assert again.look(1001) == []


def test_an_alert_that_another_service_raised_is_left_for_it_to_clear() -> None:
    watch = Watch(event_sequences.started())
    theirs = Raised(
        alert_id="a", rule="mlflow.unavailable", severity="warning", subject="MLflow at h:5000", message="500",
        raised_at=BEGIN_S,
    )  # fmt: skip
    watch.board.apply(theirs, BEGIN_S)
    assert watch.look(1) == []
    assert watch.board.alerts["a"].stands
    watch.board.apply(Cleared(alert_id="a", rule=theirs.rule, subject=theirs.subject, cleared_at=BEGIN_S + 2), BEGIN_S)
    assert not watch.board.alerts["a"].stands


def test_a_rule_of_ours_can_not_take_the_name_of_another_services_rule() -> None:
    with pytest.raises(InvalidRule, match=r"mlflow\.unavailable"):
        Rule(name="mlflow.unavailable", severity="warning", measure="silence_s", at_least=1)


def test_rules_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text('[[rule]]\nname = "run.slow"\nseverity = "warning"\nmeasure = "silence_s"\nat_least = 60\n')
    assert load_rules(path) == (Rule(name="run.slow", severity="warning", measure="silence_s", at_least=60),)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", r"\[\[rule\]\]"),
        ("rule = 3", r"\[\[rule\]\]"),
        ("[[rule", "no TOML"),
        ('[[rule]]\nname="a"\nseverity="bad"\nmeasure="silence_s"\nat_least=1', "severity is 'bad'"),
        ('[[rule]]\nname="a"\nseverity="warning"\nmeasure="love"\nat_least=1', "measure is 'love'"),
        ('[[rule]]\nname="a"\nseverity="warning"\nmeasure="silence_s"', "either at_least or at_most"),
        ('[[rule]]\nname="a"\nseverity="warning"\nmeasure="silence_s"\nat_least="x"', "at_least is 'x'"),
        ('[[rule]]\nname="a"\nseverity="warning"\nat_least=1', "lacks measure"),
        ('[[rule]]\nname="a"\ncolour="red"', "unknown key 'colour'"),
        (2 * '[[rule]]\nname="a"\nseverity="warning"\nmeasure="silence_s"\nat_least=1\n', "'a' is there twice"),
    ],
)
def test_a_rule_that_is_not_accepted_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(InvalidRule, match=named):
        load_rules(path)


HOT_GPU = {"index": 1, "temperature_celsius": 84, "sm_clock_mhz": 900}


@pytest.mark.parametrize(
    ("sample", "rule", "words"),
    [
        (
            {"gpus": [HOT_GPU | {"throttle_reasons": ["hw_thermal_slowdown"]}]},
            "host.gpu_throttled",
            "GPU 1 at 84 °C and 900 MHz",
        ),
        (
            {"gpus": [{"index": 0}, {"index": 1, "last_xid": 79}]},
            "host.gpu_error",
            "GPU 1 had the critical error Xid 79",
        ),
        ({"gpus": [{"ecc_uncorrected_errors": 2}]}, "host.gpu_memory_errors", "2 errors of GPU memory"),
        (
            {"cgroup_memory_bytes": 15 * 2**29, "cgroup_memory_limit_bytes": 2**33},
            "host.memory_limit",
            "94 % of the 8.0 GiB",
        ),
    ],
)
def test_a_host_near_a_limit_or_with_a_fault_is_an_alert_with_its_figures(
    sample: dict[str, Any], rule: str, words: str
) -> None:
    watch = Watch(event_sequences.sampled(10, **sample))
    watch.look(11)
    (alert,) = [each for each in watch.standing() if each.rule == rule] or watch.look(75)
    assert isinstance(alert, Raised)
    assert (alert.rule, alert.subject) == (rule, "gpu-1/trainer")
    assert words in alert.message


def test_a_gpu_at_its_power_limit_raises_nothing() -> None:
    watch = Watch(event_sequences.sampled(10, gpus=[HOT_GPU | {"throttle_reasons": ["sw_power_cap"]}]))
    watch.look(11)
    assert watch.look(75) == []
