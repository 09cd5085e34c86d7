"""The machine of a run under the names that MLflow's page of system metrics looks for. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from services.experiment_tracker.facts import Sampled
from services.experiment_tracker.record import Known, Value

# Of the samples within so many seconds the first is kept: three days are 8,640 points a curve.
EVERY_S = 30
MEGABYTE = 1e6  # as MLflow counts them


def system_values(sample: Sampled, known: Known) -> tuple[Value, ...]:
    """What of the sample is to be written; the step is the time since 1970 in units of EVERY_S, so that a sample that
    comes again is the same point."""
    step = int(sample.sampled_at // EVERY_S)
    return tuple(
        Value(name=name, step=step, value=value, at=sample.sampled_at)
        for name, value in _named(sample)
        if (name, step) not in known.logged
    )


def _named(sample: Sampled) -> Iterator[tuple[str, float]]:
    yield "system/cpu_utilization_percentage", sample.cpu_percent
    yield "system/system_memory_usage_megabytes", sample.memory_used_bytes / MEGABYTE
    if sample.memory_total_bytes:
        yield "system/system_memory_usage_percentage", 100 * sample.memory_used_bytes / sample.memory_total_bytes
    yield "system/disk_available_megabytes", sample.disk_free_bytes / MEGABYTE
    for gpu in sample.gpus:
        name = f"system/gpu_{gpu.index}"
        yield f"{name}_utilization_percentage", gpu.utilization_percent
        yield f"{name}_memory_usage_megabytes", gpu.memory_used_bytes / MEGABYTE
        if gpu.memory_total_bytes:
            yield f"{name}_memory_usage_percentage", 100 * gpu.memory_used_bytes / gpu.memory_total_bytes
        yield f"{name}_power_usage_watts", gpu.power_watts
