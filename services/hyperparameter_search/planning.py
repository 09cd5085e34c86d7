"""What a search does next, decided from how it stands. Pure, and asked anew after every change: whatever was done
twice, or not done because the process died, comes out right."""

from __future__ import annotations

from dataclasses import dataclass

from services.hyperparameter_search.trial import CANCELLED, COMPLETED, FAILED, RUNNING, Search, Trial, best_trials

# So many trials that failed, and none that completed, end a search: it would go on failing.
MOST_FAILURES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Accept:
    """Announce that the search is under way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Draw one more trial."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderTrial:
    """Publish the trial's order."""

    trial: Trial


@dataclass(frozen=True, kw_only=True, slots=True)
class StopRun:
    """Request the end of the trial's run."""

    trial: Trial
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GiveUp:
    """End a trial that has no run to wait for."""

    trial: Trial


@dataclass(frozen=True, kw_only=True, slots=True)
class Tell:
    """Announce the trial's end, then tell the sampler."""

    trial: Trial


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderExport:
    """Order the export of the best trial's run."""

    trial: Trial


@dataclass(frozen=True, kw_only=True, slots=True)
class Complete:
    """Announce the best."""

    ended_by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Fail:
    """Announce that no best comes of the search."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancelled:
    """Announce that the search was ended on request."""


Action = Accept | Sample | OrderTrial | StopRun | GiveUp | Tell | OrderExport | Complete | Fail | Cancelled


def next_actions(search: Search, now: float) -> list[Action]:
    """What is due; empty where the search waits for its runs, or has ended."""
    if search.ended:
        return []
    if not search.accepted_sent:
        return [Accept()]
    if ended := [trial for trial in search.trials if trial.outcome and not trial.told]:
        return [Tell(trial=trial) for trial in ended]
    running = [trial for trial in search.trials if trial.state == RUNNING]
    if reason := why_stopped(search, now):
        due = [action for trial in running for action in _end(trial, reason)]
    else:
        due = _go_on(search, running)
    return due if due or running else _conclude(search)


def _go_on(search: Search, running: list[Trial]) -> list[Action]:
    """Orders and requests first, then one more trial at a time: little is lost where the process dies in between."""
    if any(not trial.drawn for trial in running):
        return [Sample()]
    orders: list[Action] = [OrderTrial(trial=trial) for trial in running if not trial.ordered]
    stops: list[Action] = [
        StopRun(trial=trial, reason=f"{trial.stop} by the search {search.order.search_id}")
        for trial in running
        if trial.stop and trial.run_id and not trial.stop_sent
    ]
    bounds = search.order.spec.bounds
    room = len(running) < bounds.parallel_trials and len(search.trials) < bounds.trials
    return orders + stops or ([Sample()] if room else [])


def why_stopped(search: Search, now: float) -> str:
    """Why no further trial begins, and those under way end; empty where they go on."""
    bounds = search.order.spec.bounds
    if search.cancel:
        return f"the search {search.order.search_id} was cancelled: {search.cancel.reason}".rstrip(": ")
    if failure := _failure(search):
        return f"the search {search.order.search_id} failed: {failure.message}"
    if bounds.duration_s and now - search.begun_at >= bounds.duration_s:
        return f"the search {search.order.search_id} reached its {bounds.duration_s:g} s"
    if bounds.images and search.images >= bounds.images:
        return f"the search {search.order.search_id} reached its {bounds.images} images"
    return ""


def ended_by(search: Search) -> str:
    """The bound that ended a search that completed."""
    bounds = search.order.spec.bounds
    if len(search.trials) >= bounds.trials and not search.count(CANCELLED):
        return "trials"
    return "images" if bounds.images and search.images >= bounds.images else "duration_s"


def _end(trial: Trial, reason: str) -> list[Action]:
    """A trial that no trainer has named a run of is not waited for: its run is cancelled once one does."""
    if not trial.run_id:
        return [GiveUp(trial=trial)]
    return [] if trial.stop_sent else [StopRun(trial=trial, reason=reason)]


def _conclude(search: Search) -> list[Action]:
    if search.cancel:
        return [Cancelled()]
    if failure := _failure(search):
        return [failure]
    best = best_trials(search.trials, search.order.spec.objectives)
    if not best:
        counts = ", ".join(f"{search.count(state)} {state}" for state in (FAILED, "pruned", CANCELLED))
        return [Fail(code="no_trial_completed", message=f"none of {len(search.trials)} trials completed: {counts}")]
    if search.export is None:
        return [OrderExport(trial=best[0])]
    return [Complete(ended_by=ended_by(search))] if search.export.answered else []


def _failure(search: Search) -> Fail | None:
    for trial in search.trials:
        if trial.outcome and trial.outcome.code:
            return Fail(code=trial.outcome.code, message=f"trial {trial.number}: {trial.outcome.message}")
    failed = [trial for trial in search.trials if trial.state == FAILED]
    if len(failed) >= MOST_FAILURES and not search.count(COMPLETED):
        last = failed[-1].outcome
        why = last.message if last else ""
        return Fail(code="trials_failed", message=f"{len(failed)} trials failed and none completed; the last: {why}")
    return None
