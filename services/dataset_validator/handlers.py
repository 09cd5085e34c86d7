"""DatasetReady in, DatasetValidated or DatasetRejected out."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from truscore.bus import BusUnavailable, Envelope, Speaker, finish_or_hand_back
from truscore.events.v1.dataset_pb2 import DatasetProgress, DatasetReady, DatasetRejected, DatasetValidated, ReportSeal
from truscore.events.v1.dataset_pb2 import Finding as FindingMessage
from truscore.events.v1.training_pb2 import ObjectRef
from truscore.storage import Stored
from truscore.validation import Finding, Order, findings_for_event

from services.dataset_validator import metrics
from services.dataset_validator.progress import Pace, Progress, Told
from services.dataset_validator.validator import Validator, sequence_of
from services.dataset_validator.verdict_record import Judged

log = logging.getLogger(__name__)

Working = Callable[[str], AbstractAsyncContextManager[None]]
MOST_ECHOED = 200


def on_dataset_ready(
    *,
    validator: Validator,
    speaker: Speaker,
    working: Working,
    draining: asyncio.Event,
    progress_every_s: float = 2.0,
    clock: Callable[[], float] = time.monotonic,
) -> Callable[[DatasetReady, Envelope], Awaitable[None]]:
    """The handler. While it works, `working` is entered; when the service drains, the order is handed back."""

    async def handle(ready: DatasetReady, envelope: Envelope) -> None:
        subject = f"{ready.dataset_id[:MOST_ECHOED]}/{ready.version[:MOST_ECHOED]}"
        pace = Pace(every_s=progress_every_s, clock=clock)
        async with working(subject), telling(speaker, ready, envelope.event_id, pace) as tell:
            judged = await finish_or_hand_back(draining, validator.judge(order_of(ready), tell))
        metrics.count(judged)
        log.info(
            "%s is %s: %d errors, %d warnings",
            subject,
            "accepted" if judged.accepted else "rejected",
            judged.error_count,
            judged.warning_count,
        )
        # Two orders of equal content get an answer each: whoever knows only its own event id waits for both.
        sequence = sequence_of(judged, ready.SerializeToString(deterministic=True) + envelope.event_id.encode())
        await speaker.say(answer(ready, judged, envelope.event_id), subject=subject, sequence=sequence, cause=envelope)

    return handle


def order_of(ready: DatasetReady) -> Order:
    """The order as plain values."""
    return Order(
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
    plain: dict[str, Any] = {
        field.name: overrides_of(value) if field.message_type else value for field, value in config.ListFields()
    }
    unknown = UnknownFieldSet(config)
    newer = [unknown[place] for place in range(len(unknown))]
    return plain | {f"#{field.field_number}": field.data for field in newer}


def answer(ready: DatasetReady, judged: Judged, event_id: str) -> DatasetValidated | DatasetRejected:
    """The event that answers the order; `event_id` is the order's."""
    return _validated(ready, judged, event_id) if judged.accepted else _rejected(ready, judged, event_id)


def _validated(ready: DatasetReady, judged: Judged, event_id: str) -> DatasetValidated:
    return DatasetValidated(
        dataset_id=ready.dataset_id,
        version=ready.version,
        uri=ready.uri,
        format=judged.format,
        category=ready.category,
        option=ready.option,
        training=ready.training if ready.HasField("training") else None,
        export_formats=ready.export_formats,
        request_id=ready.request_id,
        validation_only=ready.validation_only,
        dataset_digest=judged.dataset_digest,
        index=_reference(judged.index),
        report=_reference(judged.report),
        report_page=_reference(judged.page),
        report_seal=_seal(judged),
        image_count=judged.image_count,
        annotation_count=judged.annotation_count,
        class_names=judged.class_names,
        warning_count=judged.warning_count,
        duration_s=judged.duration_s,
        order_event_id=event_id,
    )


def _rejected(ready: DatasetReady, judged: Judged, event_id: str) -> DatasetRejected:
    return DatasetRejected(
        dataset_id=ready.dataset_id[:MOST_ECHOED],
        version=ready.version[:MOST_ECHOED],
        findings=[_message(found) for found in findings_for_event(judged.findings)],
        report=_reference(judged.report),
        report_page=_reference(judged.page),
        report_seal=_seal(judged),
        uri=ready.uri[:2048],
        request_id=ready.request_id[:MOST_ECHOED],
        error_count=judged.error_count,
        duration_s=judged.duration_s,
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


def _seal(judged: Judged) -> ReportSeal | None:
    if judged.report is None:
        return None
    algorithm = "ed25519" if judged.key_id else "none"
    return ReportSeal(algorithm=algorithm, key_id=judged.key_id, signature=judged.signature)


def _reference(stored: Stored | None) -> ObjectRef | None:
    if stored is None:
        return None
    return ObjectRef(uri=stored.uri, sha256=stored.sha256, size_bytes=stored.size_bytes)


@asynccontextmanager
async def telling(
    speaker: Speaker, ready: DatasetReady, event_id: str, pace: Pace
) -> AsyncIterator[Callable[[Progress], None]]:
    """Gives what hears of progress; it is said in the background, where the broker is slow only the newest of a stage.

    Every stage is said before the block ends, unless it ends with an exception.
    """
    waiting: dict[str, Told] = {}
    news, over = asyncio.Event(), asyncio.Event()

    def tell(progress: Progress) -> None:
        if (told := pace.told(progress)) is not None:
            waiting[progress.stage] = told
            news.set()

    async def say_all() -> None:
        while waiting or not over.is_set():
            await news.wait()
            while waiting:
                await _say_progress(speaker, dataset_progress(ready, waiting.pop(next(iter(waiting))), event_id))
            news.clear()

    saying = asyncio.create_task(say_all())
    try:
        yield tell
        over.set()
        news.set()
        await saying
    finally:
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)


async def _say_progress(speaker: Speaker, event: DatasetProgress) -> None:
    subject = f"{event.dataset_id}/{event.version}"
    sequence = f"{event.order_event_id} {event.request_id} {event.stage} {event.images_done} {event.elapsed_s}"
    try:
        await speaker.say(event, subject=subject, sequence=sequence)
    except BusUnavailable as error:
        log.warning("progress was not said: %s", error)


def dataset_progress(ready: DatasetReady, told: Told, event_id: str) -> DatasetProgress:
    """How far it is, as an event."""
    return DatasetProgress(
        dataset_id=ready.dataset_id[:MOST_ECHOED],
        version=ready.version[:MOST_ECHOED],
        request_id=ready.request_id[:MOST_ECHOED],
        stage=told.progress.stage,
        images_done=told.progress.done,
        images_total=told.progress.total,
        elapsed_s=told.elapsed_s,
        eta_s=told.eta_s,
        order_event_id=event_id,
    )
