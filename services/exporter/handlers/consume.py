"""TrainingCompleted in; ModelExported, ExportFailed or both out."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from truscore.bus import Envelope, Poison, Publisher, finish_or_hand_back
from truscore.configuration.run_id import RUN_ID_ACCEPTED, is_run_id
from truscore.events.v1 import training_pb2
from truscore.events.v1.training_pb2 import TrainingCompleted
from truscore.metrics.comparison import Comparison, Interval
from truscore.storage import ObjectRef

from services.exporter.handlers.publish import Address, exported, failed
from services.exporter.order import ExportOrder, Outcome

Export = Callable[[ExportOrder], Awaitable[Outcome]]
Working = Callable[[str], AbstractAsyncContextManager[None]]

# These become parts of object keys.
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
SHA256 = re.compile(r"[0-9a-f]{64}")


def on_training_completed(
    *, export: Export, address: Address, publisher: Publisher, working: Working, draining: asyncio.Event
) -> Callable[[TrainingCompleted, Envelope], Awaitable[None]]:
    """The handler. While it works, `working` is entered; when the service drains, the order is handed back."""

    async def handle(completed: TrainingCompleted, envelope: Envelope) -> None:
        order = order_of(completed)
        async with working(order.run_id):
            outcome = await finish_or_hand_back(draining, export(order))
        # A release that was announced before is announced as the same event, with the time that it had.
        at = outcome.release.exported_at if outcome.release else ""
        time = datetime.fromisoformat(at) if at else None
        if outcome.release:
            event = exported(outcome.release, address)
            await publisher.publish(event, subject=order.run_id, correlation_id=order.run_id, cause=envelope, time=time)
        for refusal in outcome.refusals:
            await publisher.publish(
                failed(order, refusal),
                subject=order.run_id,
                sequence=refusal.format,
                correlation_id=order.run_id,
                cause=envelope,
                time=time,
            )

    return handle


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
