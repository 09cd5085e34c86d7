"""A loss curve of bounded length that comes out the same in whatever order its points arrive."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_POINTS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    step: int
    loss: float
    learning_rate: float
    attempt: int = 1


def whole_numbers() -> array[int]:
    return array("Q")


def reals() -> array[float]:
    return array("d")


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """At most one point per bucket of 2**level steps, in flat arrays: 32 bytes a point, so that hundreds of runs fit.

    The level only grows, and only when some set of points filled too many buckets; so the final level, and the point
    that stands for each bucket (latest attempt, then earliest step), depend on the points and not on their order.
    """

    level: int = 0
    steps: array[int] = field(default_factory=whole_numbers)
    attempts: array[int] = field(default_factory=whole_numbers)
    losses: array[float] = field(default_factory=reals)
    learning_rates: array[float] = field(default_factory=reals)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Point]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> Point:
        return Point(
            step=self.steps[i], loss=self.losses[i], learning_rate=self.learning_rates[i], attempt=self.attempts[i]
        )


def with_point(curve: Curve, point: Point, *, max_points: int = MAX_POINTS) -> Curve:
    first = (point.step >> curve.level) << curve.level
    i = bisect_left(curve.steps, first)
    taken = i < len(curve) and curve.steps[i] >> curve.level == point.step >> curve.level
    if taken and (-curve.attempts[i], curve.steps[i]) <= _rank(point):
        return curve
    added = _put(curve, i, point, replace=taken)
    while len(added) > max_points:
        added = _halved(added)
    return added


def _rank(point: Point) -> tuple[int, int]:
    return (-point.attempt, point.step)


def _put(curve: Curve, i: int, point: Point, *, replace: bool) -> Curve:
    steps, attempts, losses, rates = curve.steps[:], curve.attempts[:], curve.losses[:], curve.learning_rates[:]
    if replace:
        steps[i], attempts[i], losses[i], rates[i] = point.step, point.attempt, point.loss, point.learning_rate
    else:
        steps.insert(i, point.step)
        attempts.insert(i, point.attempt)
        losses.insert(i, point.loss)
        rates.insert(i, point.learning_rate)
    return Curve(level=curve.level, steps=steps, attempts=attempts, losses=losses, learning_rates=rates)


def _halved(curve: Curve) -> Curve:
    level = curve.level + 1
    keep: list[int] = []
    for i, step in enumerate(curve.steps):
        if keep and curve.steps[keep[-1]] >> level == step >> level:
            keep[-1] = min(keep[-1], i, key=lambda j: _rank(curve[j]))
        else:
            keep.append(i)
    return Curve(
        level=level,
        steps=array("Q", (curve.steps[i] for i in keep)),
        attempts=array("Q", (curve.attempts[i] for i in keep)),
        losses=array("d", (curve.losses[i] for i in keep)),
        learning_rates=array("d", (curve.learning_rates[i] for i in keep)),
    )
