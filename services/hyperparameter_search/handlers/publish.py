"""A search's steps as messages of the contract. What is published twice has the same event id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from google.protobuf import json_format
from google.protobuf.message import Message
from truscore.bus import Publisher
from truscore.events.v1.control_pb2 import RunCancel
from truscore.events.v1.dataset_pb2 import DatasetReady, Finding
from truscore.events.v1.model_pb2 import ExportOrdered
from truscore.events.v1.search_pb2 import (
    SearchAccepted,
    SearchCancelled,
    SearchCompleted,
    SearchCounts,
    SearchFailed,
    SearchOrdered,
    SearchProgressed,
    SearchRefused,
    SearchTrial,
)

from services.hyperparameter_search.handlers.orders import message_of_spec
from services.hyperparameter_search.refusals import Refusal
from services.hyperparameter_search.request_ids import request_id_of
from services.hyperparameter_search.spec import SearchOrder, nested
from services.hyperparameter_search.trial import (
    CANCELLED,
    COMPLETED,
    FAILED,
    PRUNED,
    RUNNING,
    Search,
    Trial,
    best_trials,
)

REQUESTED_BY = "hyperparameter-search"
# Of a Pareto front, so that the message stays small.
MOST_BEST = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerSearchEvents:
    """Publishes on the broker."""

    publisher: Publisher

    async def accepted(self, search: Search) -> None:
        order = search.order
        event = SearchAccepted(
            search_id=order.search_id, dataset_id=order.dataset_id, version=order.version,
            spec=message_of_spec(order.spec), order_event_id=order.event_id,
        )  # fmt: skip
        await self._about(search, event)

    async def refused(self, order: SearchOrder, found: Sequence[Refusal]) -> None:
        findings = [
            Finding(rule=each.rule, severity="error", message=each.message, location=each.location, count=1)
            for each in found
        ]
        event = SearchRefused(search_id=order.search_id, findings=findings, order_event_id=order.event_id)
        # Another order of this name is another refusal.
        await self.publisher.publish(
            event, subject=order.search_id[:128] or "search", sequence=sha256(order.wire).hexdigest()
        )

    async def progressed(self, search: Search, trial: Trial, *, now: float) -> None:
        event = SearchProgressed(
            search_id=search.order.search_id,
            trial=message_of(trial),
            counts=counts_of(search),
            best=best_of(search),
            elapsed_s=max(0.0, now - search.begun_at),
            images=search.images,
        )
        await self._about(search, event, sequence=trial.number)

    async def completed(self, search: Search, *, ended_by: str, now: float) -> None:
        export = search.export
        event = SearchCompleted(
            search_id=search.order.search_id,
            best=best_of(search),
            counts=counts_of(search),
            ended_by=ended_by,
            duration_s=max(0.0, now - search.begun_at),
            images=search.images,
            model_id=export.model_id if export else "",
            model_version=export.model_version if export else "",
            package_uri=export.package_uri if export else "",
            export_message=export.message if export else "",
        )
        await self._about(search, event)

    async def failed(self, search: Search, *, code: str, message: str) -> None:
        event = SearchFailed(search_id=search.order.search_id, code=code, message=message, counts=counts_of(search))
        await self._about(search, event)

    async def cancelled(self, search: Search) -> None:
        reason = search.cancel.reason if search.cancel else ""
        event = SearchCancelled(
            search_id=search.order.search_id, reason=reason, counts=counts_of(search), best=best_of(search)
        )
        await self._about(search, event)

    async def order_trial(self, search: Search, trial: Trial) -> None:
        event = trial_order(search.order, trial)
        await self.publisher.publish(event, subject=f"{event.dataset_id}/{event.version}", sequence=event.request_id)

    async def cancel_run(self, search: Search, trial: Trial, *, reason: str) -> None:
        request_id = request_id_of(search.order.search_id, trial.number)
        event = RunCancel(run_id=trial.run_id, reason=reason, requested_by=REQUESTED_BY, request_id=request_id)
        await self.publisher.publish(event, subject=trial.run_id, sequence=request_id)

    async def order_export(self, search: Search, trial: Trial, formats: Sequence[str]) -> None:
        request_id = search.order.search_id
        event = ExportOrdered(run_id=trial.run_id, formats=formats, requested_by=REQUESTED_BY, request_id=request_id)
        await self.publisher.publish(event, subject=trial.run_id, sequence=request_id)

    async def _about(self, search: Search, event: Message, *, sequence: int = 0) -> None:
        await self.publisher.publish(event, subject=search.order.search_id, sequence=sequence)


def trial_order(order: SearchOrder, trial: Trial) -> DatasetReady:
    """The order of a trial's run: that of the search with the trial's values, under a request id of the trial."""
    ready = DatasetReady()
    ready.CopyFrom(SearchOrdered.FromString(order.wire).order)
    json_format.ParseDict(nested(trial.parameters), ready.training.config)
    ready.request_id = request_id_of(order.search_id, trial.number)
    ready.validation_only = False
    ready.ClearField("export_formats")
    return ready


def message_of(trial: Trial) -> SearchTrial:
    event = SearchTrial(
        number=trial.number,
        run_id=trial.run_id,
        state=trial.state,
        values=trial.outcome.values if trial.outcome else {},
        epochs=trial.epochs,
        images=trial.images,
        message=trial.outcome.message if trial.outcome and trial.state == FAILED else "",
    )
    json_format.ParseDict(nested(trial.parameters), event.parameters)
    return event


def counts_of(search: Search) -> SearchCounts:
    return SearchCounts(
        completed=search.count(COMPLETED),
        pruned=search.count(PRUNED),
        failed=search.count(FAILED),
        cancelled=search.count(CANCELLED),
        running=search.count(RUNNING),
    )


def best_of(search: Search) -> list[SearchTrial]:
    return [message_of(trial) for trial in best_trials(search.trials, search.order.spec.objectives)[:MOST_BEST]]
