"""Where a run stands and how far it is: derived from its events, never stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.monitor.facts import Completed, Exported, ExportFailed, Failed, Started
from services.monitor.run import Run, Timed


class Stage(StrEnum):
    """The names are those of the contract's RunState."""

    UNKNOWN = "UNSPECIFIED"
    VALIDATING = "VALIDATING"
    QUEUED = "QUEUED"
    TRAINING = "TRAINING"
    PAUSED = "PAUSED"
    EXPORTING = "EXPORTING"
    EXPORTED = "EXPORTED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    VALIDATED = "VALIDATED"


ENDED = frozenset({Stage.EXPORTED, Stage.FAILED, Stage.CANCELLED, Stage.REJECTED, Stage.VALIDATED})


def stage_of(run: Run) -> Stage:
    if run.exported:
        return Stage.EXPORTED
    if run.completed:
        return Stage.FAILED if _own_failures(run) else Stage.EXPORTING
    if run.cancelled and _stands(run, run.cancelled.event.attempt, run.cancelled.at):
        return Stage.CANCELLED
    if run.failed and _stands(run, run.failed.event.attempt, run.failed.at):
        # Ordered again after a failure that may pass.
        return Stage.QUEUED if run.queued_at > run.failed.at else Stage.FAILED
    if run.paused and _stands(run, run.paused.event.attempt, run.paused.at):
        return Stage.QUEUED if run.resume_requested_at > run.paused.at else Stage.PAUSED
    return Stage.TRAINING if run.started or run.latest or run.epochs else Stage.UNKNOWN


def _own_failures(run: Run) -> list[Timed[ExportFailed]]:
    """Of the export that every run ends with; a further format that cannot be made fails no run."""
    return [failure for failure in run.export_failures.values() if not failure.event.request_id]


def _stands(run: Run, attempt: int, at: float) -> bool:
    """Whether an ending holds: no later attempt was started. An ending between attempts carries attempt 0."""
    if run.started is None:
        return True
    return attempt >= run.started.event.attempt or (attempt == 0 and at > run.started.at)


def failed_at(run: Run) -> float | None:
    """When the run failed, in training or export; None where it did not."""
    if stage_of(run) is not Stage.FAILED:
        return None
    times = [failure.at for failure in _own_failures(run)] if run.completed else []
    return max([*times, *([run.failed.at] if run.failed and not run.completed else [])])


def origin_of(run: Run) -> Started | Completed | Exported | None:
    """Whatever names the run's dataset and model; None where nothing attempts so far does."""
    for timed in (run.started, run.completed, run.exported):
        if timed is not None:
            return timed.event
    return None


def dataset_of(run: Run) -> tuple[str, str]:
    """Dataset id and version; empty where not known."""
    origin = origin_of(run)
    if origin is None and run.failed is not None:
        return run.failed.event.dataset_id, run.failed.event.dataset_version
    return (origin.dataset_id, origin.dataset_version) if origin else ("", "")


def attempt_of(run: Run) -> int:
    attempts = [run.started.event.attempt] if run.started else []
    attempts += [run.latest.attempt] if run.latest else []
    return max([*attempts, *(epoch.attempt for epoch in run.epochs.values())], default=0)


def epoch_of(run: Run) -> int:
    return max(run.epochs, default=0)


def total_epochs_of(run: Run) -> int:
    if run.started:
        return run.started.event.total_epochs
    return max((epoch.total_epochs for epoch in run.epochs.values()), default=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """``eta_s`` seconds are left, in four of five cases from ``eta_low_s`` to ``eta_high_s``; 0 where not known."""

    images_per_second: float = 0.0
    eta_s: float = 0.0
    eta_low_s: float = 0.0
    eta_high_s: float = 0.0


def pace_of(run: Run) -> Pace:
    """As reported last; nothing is left of a run that ended."""
    last = run.epochs[max(run.epochs)] if run.epochs else None
    latest = run.latest
    if latest and last and (last.attempt, last.epoch, run.epoch_at) >= (latest.attempt, latest.epoch, run.latest_at):
        latest = None
    said = latest or last
    if said is None:
        return Pace()
    if stage_of(run) is not Stage.TRAINING:
        return Pace(images_per_second=said.images_per_second)
    return Pace(
        images_per_second=said.images_per_second,
        eta_s=said.eta_s,
        eta_low_s=said.eta_low_s,
        eta_high_s=said.eta_high_s,
    )


def best_of(run: Run) -> tuple[int, Mapping[str, float]]:
    """Best epoch and its metrics; 0 and none before there is one."""
    if run.completed:
        return run.completed.event.best_epoch, run.completed.event.metrics
    best = max((epoch.epoch for epoch in run.epochs.values() if epoch.is_best), default=0)
    return best, run.epochs[best].metrics if best else {}


def message_of(run: Run) -> str:
    """What went wrong, where something did."""
    match stage_of(run):
        case Stage.CANCELLED if run.cancelled:
            return run.cancelled.event.reason
        case Stage.FAILED if run.failed and not run.completed:
            return failure_text(run.failed)
        case _:
            return "; ".join(
                f"{failure.event.format}: {failure.event.code}: {failure.event.message}"
                for failure in run.export_failures.values()
            )


def failure_text(failed: Timed[Failed]) -> str:
    return f"{failed.event.code}: {failed.event.message}"
