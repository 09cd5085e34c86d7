"""DatasetReady in, DatasetValidated or DatasetRejected out."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from truscore.bus import BusUnavailable, Envelope, Publisher, finish_or_hand_back
from truscore.events.v1.dataset_pb2 import DatasetProgress, DatasetReady, DatasetRejected, DatasetValidated, ReportSeal
from truscore.events.v1.dataset_pb2 import Finding as FindingMessage
from truscore.events.v1.order_pb2 import OrderPrioritized
from truscore.events.v1.training_pb2 import ObjectRef
from truscore.storage import Stored
from truscore.validation import DatasetOrder, Finding, findings_for_event

from services.dataset_validator import metrics
from services.dataset_validator.progress import Progress, ProgressThrottle, TimedProgress
from services.dataset_validator.validator import Validator, sequence_of
from services.dataset_validator.verdict_record import VerdictRecord

log = logging.getLogger(__name__)

Working = Callable[[str], AbstractAsyncContextManager[None]]
MOST_ECHOED = 200


def on_dataset_ready(
    *,
    validator: Validator,
    publisher: Publisher,
    working: Working,
    draining: asyncio.Event,
    progress_every_s: float = 2.0,
    clock: Callable[[], float] = time.monotonic,
) -> Callable[[DatasetReady, Envelope], Awaitable[None]]:
    """The handler. While it works, `working` is entered; when the service drains, the order is handed back."""

    async def handle(ready: DatasetReady, envelope: Envelope) -> None:
        subject = f"{ready.dataset_id[:MOST_ECHOED]}/{ready.version[:MOST_ECHOED]}"
        throttle = ProgressThrottle(every_s=progress_every_s, clock=clock)
        async with working(subject), publishing_progress(publisher, ready, envelope.event_id, throttle) as on_progress:
            record = await finish_or_hand_back(draining, validator.validate(order_of(ready), on_progress))
        metrics.count(record)
        log.info(
            "%s is %s: %d errors, %d warnings",
            subject,
            "accepted" if record.accepted else "rejected",
            record.error_count,
            record.warning_count,
        )
        # Two orders of equal content get an answer each: whoever knows only its own event id waits for both.
        sequence = sequence_of(record, ready.SerializeToString(deterministic=True) + envelope.event_id.encode())
        event = answer(ready, record, envelope.event_id)
        if isinstance(event, DatasetValidated) and event.training.priority and not event.validation_only:
            # First: trainers that are idle then take this one, and find the other to be of the same run.
            prioritized = OrderPrioritized(order=event)
            await publisher.publish(prioritized, subject=subject, sequence=sequence, cause=envelope)
        await publisher.publish(event, subject=subject, sequence=sequence, cause=envelope)

    return handle


def order_of(ready: DatasetReady) -> DatasetOrder:
    """The order as plain values."""
    return DatasetOrder(
        dataset_id=ready.dataset_id,
        version=ready.version,
        uri=ready.uri,
        format=ready.format,
        category=ready.category,
        option=ready.option,
        architecture=ready.training.architecture,
        overrides=overrides_of(ready.training.config),
        export_formats=tuple(ready.export_formats),
        request_id=ready.request_id,
        validation_only=ready.validation_only,
        class_names=tuple(ready.class_names),
    )


def overrides_of(config: Message) -> dict[str, Any]:
    """What the configuration sets, as nested plain values; fields of a newer contract keep their number as name."""
    data: dict[str, Any] = {
        field.name: overrides_of(value) if field.message_type else value for field, value in config.ListFields()
    }
    unknown = UnknownFieldSet(config)
    newer = [unknown[place] for place in range(len(unknown))]
    return data | {f"#{field.field_number}": field.data for field in newer}


def answer(ready: DatasetReady, record: VerdictRecord, event_id: str) -> DatasetValidated | DatasetRejected:
    """The event that answers the order; `event_id` is the order's."""
    return _validated(ready, record, event_id) if record.accepted else _rejected(ready, record, event_id)


