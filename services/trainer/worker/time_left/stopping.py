"""When early stopping may end a run, from the scores of its validations so far. Legend: P draws, K validations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
_TAUS = 40  # rates of saturation that are tried
_NOISE = 0.1  # of a score, as a share of the range of the scores: what is expected before they show it
_NOISE_WEIGHT = 2  # validations that this expectation counts for
_PARAMETERS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """``waited`` validations in a row have not beaten ``reference`` by ``min_delta``; ``limit`` of them end the run."""

    limit: int
    min_delta: float
    reference: float | None = None
    waited: int = 0


def draw_scores(scores: Sequence[float], count: int, *, draws: int, random: np.random.Generator) -> Scores:
    """[P, K]: scores of the next ``count`` validations, given at least two.

    A score saturates: s(t) = c + a exp(-t / tau), with noise. For each of many tau, c and a are least squares; a draw
    takes one tau by its likelihood with the noise's deviation integrated out (Student's), so that few scores leave
    many futures open.
    """
    seen = np.asarray(scores, float)
    time = np.arange(len(seen))
    taus = np.geomspace(0.5, 4 * (len(seen) + count), _TAUS)
    decays = np.exp(-time[None, :] / taus[:, None])
    amplitudes, ends = _lines(decays, seen)
    squares = np.sum((ends[:, None] + amplitudes[:, None] * decays - seen) ** 2, axis=1)
    freedom = max(len(seen) - _PARAMETERS, 0) + _NOISE_WEIGHT
    expected = _NOISE * max(float(np.ptp(seen)), 1e-9)
    variances = (squares + _NOISE_WEIGHT * expected**2) / freedom
    weights = (variances / variances.min()) ** (-freedom / 2)
    picked = random.choice(len(taus), size=draws, p=weights / weights.sum())
    coming = len(seen) + np.arange(count)
    means = ends[picked, None] + amplitudes[picked, None] * np.exp(-coming[None, :] / taus[picked, None])
    drawn: Scores = means + random.normal(size=(draws, count)) * np.sqrt(variances[picked, None])
    return drawn


def _lines(decays: Scores, seen: Scores) -> tuple[Scores, Scores]:
    """Slope and intercept of the scores over each row, by least squares."""
    centred = decays - decays.mean(axis=1, keepdims=True)
    slopes = centred @ (seen - seen.mean()) / np.maximum(np.sum(centred**2, axis=1), 1e-12)
    return slopes, seen.mean() - slopes * decays.mean(axis=1)


def validations_left(drawn: Scores, patience: Patience) -> NDArray[np.int64]:
    """[P]: how many of the drawn validations are made until patience is at its end, by the run's own rule; all of them
    where it lasts."""
    draws, count = drawn.shape
    reference = -np.inf if patience.reference is None else patience.reference
    references, waits = np.full(draws, reference), np.full(draws, patience.waited)
    left = np.full(draws, count, dtype=np.int64)
    going = np.ones(draws, dtype=bool)
    for number in range(count):
        better = drawn[:, number] > references + patience.min_delta
        references = np.where(better, drawn[:, number], references)
        waits = np.where(better, 0, waits + 1)
        stopped = going & (waits >= patience.limit)
        left[stopped] = number + 1
        going &= ~stopped
    return left
