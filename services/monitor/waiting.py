"""When an order that waits for a trainer starts and ends: by what runs of its kind took, and who is before it. Pure."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from services.monitor.board import Entry
from services.monitor.orders import Waiting, stage_of_order
from services.monitor.run import Run
from services.monitor.stage import Stage, origin_of, pace_of, stage_of

# Fewer runs say nothing of how much their durations differ.
LEAST_FOR_INTERVAL = 5

Kind = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """Seconds; `end_s` has the waiting in it. 0 where it is not known."""

    orders_ahead: int
    start_s: float = 0.0
    end_s: float = 0.0
    end_low_s: float = 0.0
    end_high_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Likely:
    """A duration that half of the cases exceed, and those that one in ten falls below and one in ten exceeds."""

    half: float
    low: float
    high: float


def expected(entries: Iterable[Entry]) -> Mapping[str, Expected]:
    """By order, of those that passed validation and wait for a trainer: the oldest is taken first.

    Each run in training holds a trainer until its own estimate; where none trains, nobody knows when one comes.
    """
    entries = list(entries)
    waiting = sorted(
        (each for each in entries if isinstance(each, Waiting) and stage_of_order(each) is Stage.QUEUED),
        key=lambda each: (each.validated_at, each.order_id),
    )
    if not waiting:
        return {}
    runs = [each for each in entries if isinstance(each, Run)]
    took = _took(runs)
    trainers = [likely for run in runs if stage_of(run) is Stage.TRAINING if (likely := _left(run, took))]
    starts = {name: _starts(name, trainers, waiting, took) for name in ("half", "low", "high")}
    return {
        order.order_id: _of(place, starts, _duration(_kind_of_order(order), took))
        for place, order in enumerate(waiting)
    }


def _of(place: int, starts: Mapping[str, Sequence[float]], duration: _Likely | None) -> Expected:
    if duration is None or len(starts["half"]) <= place:
        return Expected(orders_ahead=place)
    known = duration.low > 0
    return Expected(
        orders_ahead=place,
        start_s=starts["half"][place],
        end_s=starts["half"][place] + duration.half,
        end_low_s=starts["low"][place] + duration.low if known else 0.0,
        end_high_s=starts["high"][place] + duration.high if known else 0.0,
    )


def _starts(
    name: str, trainers: Sequence[_Likely], waiting: Sequence[Waiting], took: Mapping[Kind | None, _Likely]
) -> list[float]:
    """When each order starts; as many as can be said, in their order."""
    free_at = [getattr(each, name) for each in trainers]
    heapq.heapify(free_at)
    starts: list[float] = []
    for order in waiting:
        duration = _duration(_kind_of_order(order), took)
        if not free_at or duration is None:
            break
        starts.append(free_at[0])
        heapq.heapreplace(free_at, free_at[0] + (getattr(duration, name) or duration.half))
    return starts


def _took(runs: Iterable[Run]) -> dict[Kind | None, _Likely]:
    """By kind, and of all kinds together under None."""
    durations: dict[Kind | None, list[float]] = defaultdict(list)
    for run in runs:
        if run.completed and run.completed.at > run.first_started_at:
            for kind in (_kind_of_run(run), None):
                durations[kind].append(run.completed.at - run.first_started_at)
    return {kind: _likely(each) for kind, each in durations.items()}


def _likely(durations: Sequence[float]) -> _Likely:
    if len(durations) < LEAST_FOR_INTERVAL:
        return _Likely(half=median(durations), low=0.0, high=0.0)
    tenths = quantiles(durations, n=10, method="inclusive")
    return _Likely(half=median(durations), low=tenths[0], high=tenths[-1])


def _left(run: Run, took: Mapping[Kind | None, _Likely]) -> _Likely | None:
    """Of a run in training: what it reports, else what runs of its kind take."""
    pace = pace_of(run)
    if pace.eta_s > 0:
        return _Likely(half=pace.eta_s, low=pace.eta_low_s or pace.eta_s, high=pace.eta_high_s or pace.eta_s)
    return _duration(_kind_of_run(run), took)


def _duration(kind: Kind, took: Mapping[Kind | None, _Likely]) -> _Likely | None:
    return took.get(kind) or took.get(None)


def _kind_of_order(waiting: Waiting) -> Kind:
    return waiting.order.category, waiting.order.option, waiting.order.architecture


def _kind_of_run(run: Run) -> Kind:
    origin = origin_of(run)
    return (origin.category, origin.option, origin.architecture) if origin else ("", "", "")
