"""TrainingCompleted or ExportOrdered in; ModelExported, ExportFailed or both out."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime

from truscore.bus import Envelope, Poison, Publisher, finish_or_hand_back
from truscore.configuration.run_id import RUN_ID_ACCEPTED, is_run_id
from truscore.events.v1 import training_pb2
from truscore.events.v1.model_pb2 import ExportFailed, ExportOrdered, ModelExported
from truscore.events.v1.training_pb2 import TrainingCompleted
from truscore.metrics.comparison import Comparison, Interval
from truscore.storage import ObjectRef

from services.exporter.handlers.publish import Address, exported, failed, refused_order
from services.exporter.inputs import Unexportable
from services.exporter.order import ExportOrder, ExportOutcome

Export = Callable[[ExportOrder], Awaitable[ExportOutcome]]
Working = Callable[[str], AbstractAsyncContextManager[None]]

MOST_FORMATS = 64
# These become parts of object keys.
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Exports:
    """What the handlers work with. While they work, `working` is entered; when the service drains, the order is handed
    back. `completion` gives the TrainingCompleted of a finished run, or raises Unexportable."""

    export: Export
    address: Address
    publisher: Publisher
    working: Working
    draining: asyncio.Event
    completion: Callable[[str], bytes]

    async def answer(self, order: ExportOrder, envelope: Envelope) -> None:
        async with self.working(order.run_id):
            outcome = await finish_or_hand_back(self.draining, self.export(order))
        # A release that was announced before is announced as the same event, with the time that it had.
        at = outcome.release.exported_at if outcome.release else ""
        time = datetime.fromisoformat(at) if at else None
        if release := outcome.release:
            sequence = 0 if release.version == order.run_id else release.version
            await self.publish(exported(release, self.address), envelope, sequence=sequence, time=time)
        for refusal in outcome.refusals:
            sequence = f"{order.request_id}/{refusal.format}" if order.further else refusal.format
            await self.publish(failed(order, refusal), envelope, sequence=sequence, time=time)

    async def publish(
        self, event: ModelExported | ExportFailed, cause: Envelope, *, sequence: str | int, time: datetime | None = None
    ) -> None:
        run_id = event.run_id
        await self.publisher.publish(
            event, subject=run_id, sequence=sequence, correlation_id=run_id, cause=cause, time=time
        )


def on_training_completed(exports: Exports) -> Callable[[TrainingCompleted, Envelope], Awaitable[None]]:
    """The handler of runs that have just completed."""

    async def handle(completed: TrainingCompleted, envelope: Envelope) -> None:
        await exports.answer(order_of(completed), envelope)

    return handle


def on_export_ordered(exports: Exports) -> Callable[[ExportOrdered, Envelope], Awaitable[None]]:
    """The handler of orders of further formats of runs that completed at any time."""

    async def handle(ordered: ExportOrdered, envelope: Envelope) -> None:
        check_ordered(ordered)
        request_id = ordered.request_id or envelope.event_id
        try:
            completion = await asyncio.to_thread(exports.completion, ordered.run_id)
        except Unexportable as refusal:
            for name in dict.fromkeys(ordered.formats):
                event = refused_order(ordered, name, code=refusal.code, message=refusal.message)
                await exports.publish(event, envelope, sequence=f"{request_id}/{name}")
            return
        order = order_of(TrainingCompleted.FromString(completion))
        further = replace(order, formats=tuple(ordered.formats), further=True, request_id=request_id)
        await exports.answer(further, envelope)

    return handle


def check_ordered(ordered: ExportOrdered) -> None:
    """Raises Poison naming the field that cannot be used."""
    if not is_run_id(ordered.run_id):
        raise Poison(f"ExportOrdered.run_id is {ordered.run_id[:200]!r}; {RUN_ID_ACCEPTED}")
    if not 1 <= len(ordered.formats) <= MOST_FORMATS:
        raise Poison(f"ExportOrdered.formats has {len(ordered.formats)} names; accepted: 1 to {MOST_FORMATS}")


def order_of(completed: TrainingCompleted) -> ExportOrder:
    """The order as plain values. Raises Poison naming the field that is missing or cannot be used."""
    if not is_run_id(completed.run_id):
        raise Poison(f"TrainingCompleted.run_id is {completed.run_id[:200]!r}; {RUN_ID_ACCEPTED}")
    for name in ("category", "option", "architecture"):
        _demand(name, getattr(completed, name), PLAIN_NAME, 'letters, digits, "_" and "-", at most 128')
    _demand("dataset_uri", completed.dataset_uri, re.compile(r"s3://.+"), "s3://bucket/prefix/")
    return ExportOrder(
        run_id=completed.run_id,
        checkpoint=_stored("best_checkpoint", completed.best_checkpoint),
        index=_stored("dataset_index", completed.dataset_index),
        split=_stored("split", completed.split),
        dataset_id=completed.dataset_id,
        dataset_version=completed.dataset_version,
        dataset_uri=completed.dataset_uri,
        category=completed.category,
        option=completed.option,
        architecture=completed.architecture,
        metrics=dict(completed.metrics),
        formats=tuple(completed.export_formats),
        config=ObjectRef(uri=completed.config.uri, sha256=completed.config.sha256) if completed.config.sha256 else None,
        dataset_digest=completed.dataset_digest,
        report_uri=completed.report_uri,
        comparison=comparison_of(completed),
    )


def comparison_of(completed: TrainingCompleted) -> Comparison | None:
    """None where the trainer made none."""
    if not completed.HasField("fit_for_use"):
        return None
    wire = completed.trivial_comparison
    return Comparison(
        fit_for_use=completed.fit_for_use,
        reason=completed.fit_for_use_reason,
        purpose_metrics=tuple(wire.purpose_metrics),
        trivial_metrics={each.name: dict(each.metrics) for each in wire.predictors},
        intervals={each.metric: Interval(lower=each.lower, upper=each.upper) for each in wire.intervals},
        groups=wire.groups,
        resamples=wire.resamples,
    )


def _stored(name: str, reference: training_pb2.ObjectRef) -> ObjectRef:
    _demand(f"{name}.uri", reference.uri, re.compile(r"s3://.+"), "s3://bucket/key")
    _demand(f"{name}.sha256", reference.sha256, SHA256, "64 lower-case hexadecimal digits")
    return ObjectRef(uri=reference.uri, sha256=reference.sha256)


def _demand(name: str, value: str, pattern: re.Pattern[str], accepted: str) -> None:
    if not pattern.fullmatch(value):
        raise Poison(f"TrainingCompleted.{name} is {value[:200]!r}; accepted: {accepted}")
