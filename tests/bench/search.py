"""Successive halving beside a full random search on a fixed toy task: best scores, and epochs that they took.

`python -m tests.bench.search [--seeds N] [--trials N]`. The task is a network of one hidden layer in numpy that tells
two spirals apart; learning rate, momentum, weight decay and batch size are searched through the product's storage,
samplers and pruners, without a broker. A full random search trains every trial to its end; successive halving gets the
very same trials, four under way at once, and TPE draws its own. A score is the share of 10,000 validation points that
the last epoch gets right; half a point less counts as reached.
"""

import argparse
import json
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.hyperparameter_search.handlers import order_of_wire
from services.hyperparameter_search.search_store import SearchStore
from services.hyperparameter_search.spec import SearchOrder
from services.hyperparameter_search.trial import COMPLETED, PRUNED, RUNNING, Outcome, Trial, best_trials
from tests.unit.hyperparameter_search.search_orders import BATCH, METRIC, RATE, search_order

EPOCHS = 27
PARALLEL = 4
HIDDEN = 24
TRAINING, VALIDATION = 600, 10_000
MOMENTUM, DECAY = "hyperparameters.optimization.momentum", "hyperparameters.optimization.weight_decay"
PARAMETERS = [
    {"key": RATE, "floatRange": {"low": 1e-3, "high": 3, "log": True}},
    {"key": MOMENTUM, "floatRange": {"low": 0, "high": 0.98}},
    {"key": DECAY, "floatRange": {"low": 1e-6, "high": 1e-1, "log": True}},
    {"key": BATCH, "choices": ["8", "32", "128"]},
]
HALVING = {"pruner": "successive_halving", "minEpochs": 3, "reductionFactor": 3}
MOST_SHARE = 0.40
TOLERANCE = 0.005

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Searched:
    """The best score, from 0 to 1, and the epochs of all trials together."""

    score: float
    epochs: int


def spirals(count: int, seed: int) -> tuple[Array, Array]:
    """Points [N, 2] on two noisy spirals, and which of the two [N], 0 or 1."""
    generator = np.random.default_rng(seed)
    kind = generator.integers(0, 2, count)
    angle = generator.uniform(0.3, 1, count) * 3 * np.pi
    points = np.stack([angle * np.cos(angle + np.pi * kind), angle * np.sin(angle + np.pi * kind)], axis=1)
    return (points + generator.normal(0, 0.45, points.shape)) / 5, kind.astype(np.float64)


@cache
def data() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    return spirals(TRAINING, 1), spirals(VALIDATION, 2)


def training(rate: float, momentum: float, decay: float, batch: int) -> Iterator[float]:
    """Scores after each epoch of SGD with momentum on the cross-entropy; one seed for all trials."""
    (points, kinds), (held_out, truth) = data()
    generator = np.random.default_rng(3)
    weights = [generator.normal(0, 1, (2, HIDDEN)), np.zeros(HIDDEN), generator.normal(0, 0.3, HIDDEN), np.zeros(1)]
    speeds = [np.zeros_like(each) for each in weights]
    for _ in range(EPOCHS):
        order = generator.permutation(TRAINING)
        for start in range(0, TRAINING, batch):
            chosen = order[start : start + batch]
            for part in zip(weights, speeds, _gradients(weights, points[chosen], kinds[chosen]), strict=True):
                _step(*part, rate=rate, momentum=momentum, decay=decay)
        yield float(np.mean((_logits(weights, held_out) > 0) == (truth > 0.5)))


def _step(weight: Array, speed: Array, gradient: Array, *, rate: float, momentum: float, decay: float) -> None:
    speed[...] = momentum * speed + np.clip(gradient, -5, 5) + decay * weight
    weight[...] = np.clip(weight - rate * speed, -100, 100)


def _logits(weights: list[Array], points: Array) -> Array:
    hidden, bias, out, out_bias = weights
    return np.tanh(points @ hidden + bias) @ out + out_bias


