"""Seconds that coming epochs may take, drawn from those that were measured. Legend: P draws, K coming epochs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]
# Epochs that say how fast the run is now: more would lag behind a change of pace, fewer would follow single ones.
RECENT = 6
_NEIGHBOURS = 2  # epochs on either side that one is compared with
_WALK = 0.01  # what the pace is expected to change by from one epoch to the next, as a logarithm
_WALK_WEIGHT = 4  # epochs that this expectation counts for
# What a whole run may drift by, as a logarithm, and the epochs after which half of that is ruled out.
_DRIFT, _DRIFT_SEEN = 0.25, 10
_LEVEL_LEAST, _LEVEL_UNKNOWN = 0.003, 0.05
# Logarithms of what epochs are off by: stand in until there are as many of the run's own. The last is a slow epoch,
# which every run may have although it has had none.
_USUAL = np.array([-0.02, 0.02, -0.03, 0.03, 0.0, -0.01, 0.01, 0.3])
_ENOUGH = 16


def draw_seconds(measured: Sequence[float], count: int, *, draws: int, random: np.random.Generator) -> Seconds:
    """[P, K]: durations of the next ``count`` epochs, given those of the epochs before, at least one, in seconds.

    The logarithm of a duration is a level that walks at random, and what single epochs are off by: deviations from the
    median of their neighbours, of which any may come again. The first epoch warms up and is left out.
    """
    logs = np.log(np.maximum(np.asarray(measured, float), 1e-6))
    logs = logs[1:] if len(logs) > 2 else logs
    walk, level_error = _WALK, _LEVEL_UNKNOWN
    off = np.empty(0)
    if len(logs) >= 3:
        smooth = np.array([np.median(logs[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS + 1]) for at in range(len(logs))])
        off = logs - smooth
        changes = np.diff(smooth)
        walk = float(np.sqrt((np.sum(changes**2) + _WALK_WEIGHT * _WALK**2) / (len(changes) + _WALK_WEIGHT)))
        level_error = max(float(np.std(off)) / np.sqrt(min(len(logs), RECENT)), _LEVEL_LEAST)
    usual = _USUAL[: max(2, len(_USUAL) - len(logs) // 2)] if len(logs) < _ENOUGH else _USUAL[-2:]
    level = np.median(logs[-RECENT:]) + random.normal(0, level_error, (draws, 1))
    walked = np.cumsum(random.normal(0, walk, (draws, count)), axis=1)
    drift = _DRIFT / (1 + len(logs) / _DRIFT_SEEN) / (len(logs) + count)
    drifted = random.normal(0, drift, (draws, 1)) * np.arange(1, count + 1)
    drawn: Seconds = np.exp(level + walked + drifted + random.choice(np.concatenate([off, usual]), size=(draws, count)))
    return drawn