def _validated(ready: DatasetReady, record: VerdictRecord, event_id: str) -> DatasetValidated:
    return DatasetValidated(
        dataset_id=ready.dataset_id,
        version=ready.version,
        uri=ready.uri,
        format=record.format,
        category=ready.category,
        option=ready.option,
        training=ready.training if ready.HasField("training") else None,
        export_formats=ready.export_formats,
        request_id=ready.request_id,
        validation_only=ready.validation_only,
        dataset_digest=record.dataset_digest,
        index=_reference(record.index),
        report=_reference(record.report),
        report_page=_reference(record.page),
        report_seal=_signature_message(record),
        image_count=record.image_count,
        annotation_count=record.annotation_count,
        class_names=record.class_names,
        warning_count=record.warning_count,
        duration_s=record.duration_s,
        order_event_id=event_id,
    )


def _rejected(ready: DatasetReady, record: VerdictRecord, event_id: str) -> DatasetRejected:
    return DatasetRejected(
        dataset_id=ready.dataset_id[:MOST_ECHOED],
        version=ready.version[:MOST_ECHOED],
        findings=[_message(found) for found in findings_for_event(record.findings)],
        report=_reference(record.report),
        report_page=_reference(record.page),
        report_seal=_signature_message(record),
        uri=ready.uri[:2048],
        request_id=ready.request_id[:MOST_ECHOED],
        error_count=record.error_count,
        duration_s=record.duration_s,
        order_event_id=event_id,
    )


def _message(found: Finding) -> FindingMessage:
    return FindingMessage(
        rule=found.rule,
        severity=found.severity.value,
        message=found.message,
        location=found.location,
        count=found.count,
    )


def _signature_message(record: VerdictRecord) -> ReportSeal | None:
    if record.report is None:
        return None
    algorithm = "ed25519" if record.key_id else "none"
    return ReportSeal(algorithm=algorithm, key_id=record.key_id, signature=record.signature)


def _reference(stored: Stored | None) -> ObjectRef | None:
    if stored is None:
        return None
    return ObjectRef(uri=stored.uri, sha256=stored.sha256, size_bytes=stored.size_bytes)


@asynccontextmanager
async def publishing_progress(
    publisher: Publisher, ready: DatasetReady, event_id: str, throttle: ProgressThrottle
) -> AsyncIterator[Callable[[Progress], None]]:
    """Yields a callback that publishes progress in the background; of a stage only the newest where the broker is slow.

    Every stage is published before the block ends, unless it ends with an exception.
    """
    waiting: dict[str, TimedProgress] = {}
    news, over = asyncio.Event(), asyncio.Event()

    def on_progress(progress: Progress) -> None:
        if (timed := throttle.admit(progress)) is not None:
            waiting[progress.stage] = timed
            news.set()

    async def publish_all() -> None:
        while waiting or not over.is_set():
            await news.wait()
            while waiting:
                await _publish_progress(publisher, dataset_progress(ready, waiting.pop(next(iter(waiting))), event_id))
            news.clear()

    publishing = asyncio.create_task(publish_all())
    try:
        yield on_progress
        over.set()
        news.set()
        await publishing
    finally:
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)


async def _publish_progress(publisher: Publisher, event: DatasetProgress) -> None:
    subject = f"{event.dataset_id}/{event.version}"
    sequence = f"{event.order_event_id} {event.request_id} {event.stage} {event.images_done} {event.elapsed_s}"
    try:
        await publisher.publish(event, subject=subject, sequence=sequence)
    except BusUnavailable as error:
        log.warning("progress was not published: %s", error)


def dataset_progress(ready: DatasetReady, timed: TimedProgress, event_id: str) -> DatasetProgress:
    """How far it is, as an event."""
    return DatasetProgress(
        dataset_id=ready.dataset_id[:MOST_ECHOED],
        version=ready.version[:MOST_ECHOED],
        request_id=ready.request_id[:MOST_ECHOED],
        stage=timed.progress.stage,
        images_done=timed.progress.done,
        images_total=timed.progress.total,
        elapsed_s=timed.elapsed_s,
        eta_s=timed.eta_s,
        order_event_id=event_id,
    )
