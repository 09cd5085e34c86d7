"""Events as they arrive."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from google.protobuf.message import Message
from truscore.bus import Envelope
from truscore.events.v1.dataset_pb2 import DatasetRejected
from truscore.events.v1.model_pb2 import ExportFailed, ModelExported
from truscore.events.v1.order_pb2 import OrderAttached
from truscore.events.v1.search_pb2 import SearchCancel, SearchOrdered
from truscore.events.v1.training_pb2 import (
    EpochCompleted,
    TrainingCancelled,
    TrainingCompleted,
    TrainingFailed,
    TrainingStarted,
)

from services.hyperparameter_search.coordinator import Coordinator
from services.hyperparameter_search.facts import (
    Completed,
    EpochDone,
    Exported,
    ExportRefused,
    Fact,
    Failed,
    Started,
    Stopped,
)
from services.hyperparameter_search.handlers.orders import order_of
from services.hyperparameter_search.trial import Cancel

Handler = Callable[[Any, Envelope], Awaitable[None]]
MOST_CHARS = 1000
BATCH_KEY = "hyperparameters.optimization.batch_size"
ACCUMULATION_KEY = "hyperparameters.advanced_settings.gradient_accumulation_steps"


def subscriptions(coordinator: Coordinator) -> Mapping[type[Message], Handler]:
    """The handler of each message that the search consumes."""

    async def on_ordered(ordered: SearchOrdered, envelope: Envelope) -> None:
        await coordinator.order(order_of(ordered, envelope.event_id))

    async def on_cancel(request: SearchCancel, _envelope: Envelope) -> None:
        cancel = Cancel(reason=request.reason[:MOST_CHARS], requested_by=request.requested_by[:MOST_CHARS])
        await coordinator.cancel(request.search_id, cancel)

    async def on_rejected(rejected: DatasetRejected, _envelope: Envelope) -> None:
        errors = [finding.message for finding in rejected.findings if finding.severity == "error"]
        message = f"dataset {rejected.dataset_id}/{rejected.version} was rejected: {'; '.join(errors[:3])}"
        await coordinator.refused(rejected.request_id, code="dataset_rejected", message=message[:MOST_CHARS])

    async def on_attached(attached: OrderAttached, _envelope: Envelope) -> None:
        if attached.run_id:
            await coordinator.attached(attached.request_id, attached.run_id)

    async def on_training_failed(failed: TrainingFailed, envelope: Envelope) -> None:
        if failed.run_id:
            await on_fact(failed, envelope)
        else:
            message = f"{failed.code}: {failed.message}"[:MOST_CHARS]
            await coordinator.refused(failed.request_id, code="", message=message)

    async def on_fact(event: Any, _envelope: Envelope) -> None:
        await coordinator.happened(event.run_id, fact_of(event))

    return {
        SearchOrdered: on_ordered,
        SearchCancel: on_cancel,
        DatasetRejected: on_rejected,
        OrderAttached: on_attached,
        **dict.fromkeys(FACTS, on_fact),
        TrainingFailed: on_training_failed,
    }


def fact_of(event: Message) -> Fact:
    """What the event states, as plain values."""
    return FACTS[type(event)](event)


def _exported(event: ModelExported) -> Exported:
    latencies = [each.benchmark.latency_ms_p50 for each in event.artifacts if each.format == "onnx"]
    return Exported(
        own=event.version == event.run_id,
        formats=tuple(each.format for each in event.artifacts),
        latency_ms=next((each for each in latencies if math.isfinite(each) and each > 0), None),
        model_id=event.model_id,
        model_version=event.version,
        package_uri=event.package_uri,
    )


def _export_refused(event: ExportFailed) -> ExportRefused:
    message = f"{event.code}: {event.message}"[:MOST_CHARS]
    return ExportRefused(request_id=event.request_id, format=event.format, message=message)


def _failed(event: TrainingFailed) -> Failed:
    return Failed(code=event.code[:MOST_CHARS], message=event.message[:MOST_CHARS])


FACTS: Mapping[type[Message], Callable[[Any], Fact]] = {
    TrainingStarted: lambda event: Started(images_per_epoch=images_per_epoch(event)),
    EpochCompleted: lambda event: EpochDone(epoch=event.epoch, metrics=_finite(event.metrics)),
    TrainingCompleted: lambda event: Completed(metrics=_finite(event.metrics), epochs=event.epochs),
    TrainingFailed: _failed,
    TrainingCancelled: lambda event: Stopped(reason=event.reason[:MOST_CHARS]),
    ModelExported: _exported,
    ExportFailed: _export_refused,
}


def images_per_epoch(started: TrainingStarted) -> int:
    """Steps times the images of a step; a GPU's process has a batch of its own, those of a CPU share one."""
    numbers = (started.parameters.get(key, "1") for key in (BATCH_KEY, ACCUMULATION_KEY))
    batch, accumulation = (int(text) if text.isdecimal() else 1 for text in numbers)
    processes = 1 if started.device == "cpu" else max(1, started.world_size)
    return started.steps_per_epoch * batch * accumulation * processes


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
