"""Requests of people, published on the bus."""

import asyncio
import hashlib
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from google.protobuf.message import Message
from truscore.bus import BusUnavailable, Publisher, Unroutable, connect, publisher
from truscore.events.v1.control_pb2 import DeadLettersDiscard, DeadLettersReplay
from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.events.v1.model_pb2 import ModelPromote
from truscore.ordering import messages
from truscore.validation import DatasetOrder

from services.cli.context import CliError, Code

SERVICE = "cli"
MOST_EVENT_IDS = 1000

T = TypeVar("T")


def announce(amqp_url: str, order: DatasetOrder, *, requested_by: str) -> str:
    """Says DatasetReady and returns the event's id once the broker has it."""
    ready = ready_of(order, requested_by=requested_by)
    # The same order of the same person published twice is one event; another order for the same dataset is another.
    sequence = hashlib.sha256(ready.SerializeToString(deterministic=True)).hexdigest()
    return publish(amqp_url, ready, subject=f"{order.dataset_id}/{order.version}", sequence=sequence)


def request(amqp_url: str, verb: str, run_id: str, *, reason: str, requested_by: str, request_id: str) -> str:
    """Says RunCancel, RunPause or RunResume."""
    event = messages.request_of(verb, run_id, reason=reason, requested_by=requested_by, request_id=request_id)
    return publish(amqp_url, event, subject=run_id, sequence=request_id)


def order_export(amqp_url: str, run_id: str, *, formats: tuple[str, ...], requested_by: str, request_id: str) -> str:
    """Says ExportOrdered."""
    event = messages.export_of(run_id, formats=formats, requested_by=requested_by, request_id=request_id)
    return publish(amqp_url, event, subject=run_id, sequence=request_id)


def order_promotion(
    amqp_url: str, model: str, version: str, *, alias: str, forced: bool, reason: str, requested_by: str
) -> None:
    """Says ModelPromote."""
    request_id = uuid.uuid4().hex
    event = ModelPromote(
        model_id=model,
        version=version,
        alias=alias,
        forced=forced,
        reason=reason,
        requested_by=requested_by,
        request_id=request_id,
    )
    publish(amqp_url, event, subject=f"{model}/{version}", sequence=request_id)


def announce_replay(amqp_url: str, service: str, event_ids: Sequence[str], *, requested_by: str) -> None:
    """Says DeadLettersReplay, before the letters are put back."""
    request_id = uuid.uuid4().hex
    event = DeadLettersReplay(
        service=service,
        event_ids=event_ids[:MOST_EVENT_IDS],
        letter_count=len(event_ids),
        requested_by=requested_by,
        request_id=request_id,
    )
    publish(amqp_url, event, subject=service, sequence=request_id)


def announce_discard(amqp_url: str, service: str, event_ids: Sequence[str], *, reason: str, requested_by: str) -> None:
    """Says DeadLettersDiscard, before the letters are deleted."""
    request_id = uuid.uuid4().hex
    event = DeadLettersDiscard(
        service=service,
        event_ids=event_ids[:MOST_EVENT_IDS],
        letter_count=len(event_ids),
        requested_by=requested_by,
        request_id=request_id,
        reason=reason,
    )
    publish(amqp_url, event, subject=service, sequence=request_id)


def ready_of(order: DatasetOrder, *, requested_by: str = "") -> DatasetReady:
    """The order as its message. CliError where the configuration has a key that the contract has not."""
    try:
        return messages.ready_of(order, requested_by=requested_by)
    except messages.InvalidOrder as error:
        raise CliError(Code.USAGE, f"--config: {error}") from error


def publish(amqp_url: str, event: Message, *, subject: str, sequence: str | int) -> str:
    """Says the event and returns its id once the broker has it. CliError where it doesn't take it."""
    return said(amqp_url, lambda to: to.publish(event, subject=subject, sequence=sequence))


def said(amqp_url: str, say: Callable[[Publisher], Awaitable[T]], *, failed: str = "the broker did not take it") -> T:
    """What came of saying something on a connection that is there for it alone. CliError where that failed."""

    async def on_broker() -> T:
        broker = connect(amqp_url, service=SERVICE)
        try:
            await broker.start()
            return await say(publisher(broker, service=SERVICE))
        finally:
            await broker.stop()

    try:
        return asyncio.run(on_broker())
    except (BusUnavailable, Unroutable) as error:
        raise CliError(Code.UNREACHABLE, f"{failed}: {error}") from error
