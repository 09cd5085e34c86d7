"""Runs as clocks saw them, by a random generator: drift, slow epochs, stalls, early stops. No training."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from services.trainer.worker.time_left import EpochTimes, Patience, Schedule


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedRun:
    """``planned`` are all epochs of the schedule, of which the first ``made`` are made until patience is at its end.
    ``typical`` are the durations of the same epochs without what single ones are off by, ``expected`` the scores
    without their noise, of the deviation ``noise``. The pace is multiplied by ``change`` before epoch ``changes_at``,
    counted from 0; by 1 where it does not change at once."""

    schedule: Schedule
    planned: tuple[EpochTimes, ...]
    made: int
    typical: tuple[float, ...]
    expected: tuple[float, ...]
    noise: float
    change: float
    changes_at: int

    @property
    def seconds(self) -> list[float]:
        """Since its beginning, at the end of each epoch that was made."""
        return list(accumulate(epoch.training_s + epoch.validating_s for epoch in self.planned[: self.made]))

    def states(self, *, from_share: float) -> Iterator[tuple[Schedule, tuple[EpochTimes, ...], float]]:
        """At the end of each epoch once this share of its time is over: what is known, and the seconds really left."""
        ends = self.seconds
        for done, patience in enumerate(patiences(self.schedule.patience, self.planned[: self.made - 1]), start=1):
            if ends[done - 1] >= from_share * ends[-1]:
                schedule = replace(self.schedule, patience=patience)
                yield schedule, self.planned[:done], ends[-1] - ends[done - 1]


def patiences(patience: Patience, epochs: Sequence[EpochTimes]) -> Iterator[Patience]:
    """The state of early stopping after each epoch."""
    for epoch in epochs:
        if epoch.score is not None:
            better = patience.reference is None or epoch.score > patience.reference + patience.min_delta
            reference = epoch.score if better else patience.reference
            patience = replace(patience, reference=reference, waited=0 if better else patience.waited + 1)
        yield patience


def simulate_run(random: np.random.Generator, *, stops_early: bool) -> SimulatedRun:
    """15 to 120 epochs of some seconds; half of the runs drift or change their pace at once."""
    epochs = int(random.integers(15, 120))
    frequency = int(random.choice([1, 1, 1, 2, 4]))
    usual = math.exp(random.normal(2, 1))
    pace, change, changes_at = _pace(random, epochs)
    usual_s = usual * pace
    training_s = usual_s * np.exp(random.normal(0, random.uniform(0.01, 0.05), epochs))
    training_s[0] *= 1 + random.uniform(0, 0.5)
    slow, stalled = random.random(epochs) < 0.025, random.random(epochs) < 0.005
    training_s[slow] *= random.uniform(1.3, 2.5, slow.sum())
    training_s[stalled] += usual_s[stalled] * random.uniform(1, 4, stalled.sum())
    share = random.uniform(0.05, 0.4)
    validating_s = share * usual_s * np.exp(random.normal(0, 0.03, epochs))
    noise = random.uniform(0.01, 0.08)
    saturation = math.exp(random.uniform(math.log(2), math.log(epochs)))
    expected = 1 - np.exp(-np.arange(epochs) / saturation)
    scores = expected + random.normal(0, noise, epochs)
    patience = Patience(limit=int(random.integers(3, 16)) if stops_early else 10**6, min_delta=0.0)
    schedule = Schedule(epochs=epochs, validation_frequency=frequency, patience=patience)
    due = [(at + 1) % frequency == 0 or at + 1 == epochs for at in range(epochs)]
    planned = tuple(
        EpochTimes(
            training_s=float(training_s[at]),
            validating_s=float(validating_s[at]) if due[at] else 0.0,
            score=float(scores[at]) if due[at] else None,
        )
        for at in range(epochs)
    )
    over = [at for at, state in enumerate(patiences(patience, planned), start=1) if state.waited >= state.limit]
    return SimulatedRun(
        schedule=schedule,
        planned=planned,
        made=over[0] if over else epochs,
        typical=tuple(float(usual_s[at] * (1 + share * due[at])) for at in range(epochs)),
        expected=tuple(map(float, expected)),
        noise=noise,
        change=change,
        changes_at=changes_at,
    )


def _pace(random: np.random.Generator, epochs: int) -> tuple[np.ndarray, float, int]:
    """What each epoch's usual duration is multiplied by, of that a change at once, and before which epoch."""
    factors, change, changes_at = np.ones(epochs), 1.0, 0
    kind = random.choice(["steady", "drifting", "changed"], p=[0.5, 0.3, 0.2])
    if kind == "drifting":
        factors = np.linspace(1, 1 + random.uniform(-0.3, 0.3), epochs)
    elif kind == "changed":
        changes_at = int(random.uniform(0.05, 0.95) * epochs)
        change = float(random.uniform(0.7, 1.4))
        factors[changes_at:] *= change
    return factors, change, changes_at
