"""One run, folded out of what was published about it. The fold gives the same in any order and with any repeats.

Every field keeps the greatest of what came under an order of its own (attempt, step, time), so nothing has to be
remembered about which events were seen already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, Generic, TypeVar

from services.monitor.curve import Curve, Point, with_point
from services.monitor.extremes import Series, with_values
from services.monitor.facts import (
    Attached,
    Cancelled,
    Completed,
    EpochDone,
    Exported,
    ExportFailed,
    Failed,
    Paused,
    Progressed,
    ResumeRequested,
    RunFact,
    Sampled,
    Started,
)

MAX_EPOCHS = 4000
MAX_EXPORT_FAILURES = 16
MAX_TRACES = 16
MAX_GPUS = 1024

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Timed(Generic[T]):
    """What was event, and when, in seconds since 1970."""

    event: T
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    run_id: str
    first_event_at: float = inf
    last_event_at: float = 0
    last_progress_at: float = 0
    started: Timed[Started] | None = None
    first_started_at: float = inf
    epochs: Mapping[int, EpochDone] = field(default_factory=dict)
    curve: Curve = field(default_factory=Curve)
    series: Mapping[str, Series] = field(default_factory=dict)
    latest: Progressed | None = None
    # While folds are trained after the run it is reported again with the same step: only times show which is newer.
    latest_at: float = 0
    epoch_at: float = 0
    completed: Timed[Completed] | None = None
    failed: Timed[Failed] | None = None
    cancelled: Timed[Cancelled] | None = None
    paused: Timed[Paused] | None = None
    resume_requested_at: float = 0
    queued_at: float = 0  # when a trainer last took an order to start or go on with it
    exported: Timed[Exported] | None = None
    export_failures: Mapping[str, Timed[ExportFailed]] = field(default_factory=dict)
    hardware: Sampled | None = None
    # Lowest and highest count of each GPU's energy, in joules, by host and index.
    energy: Mapping[tuple[str, int], tuple[float, float]] = field(default_factory=dict)
    traces: frozenset[str] = frozenset()


def with_fact(run: Run, fact: RunFact | Sampled | Attached, at: float, trace: str = "") -> Run:
    """The run with one more thing event about it."""
    changed = _with_fact(run, fact, at)
    traces = run.traces | {trace} if trace and isinstance(fact, Started | Failed | Cancelled) else run.traces
    return replace(
        changed,
        first_event_at=min(run.first_event_at, at),
        last_event_at=max(run.last_event_at, at),
        traces=frozenset(sorted(traces)[:MAX_TRACES]),
    )


def _with_fact(run: Run, fact: RunFact | Sampled | Attached, at: float) -> Run:  # noqa: PLR0911
    match fact:
        case Attached():
            return replace(run, queued_at=max(run.queued_at, at)) if fact.state == "QUEUED" else run
        case Started():
            return _with_start(run, fact, at)
        case Progressed():
            return _with_progress(run, fact, at)
        case EpochDone():
            return _with_epoch(run, fact, at)
        case Completed():
            return replace(run, completed=_greatest(run.completed, fact, at, lambda event: event.attempts))
        case Failed():
            return replace(run, failed=_greatest(run.failed, fact, at, lambda event: event.attempt))
        case Cancelled():
            return replace(run, cancelled=_greatest(run.cancelled, fact, at, lambda event: event.attempt))
        case Paused():
            return replace(run, paused=_greatest(run.paused, fact, at, lambda event: event.attempt))
        case ResumeRequested():
            return replace(run, resume_requested_at=max(run.resume_requested_at, at))
        case Exported():
            return replace(run, exported=_greatest(run.exported, fact, at, lambda _: 0))
        case ExportFailed():
            return _with_export_failure(run, fact, at)
        case Sampled():
            newer = run.hardware is None or fact.sampled_at > run.hardware.sampled_at
            return replace(run, hardware=fact if newer else run.hardware, energy=_with_energy(run.energy, fact))


def _with_energy(held: Mapping[tuple[str, int], tuple[float, float]], fact: Sampled) -> Mapping[Any, Any]:
    counted = {(fact.host, gpu.index): gpu.energy_joules for gpu in fact.gpus if gpu.energy_joules}
    if not counted or len(held) > MAX_GPUS:
        return held
    ends = {key: held.get(key, (joules, joules)) for key, joules in counted.items()}
    return {**held, **{key: (min(ends[key][0], joules), max(ends[key][1], joules)) for key, joules in counted.items()}}


def _greatest(held: Timed[T] | None, event: T, at: float, attempt_of: Callable[[T], int]) -> Timed[T]:
    if held is not None and (attempt_of(held.event), held.at) >= (attempt_of(event), at):
        return held
    return Timed(event=event, at=at)


def _with_start(run: Run, fact: Started, at: float) -> Run:
    return replace(
        run,
        started=_greatest(run.started, fact, at, lambda event: event.attempt),
        first_started_at=min(run.first_started_at, fact.started_at or at),
        last_progress_at=max(run.last_progress_at, at),
    )


def _with_progress(run: Run, fact: Progressed, at: float) -> Run:
    newer = run.latest is None or (fact.attempt, fact.step, at) > (run.latest.attempt, run.latest.step, run.latest_at)
    point = Point(step=fact.step, loss=fact.loss, learning_rate=fact.learning_rate, attempt=fact.attempt)
    return replace(
        run,
        latest=fact if newer else run.latest,
        latest_at=at if newer else run.latest_at,
        curve=with_point(run.curve, point),
        series=with_values(run.series, _reported(fact), fact.step, fact.attempt),
        last_progress_at=max(run.last_progress_at, at),
    )


def _reported(fact: Progressed) -> dict[str, float]:
    """What a report says of the steps since the one before, by the name of its curve."""
    return {
        "loss": fact.loss,
        "learning_rate": fact.learning_rate,
        "images_per_second": fact.images_per_second,
        **({"gradient_norm": fact.gradient_norm} if fact.gradient_norm else {}),
        **{f"loss.{name}": value for name, value in fact.loss_parts.items()},
    }


def _with_epoch(run: Run, fact: EpochDone, at: float) -> Run:
    held = run.epochs.get(fact.epoch)
    epochs: Mapping[int, EpochDone] = run.epochs
    if held is None or fact.attempt > held.attempt:
        newest = sorted({**run.epochs, fact.epoch: fact}.items())[-MAX_EPOCHS:]
        epochs = dict(newest)
    return replace(run, epochs=epochs, epoch_at=max(run.epoch_at, at), last_progress_at=max(run.last_progress_at, at))


def _with_export_failure(run: Run, fact: ExportFailed, at: float) -> Run:
    """Of the run's own export the first failure of a format, of orders that came later the last one."""
    key = f"{fact.format} (ordered later)" if fact.request_id else fact.format
    held = run.export_failures.get(key)
    # A failure that is published again is the same one: it must not pass for a new one, which would be alerted of.
    stands = held is not None and (held.at >= at if fact.request_id else held.at <= at)
    timed = held if held is not None and stands else Timed(event=fact, at=at)
    failures: dict[str, Any] = {**run.export_failures, key: timed}
    return replace(run, export_failures=dict(sorted(failures.items())[:MAX_EXPORT_FAILURES]))
