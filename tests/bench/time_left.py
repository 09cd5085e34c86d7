"""``python -m tests.bench.time_left``: how far estimates of the time left are off, over simulated runs, as JSON.

Beside them, on the same runs: the mean duration of the epochs so far times the epochs left, which is what was reported
before, and two oracles. One knows each run's usual durations and its scores but for their noise: what it is off by,
single slow epochs and when noise lets patience end, nobody can know. The other does not know before that a pace changes
at once, and knows exactly how fast the run is and drifts, which an estimate has to learn from the epochs so far.
Neither counts what slow epochs will add on average.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from services.trainer.worker.time_left import EpochTimes, Schedule, estimate_time_left
from services.trainer.worker.time_left.stopping import validations_left
from tests.measuring.simulated_runs import SimulatedRun, simulate_run

RUNS, FROM_SHARE, ORACLE_DRAWS = 200, 0.1, 64
Estimate = Callable[[SimulatedRun, Schedule, Sequence[EpochTimes]], float]


def mean_of_epochs(run: SimulatedRun, schedule: Schedule, done: Sequence[EpochTimes]) -> float:
    mean_s = sum(epoch.training_s + epoch.validating_s for epoch in done) / len(done)
    return mean_s * (schedule.epochs - len(done))


def oracle(run: SimulatedRun, schedule: Schedule, done: Sequence[EpochTimes]) -> float:
    return _last_end(run, schedule, done, np.array(run.typical[len(done) :]))


def oracle_of_the_past(run: SimulatedRun, schedule: Schedule, done: Sequence[EpochTimes]) -> float:
    typical_K = np.array(run.typical[len(done) :])
    coming = np.arange(len(done), schedule.epochs) >= run.changes_at
    return _last_end(run, schedule, done, typical_K / np.where(coming & (len(done) <= run.changes_at), run.change, 1))


def _last_end(run: SimulatedRun, schedule: Schedule, done: Sequence[EpochTimes], typical_K: np.ndarray) -> float:
    ends = np.cumsum(typical_K)
    due = [at for at in range(len(done), schedule.epochs) if run.planned[at].score is not None]
    random = np.random.default_rng(len(done))
    drawn = np.array(run.expected)[due] + random.normal(0, run.noise, (ORACLE_DRAWS, len(due)))
    made = validations_left(drawn, schedule.patience)
    return float(np.median(ends[np.array(due)[made - 1] - len(done)]))


def measured(seed: int, *, stops_early: bool) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    within, below = [], []
    names = ("estimate", "mean_of_epochs", "oracle", "oracle_of_the_past")
    wrong: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(RUNS):
        run = simulate_run(random, stops_early=stops_early)
        for schedule, done, left_s in run.states(from_share=FROM_SHARE):
            found = estimate_time_left(schedule, done, seed=len(done))
            within.append(found.low_s <= left_s <= found.high_s)
            below.append(left_s < found.low_s)
            wrong["estimate"].append(abs(found.eta_s - left_s) / left_s)
            wrong["mean_of_epochs"].append(abs(mean_of_epochs(run, schedule, done) - left_s) / left_s)
            wrong["oracle"].append(abs(oracle(run, schedule, done) - left_s) / left_s)
            wrong["oracle_of_the_past"].append(abs(oracle_of_the_past(run, schedule, done) - left_s) / left_s)
    return {
        "runs": RUNS,
        "seed": seed,
        "stops_early": stops_early,
        "estimates": len(within),
        "interval_covers": round(float(np.mean(within)), 3),
        "ends_before_it": round(float(np.mean(below)), 3),
        "error_of_time_left": {
            name: {"median": round(float(np.median(each)), 3), "p90": round(float(np.quantile(each, 0.9)), 3)}
            for name, each in wrong.items()
        },
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.bench.time_left", description=__doc__)
    parser.add_argument("--seeds", default="0,1,2")
    for seed in map(int, parser.parse_args().seeds.split(",")):
        for stops_early in (False, True):
            sys.stdout.write(json.dumps(measured(seed, stops_early=stops_early)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
