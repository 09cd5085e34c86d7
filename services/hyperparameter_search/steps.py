"""A search's steps: keeps what a run stated, and does what planning finds due, each step first published, then kept.

A step that was published and not kept is done again, as the same event.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from services.hyperparameter_search import facts
from services.hyperparameter_search import planning as plan
from services.hyperparameter_search.refusals import Refusal, config_fault
from services.hyperparameter_search.search_store import SearchStore
from services.hyperparameter_search.spec import LATENCY, SearchOrder
from services.hyperparameter_search.trial import (
    CANCELLED,
    COMPLETED,
    FAILED,
    PRUNED,
    Export,
    Outcome,
    Search,
    Trial,
)

DEFAULT_FORMATS = ("onnx",)
SHOWN_METRICS = 30


class SearchEvents(Protocol):
    """What a search publishes. A repeat is the same event."""

    async def accepted(self, search: Search) -> None: ...
    async def refused(self, order: SearchOrder, found: Sequence[Refusal]) -> None: ...
    async def progressed(self, search: Search, trial: Trial, *, now: float) -> None: ...
    async def completed(self, search: Search, *, ended_by: str, now: float) -> None: ...
    async def failed(self, search: Search, *, code: str, message: str) -> None: ...
    async def cancelled(self, search: Search) -> None: ...
    async def order_trial(self, search: Search, trial: Trial) -> None: ...
    async def cancel_run(self, search: Search, trial: Trial, *, reason: str) -> None: ...
    async def order_export(self, search: Search, trial: Trial, formats: Sequence[str]) -> None: ...


class Steps:
    """Not to be entered twice at once."""

    def __init__(self, store: SearchStore, events: SearchEvents, *, clock: Callable[[], float]) -> None:
        self._store = store
        self._events = events
        self._clock = clock

    async def advance(self, search_id: str) -> None:
        """Everything that is due, until the search waits or has ended."""
        while search := await asyncio.to_thread(self._store.find, search_id):
            actions = plan.next_actions(search, self._clock())
            if not actions:
                return
            for action in actions:
                await self._do(search, action)

    async def take(self, search_id: str, number: int, fact: facts.Fact) -> None:
        """Keep what the run of a trial stated; a repeat changes nothing."""
        search = await asyncio.to_thread(self._store.find, search_id)
        if search is None:
            return
        trial = search.trials[number]
        if isinstance(fact, facts.Exported | facts.ExportRefused) and (export := _answered(search, trial, fact)):
            await self._note(search, export=export)
        elif not trial.told:
            await self._take_of_trial(search, trial, fact)

    async def _take_of_trial(self, search: Search, trial: Trial, fact: facts.Fact) -> None:
        match fact:
            case facts.Started():
                await self._note_trial(search, trial, images_per_epoch=fact.images_per_epoch)
            case facts.EpochDone():
                await self._take_epoch(search, trial, fact)
            case facts.Completed():
                epochs = max(trial.epochs, fact.epochs)
                await self._note_trial(search, trial, metrics=dict(fact.metrics), epochs=epochs)
            case facts.Exported(own=True, latency_ms=latency_ms) if latency_ms is not None:
                await self._note_trial(search, trial, latency_ms=latency_ms)
            case facts.ExportRefused(request_id="", format="onnx") if search.order.measures_latency:
                message = f"its latency could not be measured: {fact.message}"
                await self._end_trial(search, trial, Outcome(state=FAILED, message=message))
            case facts.Failed():
                outcome = Outcome(state=FAILED, message=f"{fact.code}: {fact.message}")
                await self._end_trial(search, trial, outcome)
            case facts.Stopped():
                state = PRUNED if trial.stop == PRUNED else CANCELLED
                await self._end_trial(search, trial, Outcome(state=state, message=fact.reason))
        now = await asyncio.to_thread(self._store.find, search.order.search_id)
        completion = completion_of(search.order, now.trials[trial.number]) if now else None
        if completion is not None:
            await self._end_trial(search, trial, completion)

    async def _take_epoch(self, search: Search, trial: Trial, fact: facts.EpochDone) -> None:
        if fact.epoch <= trial.epochs or trial.outcome:
            return
        value = fact.metrics.get(search.order.spec.objectives[0].metric)
        if value is not None and len(search.order.spec.objectives) == 1:
            pruned = await asyncio.to_thread(
                self._store.report, search.order, trial.number, epoch=fact.epoch, value=value
            )
            if pruned and not trial.stop:
                await self._note_trial(search, trial, stop=PRUNED)
        # Last: what died before comes again, and is taken again.
        await self._note_trial(search, trial, epochs=fact.epoch)

    async def _do(self, search: Search, action: plan.Action) -> None:
        events = self._events
        match action:
            case plan.Accept():
                await events.accepted(search)
                await self._note(search, accepted_sent=True)
            case plan.Sample():
                await asyncio.to_thread(self._store.sample, search.order)
            case plan.OrderTrial(trial=trial):
                if fault := config_fault(search.order, trial.parameters):
                    await self._end_trial(search, trial, Outcome(state=FAILED, message=fault))
                    return
                await events.order_trial(search, trial)
                await self._note_trial(search, trial, ordered=True)
            case plan.StopRun(trial=trial, reason=reason):
                await events.cancel_run(search, trial, reason=reason)
                await self._note_trial(search, trial, stop=trial.stop or CANCELLED, stop_sent=True)
            case plan.GiveUp(trial=trial):
                await self._end_trial(search, trial, Outcome(state=CANCELLED, message="no trainer had taken it"))
            case plan.Tell(trial=trial):
                await events.progressed(search, trial, now=self._clock())
                await asyncio.to_thread(self._store.tell, search.order, trial)
            case plan.OrderExport(trial=trial):
                formats = search.order.export_formats or DEFAULT_FORMATS
                await events.order_export(search, trial, formats)
                await self._note(search, export=Export(run_id=trial.run_id, formats=formats))
            case plan.Complete(ended_by=ended_by):
                await events.completed(search, ended_by=ended_by, now=self._clock())
                await self._note(search, ended=COMPLETED)
            case plan.Fail(code=code, message=message):
                await events.failed(search, code=code, message=message)
                await self._note(search, message=f"{code}: {message}")
                await self._note(search, ended=FAILED)
            case plan.Cancelled():
                await events.cancelled(search)
                await self._note(search, ended=CANCELLED)

    async def _end_trial(self, search: Search, trial: Trial, outcome: Outcome) -> None:
        if trial.outcome is None:
            await self._note_trial(search, trial, outcome=outcome)

    async def _note(self, search: Search, **attributes: Any) -> None:
        await asyncio.to_thread(self._store.note, search.order.search_id, **attributes)

    async def _note_trial(self, search: Search, trial: Trial, **attributes: Any) -> None:
        await asyncio.to_thread(self._store.note_trial, search.order.search_id, trial.number, **attributes)


def completion_of(order: SearchOrder, trial: Trial) -> Outcome | None:
    """The outcome of a trial that completed; None while something is still measured."""
    if trial.metrics is None or trial.outcome or (order.measures_latency and trial.latency_ms is None):
        return None
    measured = {**trial.metrics, **({LATENCY: trial.latency_ms} if trial.latency_ms is not None else {})}
    names = [objective.metric for objective in order.spec.objectives]
    missing = [name for name in names if not math.isfinite(measured.get(name, math.nan))]
    if missing:
        has = ", ".join(sorted(trial.metrics)[:SHOWN_METRICS])
        message = f"its run has no metric {', '.join(missing)}; accepted are {has}"
        return Outcome(state=FAILED, message=message, code="metric_missing")
    return Outcome(state=COMPLETED, values={name: measured[name] for name in names})


def _answered(search: Search, trial: Trial, fact: facts.Exported | facts.ExportRefused) -> Export | None:
    """The export of the best trial's run with this answer to it; None where something else is answered."""
    export = search.export
    if export is None or export.answered or trial.run_id != export.run_id:
        return None
    if isinstance(fact, facts.Exported):
        # A release that has the formats already, as a run's own has ONNX, is the answer, announced once more.
        made = tuple(name for name in export.formats if name in fact.formats)
        return (
            replace(
                export,
                made=made,
                model_id=fact.model_id,
                model_version=fact.model_version,
                package_uri=fact.package_uri,
            )
            if len(made) > len(export.made)
            else None
        )
    if fact.request_id != search.order.search_id or fact.format not in export.formats or fact.format in export.refused:
        return None
    message = f"{export.message}; {fact.format}: {fact.message}".removeprefix("; ")
    return replace(export, refused=(*export.refused, fact.format), message=message)
