"""One run, folded out of what was published about it. The fold gives the same in any order and with any repeats.

Every field keeps the greatest of what came under an order of its own (attempt, step, time), so nothing has to be
remembered about which events were seen already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from math import inf
from operator import attrgetter
from typing import Any, Generic, TypeVar

from services.monitor.curve import Curve, Point, with_point
from services.monitor.extremes import Series, with_values
from services.monitor.facts import (
    Attached,
    Cancelled,
    Completed,
    EpochDone,
    Evaluated,
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
MAX_HARDWARE_SERIES = 96  # a host's six, and four of each of its GPUs
MAX_HARDWARE_BUCKETS = 128

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
    evaluated: Timed[Evaluated] | None = None
    failed: Timed[Failed] | None = None
    cancelled: Timed[Cancelled] | None = None
    paused: Timed[Paused] | None = None
    resume_requested_at: float = 0
    queued_at: float = 0  # when a trainer last took an order to start or go on with it
    exported: Timed[Exported] | None = None
    export_failures: Mapping[str, Timed[ExportFailed]] = field(default_factory=dict)
    hardware: Sampled | None = None
    hardware_series: Mapping[tuple[str, str], Series] = field(default_factory=dict)  # by host and name
    # Lowest and highest count of each GPU's energy, in joules, by host and index.
    energy: Mapping[tuple[str, int], tuple[float, float]] = field(default_factory=dict)
    traces: frozenset[str] = frozenset()


_NAMES = tuple(each.name for each in fields(Run))
_values_of = attrgetter(*_NAMES)


def with_fact(run: Run, fact: RunFact | Sampled | Attached, at: float, trace: str = "") -> Run:
    """The run with one more thing event about it."""
    changed = _changes(run, fact, at)
    if trace and trace not in run.traces and isinstance(fact, Started | Failed | Cancelled):
        changed["traces"] = frozenset(sorted(run.traces | {trace})[:MAX_TRACES])
    changed["first_event_at"] = min(run.first_event_at, at)
    changed["last_event_at"] = max(run.last_event_at, at)
    # As `dataclasses.replace`, which takes twice as long: a million events are folded at a monitor's start.
    return Run(**{**dict(zip(_NAMES, _values_of(run), strict=True)), **changed})


def _changes(run: Run, fact: RunFact | Sampled | Attached, at: float) -> dict[str, Any]:  # noqa: PLR0911, PLR0912
    """Fields of the run that get another value."""
    match fact:
        case Progressed():
            return _progress(run, fact, at)
        case Attached():
            return {"queued_at": max(run.queued_at, at)} if fact.state == "QUEUED" else {}
        case Started():
            return _start(run, fact, at)
        case EpochDone():
            return _epoch(run, fact, at)
        case Completed():
            return {"completed": _greatest(run.completed, fact, at, lambda event: event.attempts)}
        case Evaluated():
            return {"evaluated": _greatest(run.evaluated, fact, at, lambda event: event.attempt)}
        case Failed():
            return {"failed": _greatest(run.failed, fact, at, lambda event: event.attempt)}
        case Cancelled():
            return {"cancelled": _greatest(run.cancelled, fact, at, lambda event: event.attempt)}
        case Paused():
            return {"paused": _greatest(run.paused, fact, at, lambda event: event.attempt)}
        case ResumeRequested():
            return {"resume_requested_at": max(run.resume_requested_at, at)}
        case Exported():
            return {"exported": _greatest(run.exported, fact, at, lambda _: 0)}
        case ExportFailed():
            return {"export_failures": _export_failures(run, fact, at)}
        case Sampled():
            return _sample(run, fact)


def _sample(run: Run, fact: Sampled) -> dict[str, Any]:
    newer = run.hardware is None or fact.sampled_at > run.hardware.sampled_at
    values = {(fact.host, name): value for name, value in _used(fact).items()}
    return {
        "hardware": fact if newer else run.hardware,
        # By the second: every extreme counts, whatever attempt was under way.
        "hardware_series": with_values(
            run.hardware_series,
            values,
            int(fact.sampled_at),
            0,
            most=MAX_HARDWARE_SERIES,
            max_buckets=MAX_HARDWARE_BUCKETS,
        ),
        "energy": _with_energy(run.energy, fact),
    }


def _used(fact: Sampled) -> dict[str, float]:
    """What a sample says of its host that is worth a curve, by the curve's name."""
    of_gpus = {
        f"gpu.{gpu.index}.{name}": float(getattr(gpu, name))
        for gpu in fact.gpus
        for name in ("utilization_percent", "memory_used_bytes", "power_watts", "temperature_celsius")
    }
    return {
        "cpu_percent": fact.cpu_percent,
        "process_cpu_percent": fact.process_cpu_percent,
        "memory_used_bytes": float(fact.memory_used_bytes),
        "process_memory_bytes": float(fact.process_memory_bytes),
        "disk_bytes_per_second": fact.disk_read_bytes_per_second + fact.disk_write_bytes_per_second,
        "network_bytes_per_second": fact.network_receive_bytes_per_second + fact.network_send_bytes_per_second,
        **of_gpus,
    }


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


