"""What the trainer counts for Prometheus. Labels are the kinds of verdicts, so they are bounded; runs are not among
them: what there is to know of one run, the monitor shows."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge


class Waits:
    """How long the longest of the waits under way has lasted, in seconds; 0 without any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[object, float] = {}

    @contextmanager
    def waiting(self) -> Iterator[None]:
        token = object()
        self._since[token] = self._clock()
        try:
            yield
        finally:
            del self._since[token]

    def longest_s(self) -> float:
        # Prometheus asks from a thread of its own.
        since = list(self._since.values())
        return self._clock() - min(since) if since else 0.0


class Share:
    """What one of several puts into a gauge that shows their sum."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._value = 0.0

    def set(self, value: float) -> None:
        self._gauge.inc(value - self._value)
        self._value = value


RUNS = Gauge("truscore_trainer_runs", "Runs in hand.")
ATTEMPTS = Counter(
    "truscore_trainer_attempts",
    "Training processes that ended, by how: completed, paused, preempted, cancelled, handed_back, restart or failed.",
    ["ended"],
)
RESTARTS = Counter("truscore_trainer_restarts", "Training processes that are started again after a fault.")
RELAYED = Counter("truscore_trainer_relayed", "Records of journals that the broker confirmed.")
RELAY_LAG = Gauge("truscore_trainer_relay_lag_seconds", "How long records of a journal have waited for the broker.")
IMAGES = Gauge("truscore_trainer_images_per_second", "Images trained per second, over all runs in hand.")

RELAY_WAITS = Waits()
RELAY_LAG.set_function(RELAY_WAITS.longest_s)
