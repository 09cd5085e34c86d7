"""What the lengths of queues say over an hour."""

from __future__ import annotations

import pytest
from truscore.bus.queue_counts import QueueCount, Watched

from services.monitor.alerts import AlertState, Watchdog
from services.monitor.facts import Cleared, Raised
from services.monitor.queues import QueueTrends
from services.monitor.rules import RULES

INBOX, LEASE, DEAD = "exporter.training.completed", "trainer.dataset.validated", "exporter.dead"
WATCHED = (
    Watched(name=INBOX, service="exporter"),
    Watched(name=LEASE, service="trainer", is_lease=True),
    Watched(name=DEAD, service="exporter", is_dead=True),
)


class Watch:
    """Counts every half minute under the built-in rules."""

    def __init__(self) -> None:
        self.trends, self.watchdog, self.now = QueueTrends(WATCHED), Watchdog(RULES), 1000.0
        self.standing: dict[str, Raised] = {}

    def go(self, minutes: float, **queues: tuple[int, int]) -> list[tuple[str, str]]:
        """Rules and subjects that stand after so many minutes of these counts: messages and consumers."""
        names = {"inbox": INBOX, "lease": LEASE, "dead": DEAD}
        counts = {names[key]: QueueCount(messages=each[0], consumers=each[1]) for key, each in queues.items()}
        for _ in range(round(minutes * 2)):
            self.now += 30
            self.trends.note(counts, self.now)
            self._look()
        return sorted((alert.rule, alert.subject) for alert in self.standing.values())

    def _look(self) -> None:
        known = {key: AlertState(raised=alert) for key, alert in self.standing.items()}
        for said in self.watchdog.look([], [], known, self.now, more=self.trends.measured(self.now)):
            if isinstance(said, Cleared):
                del self.standing[said.alert_id]
            else:
                self.standing[said.alert_id] = said


def test_dead_letters_are_an_alert_until_the_queue_is_empty() -> None:
    watch = Watch()
    assert watch.go(1, dead=(0, 0)) == []
    assert watch.go(1, dead=(3, 0)) == [("queue.dead_letters", DEAD)]
    (alert,) = watch.standing.values()
    assert "3 messages were given up on" in alert.message
    assert watch.go(1, dead=(0, 0)) == []


@pytest.mark.parametrize(("queue", "name"), [("inbox", INBOX), ("lease", LEASE)])
def test_messages_that_nobody_consumes_for_five_minutes_are_an_alert(queue: str, name: str) -> None:
    watch = Watch()
    assert watch.go(4, **{queue: (1, 0)}) == []
    assert watch.go(2, **{queue: (1, 0)}) == [("queue.unconsumed", name)]
    assert watch.go(2, **{queue: (0, 1)}) == []


def test_an_empty_inbox_that_nobody_consumes_is_none() -> None:
    assert Watch().go(30, inbox=(0, 0), lease=(0, 0)) == []


def test_a_queue_that_grew_by_hundreds_is_an_alert_and_a_burst_is_none() -> None:
    watch = Watch()
    watch.go(15, lease=(0, 2))
    assert watch.go(2, lease=(900, 2)) == []
    assert watch.go(10, lease=(5, 2)) == []
    assert watch.go(7, lease=(200, 2)) == [("queue.growing", LEASE)]
    assert watch.go(12, lease=(20, 2)) == []


def test_an_inbox_from_which_nothing_is_taken_for_an_hour_is_an_alert_but_a_lease_is_none() -> None:
    watch = Watch()
    assert watch.go(30, inbox=(5, 1), lease=(5, 1)) == []
    assert watch.go(31, inbox=(6, 1), lease=(5, 1)) == [("queue.stands_still", INBOX)]
    assert watch.go(1, inbox=(4, 1), lease=(5, 1)) == []


def test_counts_of_a_broker_that_went_away_say_nothing() -> None:
    watch = Watch()
    watch.go(6, inbox=(1, 0))
    assert not list(watch.trends.measured(watch.now + 301))