def _gradients(weights: list[Array], points: Array, kinds: Array) -> list[Array]:
    hidden, bias, out, out_bias = weights
    features = np.tanh(points @ hidden + bias)
    error = (1 / (1 + np.exp(-np.clip(features @ out + out_bias, -30, 30))) - kinds) / len(kinds)
    inner = np.outer(error, out) * (1 - features**2)
    return [points.T @ inner, inner.sum(0), features.T @ error, error.sum(keepdims=True)]


def search(folder: Path, *, seed: int, trials: int, sampler: str, pruned: bool) -> Searched:
    """A whole search, `PARALLEL` trials under way at once, an epoch of each in turn."""
    pruning = HALVING if pruned else {}
    order = search_order(
        f"{sampler}-{'pruned' if pruned else 'full'}-{seed}", parameters=PARAMETERS, seed=seed, sampler=sampler,
        pruning=pruning, bounds={"trials": trials, "parallelTrials": PARALLEL},
    )  # fmt: skip
    store = SearchStore(f"sqlite:///{folder / 'searches.sqlite3'}", decode=order_of_wire)
    store.create(order, begun_at=0)
    under_way: dict[int, Iterator[tuple[int, float]]] = {}
    epochs = 0
    while True:
        while len(under_way) < PARALLEL and len(found := _trials(store, order)) < trials:
            store.sample(order)
            trial = _trials(store, order)[len(found)]
            values = trial.parameters
            curve = training(float(values[RATE]), float(values[MOMENTUM]), float(values[DECAY]), int(values[BATCH]))
            under_way[trial.number] = iter(enumerate(curve, start=1))
        if not under_way:
            break
        for number, curve_left in list(under_way.items()):
            epoch, score = next(curve_left)
            epochs += 1
            ends = store.report(order, number, epoch=epoch, value=score) if pruned else False
            if epoch == EPOCHS or ends:
                del under_way[number]
                state = COMPLETED if epoch == EPOCHS else PRUNED
                values_of = {METRIC: score} if state == COMPLETED else {}
                store.note_trial(order.search_id, number, outcome=Outcome(state=state, values=values_of))
                store.tell(order, _trials(store, order)[number])
    trials_found = _trials(store, order)
    assert all(trial.state != RUNNING for trial in trials_found)
    [best] = best_trials(trials_found, order.spec.objectives)
    assert best.outcome is not None
    return Searched(score=best.outcome.values[METRIC], epochs=epochs)


def _trials(store: SearchStore, order: SearchOrder) -> tuple[Trial, ...]:
    found = store.find(order.search_id)
    assert found is not None
    return found.trials


def measure(seeds: int, trials: int) -> dict[str, object]:
    rounds = []
    with tempfile.TemporaryDirectory() as name:
        for seed in range(seeds):
            full, halving, tpe = (
                search(Path(name), seed=seed, trials=trials, sampler=sampler, pruned=pruned)
                for sampler, pruned in (("random", False), ("random", True), ("tpe", True))
            )
            rounds.append(
                {"seed": seed, "random": asdict(full), "halving": asdict(halving), "tpe_halving": asdict(tpe)}
            )
            print(json.dumps(rounds[-1]), file=sys.stderr)  # noqa: T201
    return {
        "task": f"two spirals, {trials} trials of {EPOCHS} epochs, {PARALLEL} at once",
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        **{name: summary(rounds, name) for name in ("halving", "tpe_halving")},
        "rounds": rounds,
    }


def summary(rounds: list[dict[str, dict[str, float]]], name: str) -> dict[str, object]:
    shares = [each[name]["epochs"] / each["random"]["epochs"] for each in rounds]
    gains = [each[name]["score"] - each["random"]["score"] for each in rounds]
    return {
        "share_of_epochs": spread(shares),
        "score_less_random_s": spread(gains),
        "seeds_that_reach_random_s_best": sum(gain >= -TOLERANCE for gain in gains),
        "seeds": len(rounds),
        "target_met": max(shares) <= MOST_SHARE and sum(gain >= -TOLERANCE for gain in gains) == len(rounds),
    }


def spread(values: list[float]) -> dict[str, float]:
    return {"least": min(values), "median": statistics.median(values), "most": max(values)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=32)
    given = parser.parse_args()
    print(json.dumps(measure(given.seeds, given.trials), indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