def _start(run: Run, fact: Started, at: float) -> dict[str, Any]:
    return {
        "started": _greatest(run.started, fact, at, lambda event: event.attempt),
        "first_started_at": min(run.first_started_at, fact.started_at or at),
        "last_progress_at": max(run.last_progress_at, at),
    }


def _progress(run: Run, fact: Progressed, at: float) -> dict[str, Any]:
    newer = run.latest is None or (fact.attempt, fact.step, at) > (run.latest.attempt, run.latest.step, run.latest_at)
    point = Point(step=fact.step, loss=fact.loss, learning_rate=fact.learning_rate, attempt=fact.attempt)
    return {
        "latest": fact if newer else run.latest,
        "latest_at": at if newer else run.latest_at,
        "curve": with_point(run.curve, point),
        "series": with_values(run.series, _reported(fact), fact.step, fact.attempt),
        "last_progress_at": max(run.last_progress_at, at),
    }


def _reported(fact: Progressed) -> dict[str, float]:
    """What a report says of the steps since the one before, by the name of its curve."""
    return {
        "loss": fact.loss,
        "learning_rate": fact.learning_rate,
        "images_per_second": fact.images_per_second,
        **({"gradient_norm": fact.gradient_norm} if fact.gradient_norm else {}),
        **{f"loss.{name}": value for name, value in fact.loss_parts.items()},
    }


def _epoch(run: Run, fact: EpochDone, at: float) -> dict[str, Any]:
    held = run.epochs.get(fact.epoch)
    epochs: Mapping[int, EpochDone] = run.epochs
    if held is None or fact.attempt > held.attempt:
        newest = sorted({**run.epochs, fact.epoch: fact}.items())[-MAX_EPOCHS:]
        epochs = dict(newest)
    return {
        "epochs": epochs,
        "epoch_at": max(run.epoch_at, at),
        "last_progress_at": max(run.last_progress_at, at),
    }


def _export_failures(run: Run, fact: ExportFailed, at: float) -> Mapping[str, Timed[ExportFailed]]:
    """Of the run's own export the first failure of a format, of orders that came later the last one."""
    key = f"{fact.format} (ordered later)" if fact.request_id else fact.format
    held = run.export_failures.get(key)
    # A failure that is published again is the same one: it must not pass for a new one, which would be alerted of.
    stands = held is not None and (held.at >= at if fact.request_id else held.at <= at)
    timed = held if held is not None and stands else Timed(event=fact, at=at)
    failures: dict[str, Any] = {**run.export_failures, key: timed}
    return dict(sorted(failures.items())[:MAX_EXPORT_FAILURES])
