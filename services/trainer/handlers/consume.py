"""Orders and requests as they arrive."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from truscore.bus import Envelope, HandBack, Poison
from truscore.configuration.run_id import RUN_ID_ACCEPTED, is_run_id
from truscore.events.v1.control_pb2 import RunCancel, RunPause, RunResume
from truscore.events.v1.dataset_pb2 import DatasetValidated
from truscore.events.v1.order_pb2 import OrderPrioritized
from truscore.recipes import InvalidConfig
from truscore.storage import Stored

from services.trainer.plan import Plan, TrainingOrder, plan
from services.trainer.run_store.stop_requests import StopRequest
from services.trainer.runs.context import HandedBack
from services.trainer.runs.publisher import EventPublisher
from services.trainer.runs.registry import Runs
from services.trainer.runs.requests import Requests

REASON_CHARS = 1000
WORDS: dict[type[Message], str] = {RunCancel: "cancel", RunPause: "pause"}
Request = RunCancel | RunPause | RunResume


def on_dataset_validated(
    *, runs: Runs, publisher: Callable[[Envelope], EventPublisher], profile: str
) -> Callable[[DatasetValidated | OrderPrioritized, Envelope], Awaitable[None]]:
    """The handler of orders, on either inbox; it returns when the order is answered, which may take days."""

    async def handle(message: DatasetValidated | OrderPrioritized, envelope: Envelope) -> None:
        validated = message.order if isinstance(message, OrderPrioritized) else message
        if validated.validation_only:
            return
        order = replace(order_of(validated, envelope), prioritized=isinstance(message, OrderPrioritized))
        try:
            planned: Plan = plan(order, profile=profile)
        except InvalidConfig as refusal:
            await publisher(envelope).attached(order, "", "refused")
            await publisher(envelope).refused(order, refusal)
            return
        try:
            await runs.take(planned, publisher(envelope))
        except HandedBack:
            raise HandBack from None

    return handle


def on_request(
    requests: Requests, *, publisher: Callable[[Envelope], EventPublisher]
) -> Callable[[Request, Envelope], Awaitable[None]]:
    """The handler of requests on the durable inboxes."""

    async def handle(request: Request, envelope: Envelope) -> None:
        run_id = run_id_of(request)
        if isinstance(request, RunResume):
            request_id = request.request_id or envelope.event_id
            await requests.resume(
                run_id, requested_at=envelope.time, request_id=request_id, publisher=publisher(envelope)
            )
        else:
            await requests.stop(run_id, stop_request_of(request, envelope), publisher=publisher(envelope))

    return handle


def on_broadcast_order(
    requests: Requests, *, publisher: Callable[[Envelope], EventPublisher], profile: str
) -> Callable[[DatasetValidated, Envelope], Awaitable[None]]:
    """The handler of orders that every trainer receives at once: one that has to wait gets its run's name all the
    same, so that it can be cancelled, paused and resumed."""

    async def handle(validated: DatasetValidated, envelope: Envelope) -> None:
        # What is refused, the inbox's handler answers.
        with suppress(InvalidConfig):
            if not validated.validation_only:
                await requests.announce(plan(order_of(validated, envelope), profile=profile), publisher(envelope))

    return handle


def on_broadcast_request(requests: Requests) -> Callable[[RunCancel | RunPause, Envelope], Awaitable[None]]:
    """The handler of requests that every trainer receives at once; the inboxes make them last."""

    async def handle(request: RunCancel | RunPause, envelope: Envelope) -> None:
        await requests.stop_here(run_id_of(request), stop_request_of(request, envelope))

    return handle


def stored_order(wire: bytes, *, ordered_at: datetime) -> TrainingOrder:
    """The order that a run's folder in the store holds, for whoever was not given the message itself."""
    return _order(DatasetValidated.FromString(wire), ordered_at=ordered_at, redelivered=False)


def order_of(validated: DatasetValidated, envelope: Envelope) -> TrainingOrder:
    """The order as plain values. Poison where it lacks what a run is made of."""
    return _order(validated, ordered_at=envelope.time, redelivered=envelope.delivery > 1)


def _order(validated: DatasetValidated, *, ordered_at: datetime, redelivered: bool) -> TrainingOrder:
    required = {
        "dataset_id": validated.dataset_id, "version": validated.version, "uri": validated.uri,
        "dataset_digest": validated.dataset_digest, "index.uri": validated.index.uri,
        "index.sha256": validated.index.sha256, "report.uri": validated.report.uri,
        "report.sha256": validated.report.sha256,
    }  # fmt: skip
    if missing := [name for name, value in required.items() if not value]:
        raise Poison(f"DatasetValidated lacks {', '.join(missing)}; a run needs them all")
    index, report, seal = validated.index, validated.report, validated.report_seal
    return TrainingOrder(
        dataset_id=validated.dataset_id,
        version=validated.version,
        uri=validated.uri,
        category=validated.category,
        option=validated.option,
        architecture=validated.training.architecture,
        overrides=overrides_of(validated.training.config),
        export_formats=tuple(validated.export_formats),
        request_id=validated.request_id,
        dataset_digest=validated.dataset_digest,
        index=Stored(uri=index.uri, sha256=index.sha256, size_bytes=index.size_bytes),
        report=Stored(uri=report.uri, sha256=report.sha256, size_bytes=report.size_bytes),
        key_id=seal.key_id,
        signature=seal.signature,
        class_names=tuple(validated.class_names),
        ordered_at=ordered_at,
        redelivered=redelivered,
        wire=validated.SerializeToString(deterministic=True),
        event_id=validated.order_event_id,
        priority=validated.training.priority,
        time_budget_s=validated.training.time_budget_s,
    )


def overrides_of(config: Message) -> dict[str, Any]:
    """What the configuration sets, as nested plain values under the keys of the configuration JSON."""
    return {
        field.name: overrides_of(value) if isinstance(value, Message) else value for field, value in config.ListFields()
    }


def stop_request_of(request: RunCancel | RunPause, envelope: Envelope) -> StopRequest:
    """The request as plain values."""
    return StopRequest(
        requested_at=envelope.time,
        word=WORDS[type(request)],
        reason=request.reason[:REASON_CHARS],
        requested_by=request.requested_by[:REASON_CHARS],
        request_id=request.request_id[:REASON_CHARS],
    )


def run_id_of(request: Request) -> str:
    """The run that the request is about; Poison where there can be no such run."""
    if not is_run_id(request.run_id):
        shown = request.run_id[:200]
        raise Poison(f"run_id {shown!r} names no run: {RUN_ID_ACCEPTED}")
    return str(request.run_id)
