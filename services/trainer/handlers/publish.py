"""Events of runs as messages of the contract.

The sequence of each event is what tells it apart from the others of its type about the same run, whoever publishes it
and however often: the epoch, the step, the attempt. So whatever is published twice is the same event.
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from truscore.bus import BusUnavailable, Envelope, OutgoingEvent, Publisher, reporting_hardware
from truscore.bus.topology import row_named, row_of
from truscore.events.v1 import order_pb2
from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.order_pb2 import OrderAttached, OrderPrioritized
from truscore.events.v1.training_pb2 import (
    EpochCompleted,
    FoundBatchSize,
    MetricInterval,
    ObjectRef,
    TrainingCancelled,
    TrainingCompleted,
    TrainingFailed,
    TrainingPaused,
    TrainingProgressed,
    TrainingStarted,
    TrivialComparison,
    TrivialPredictor,
)
from truscore.metrics.comparison import Comparison
from truscore.process.code_version import CodeVersion
from truscore.recipes import FoundBatch, Recipe, flat_parameters
from truscore.storage import Stored
from truscore.telemetry import HardwareReading

from services.trainer.handlers.evaluation import evaluated_message
from services.trainer.journal import EpochDone, Evaluated, FoldProgressed, Progressed, Record, Started
from services.trainer.plan import Plan, TrainingOrder
from services.trainer.run_store.outcome import FinalEvent
from services.trainer.runs.publisher import BrokerUnavailable, Completion, Failure, OrderState

MESSAGE_CHARS = 8000
ORDER_STATES: Mapping[OrderState, order_pb2.OrderState.ValueType] = {
    "queued": order_pb2.ORDER_STATE_QUEUED,
    "running": order_pb2.ORDER_STATE_RUNNING,
    "paused": order_pb2.ORDER_STATE_PAUSED,
    "completed": order_pb2.ORDER_STATE_COMPLETED,
    "failed": order_pb2.ORDER_STATE_FAILED,
    "cancelled": order_pb2.ORDER_STATE_CANCELLED,
    "refused": order_pb2.ORDER_STATE_REFUSED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerEventPublisher:
    """Publishes about orders; `cause` is the event that led to it."""

    publisher: Publisher
    sample: Callable[[str], HardwareReading]
    now: Callable[[], datetime]
    code: CodeVersion
    cause: Envelope | None = None

    def for_run(self, plan: Plan, *, config: Stored | None = None) -> BrokerRunEventPublisher:
        return BrokerRunEventPublisher(event_publisher=self, plan=plan, config=config)

    async def attached(self, order: TrainingOrder, run_id: str, state: OrderState) -> None:
        event = OrderAttached(
            order_event_id=order.event_id, dataset_id=order.dataset_id, version=order.version,
            request_id=order.request_id, run_id=run_id, state=ORDER_STATES[state],
        )  # fmt: skip
        # An order that came without its event id is told from others by its content.
        sequence = f"{order.event_id or sha256(order.wire).hexdigest()}/{state}"
        await self.publish(event, subject=run_id or f"{order.dataset_id}/{order.version}", sequence=sequence)

    async def refused(self, order: TrainingOrder, error: Exception) -> None:
        """No run came of the order: the answer is about the dataset."""
        event = TrainingFailed(
            code="invalid_config", message=str(error)[:MESSAGE_CHARS], retryable=False,
            dataset_id=order.dataset_id, dataset_version=order.version, order_event_id=order.event_id,
            request_id=order.request_id,
        )  # fmt: skip
        sequence = f"{order.request_id}/{sha256(order.wire).hexdigest()}"
        await self.publish(event, subject=f"{order.dataset_id}/{order.version}", sequence=sequence)

    async def cancelled(self, run_id: str, *, reason: str, step: int, attempt: int) -> FinalEvent:
        return await self.finish(
            TrainingCancelled(run_id=run_id, reason=reason, step=step, attempt=attempt), run_id=run_id
        )

    async def paused(self, run_id: str) -> None:
        await self.publish(TrainingPaused(run_id=run_id), subject=run_id)

    async def republish(self, run_id: str, event: FinalEvent) -> None:
        message = row_named(event.type).message.FromString(b64decode(event.body))
        await self.publish(message, subject=run_id, sequence=event.sequence, time=datetime.fromisoformat(event.time))

    async def ordered_again(self, wire: bytes, *, request_id: str) -> None:
        """The stored order once more, for whichever trainer is free."""
        order = DatasetValidated.FromString(wire)
        subject, sequence = f"{order.dataset_id}/{order.version}", f"resume/{request_id}"
        await self.publish(order, subject=subject, sequence=sequence)
        if order.training.priority:
            await self.publish(OrderPrioritized(order=order), subject=subject, sequence=sequence)

    async def finish(self, event: Message, *, run_id: str, sequence: str | int = 0) -> FinalEvent:
        """Publish the end of a run; returns what it takes to publish the same event again."""
        time = self.now()
        await self.publish(event, subject=run_id, sequence=sequence, time=time)
        body = b64encode(event.SerializeToString(deterministic=True)).decode()
        return FinalEvent(type=row_of(event).type_name, sequence=str(sequence), time=time.isoformat(), body=body)

    async def publish(
        self, event: Message, *, subject: str, sequence: str | int = 0, time: datetime | None = None
    ) -> None:
        async with _broker_may_be_away():
            await self.publisher.publish(event, subject=subject, sequence=sequence, cause=self.cause, time=time)


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerRunEventPublisher:
    """Publishes events of one run."""

    event_publisher: BrokerEventPublisher
    plan: Plan
    config: Stored | None

    def translate(self, attempt: int, record: Record) -> OutgoingEvent | None:
        """The record as an event; checkpoints and last words are not published as they stand."""
        match record:
            case Started():
                return self._outgoing(self._started(attempt, record), sequence=attempt)
            case Progressed():
                return self._outgoing(self._progressed(attempt, record), sequence=record.step)
            case FoldProgressed():
                return self._outgoing(self._folding(attempt, record), sequence=_place_of(record))
            case EpochDone():
                return self._outgoing(self._epoch(attempt, record), sequence=record.epoch)
            case Evaluated():
                return self._outgoing(evaluated_message(self.plan.run_id, attempt, record), sequence=attempt)
            case _:
                return None

    async def publish_many(self, messages: Sequence[OutgoingEvent]) -> None:
        async with _broker_may_be_away():
            await self.event_publisher.publisher.publish_many(messages)

    async def completed(self, completion: Completion) -> FinalEvent:
        order, recipe = self.plan.order, self.plan.recipe
        return await self.event_publisher.finish(
            TrainingCompleted(
                run_id=self.plan.run_id,
                best_checkpoint=_ref(completion.best_checkpoint),
                metrics=completion.metrics,
                report_uri=completion.report_uri,
                dataset_id=order.dataset_id,
                dataset_version=order.version,
                category=recipe.category,
                option=recipe.option,
                architecture=recipe.architecture,
                config=_ref(completion.config),
                export_formats=order.export_formats,
                epochs=completion.epochs,
                best_epoch=completion.best_epoch,
                weights_sha256=completion.weights_sha256,
                attempts=completion.attempts,
                duration_s=completion.duration_s,
                dataset_digest=order.dataset_digest,
                dataset_index=_ref(order.index),
                split=_ref(completion.split),
                dataset_uri=order.uri,
                **comparison_fields(completion.comparison),
            ),
            run_id=self.plan.run_id,
        )

    async def failed(self, failure: Failure) -> FinalEvent:
        event = TrainingFailed(
            run_id=self.plan.run_id, code=failure.code, message=failure.message[:MESSAGE_CHARS],
            retryable=failure.retryable, dataset_id=self.plan.order.dataset_id,
            dataset_version=self.plan.order.version, attempt=failure.attempt, epoch=failure.epoch,
        )  # fmt: skip
        # A run that failed before its next attempt can do so again when it is ordered again.
        sequence = f"{failure.attempt}/{self.plan.order.ordered_at.isoformat()}"
        return await self.event_publisher.finish(event, run_id=self.plan.run_id, sequence=sequence)

    async def cancelled(self, *, reason: str, step: int, attempt: int) -> FinalEvent:
        return await self.event_publisher.cancelled(self.plan.run_id, reason=reason, step=step, attempt=attempt)

    async def paused(self, *, step: int, checkpoint: Stored | None, attempt: int, preempted_by: str = "") -> None:
        event = TrainingPaused(
            run_id=self.plan.run_id, step=step, checkpoint=_ref(checkpoint) if checkpoint else None, attempt=attempt,
            preempted_by=preempted_by,
        )  # fmt: skip
        await self._publish(event, sequence=attempt)

    def reporting_hardware(self, *, every_s: float) -> AbstractAsyncContextManager[None]:
        run_id, events = self.plan.run_id, self.event_publisher
        return reporting_hardware(
            events.publisher, partial(events.sample, run_id), run_id, every_s=every_s, cause=events.cause
        )

    async def _publish(self, event: Message, *, sequence: str | int = 0) -> None:
        await self.event_publisher.publish(event, subject=self.plan.run_id, sequence=sequence)

    def _outgoing(self, event: Message, *, sequence: str | int) -> OutgoingEvent:
        return OutgoingEvent(event=event, subject=self.plan.run_id, sequence=sequence, cause=self.event_publisher.cause)

    def _started(self, attempt: int, record: Started) -> TrainingStarted:
        order, recipe = self.plan.order, self.plan.recipe
        return TrainingStarted(
            run_id=self.plan.run_id,
            dataset_id=order.dataset_id,
            dataset_version=order.version,
            dataset_digest=order.dataset_digest,
            category=recipe.category,
            option=recipe.option,
            architecture=recipe.architecture,
            config=_ref(self.config) if self.config else None,
            attempt=attempt,
            first_epoch=record.first_epoch,
            total_epochs=record.total_epochs,
            host=record.host,
            device=record.device,
            world_size=record.world_size,
            **asdict(self.event_publisher.code),
            started_at=_timestamp(self.event_publisher.now()),
            export_formats=order.export_formats,
            parameters=_parameters(recipe, record.found_batch),
            found_batch_size=FoundBatchSize(**record.found_batch.to_plain()) if record.found_batch else None,
            steps_per_epoch=record.steps_per_epoch,
            seed=recipe.seed,
        )

    def _progressed(self, attempt: int, record: Progressed) -> TrainingProgressed:
        return TrainingProgressed(run_id=self.plan.run_id, attempt=attempt, **asdict(record))

    def _folding(self, attempt: int, record: FoldProgressed) -> TrainingProgressed:
        fields = {name: value for name, value in asdict(record).items() if not name.startswith("fold")}
        return TrainingProgressed(run_id=self.plan.run_id, attempt=attempt, **fields)

    def _epoch(self, attempt: int, record: EpochDone) -> EpochCompleted:
        plain = asdict(record) | {"val_loss": math.nan if record.val_loss is None else record.val_loss}
        return EpochCompleted(run_id=self.plan.run_id, attempt=attempt, **plain)


def _parameters(recipe: Recipe, found: FoundBatch | None) -> dict[str, str]:
    """As the run is trained; where its batch was found, with what it follows from."""
    if found is None:
        return flat_parameters(recipe)
    notes = {f"found_batch_size.{name}": str(value) for name, value in found.to_plain().items()}
    return flat_parameters(found.applied_to(recipe)) | notes


def comparison_fields(comparison: Comparison | None) -> dict[str, Any]:
    """Fields of the event; none where no comparison was made."""
    if comparison is None:
        return {}
    return {
        "fit_for_use": comparison.fit_for_use,
        "fit_for_use_reason": comparison.reason[:MESSAGE_CHARS],
        "trivial_comparison": TrivialComparison(
            purpose_metrics=comparison.purpose_metrics,
            predictors=[
                TrivialPredictor(name=name, metrics=metrics) for name, metrics in comparison.trivial_metrics.items()
            ],
            intervals=[
                MetricInterval(metric=name, lower=interval.lower, upper=interval.upper)
                for name, interval in comparison.intervals.items()
            ],
            groups=comparison.groups,
            resamples=comparison.resamples,
        ),
    }


def _place_of(record: FoldProgressed) -> str:
    return f"{record.step}/fold-{record.fold}/{record.fold_step}"


def _ref(stored: Stored) -> ObjectRef:
    return ObjectRef(uri=stored.uri, sha256=stored.sha256, size_bytes=stored.size_bytes)


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


@asynccontextmanager
async def _broker_may_be_away() -> AsyncIterator[None]:
    try:
        yield
    except BusUnavailable as error:
        raise BrokerUnavailable(str(error)) from error
