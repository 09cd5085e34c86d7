"""Requests of people, published on the bus."""

import asyncio
import hashlib

from google.protobuf import json_format
from google.protobuf.message import Message
from truscore.bus import BusUnavailable, Unroutable, connect, publisher
from truscore.events.v1.control_pb2 import RunCancel, RunPause, RunResume
from truscore.events.v1.dataset_pb2 import DatasetReady
from truscore.events.v1.training_pb2 import TrainingSpec
from truscore.validation import DatasetOrder

from services.cli.context import CliError, Code

SERVICE = "cli"
REQUESTS = {"cancel": RunCancel, "pause": RunPause, "resume": RunResume}


def announce(amqp_url: str, order: DatasetOrder) -> str:
    """Says DatasetReady and returns the event's id once the broker has it."""
    ready = ready_of(order)
    # The same order published twice is one event; another order for the same dataset is another.
    sequence = hashlib.sha256(ready.SerializeToString(deterministic=True)).hexdigest()
    return _publish(amqp_url, ready, subject=f"{order.dataset_id}/{order.version}", sequence=sequence)


def request(amqp_url: str, verb: str, run_id: str, *, reason: str, requested_by: str, request_id: str) -> str:
    """Says RunCancel, RunPause or RunResume."""
    event = REQUESTS[verb](run_id=run_id, requested_by=requested_by, request_id=request_id)
    if not isinstance(event, RunResume):
        event.reason = reason
    return _publish(amqp_url, event, subject=run_id, sequence=request_id)


def ready_of(order: DatasetOrder) -> DatasetReady:
    """The order as its message. CliError where the configuration has a key that the contract has not."""
    ready = DatasetReady(
        dataset_id=order.dataset_id,
        version=order.version,
        uri=order.uri,
        format=order.format,
        category=order.category,
        option=order.option,
        export_formats=order.export_formats,
        request_id=order.request_id,
        validation_only=order.validation_only,
        class_names=order.class_names,
    )
    if order.architecture or order.overrides:
        training = TrainingSpec(architecture=order.architecture)
        try:
            json_format.ParseDict(dict(order.overrides), training.config)
        except json_format.ParseError as error:
            raise CliError(Code.USAGE, f"--config: {error}") from error
        ready.training.CopyFrom(training)
    return ready


def _publish(amqp_url: str, event: Message, *, subject: str, sequence: str | int) -> str:
    try:
        return asyncio.run(_published(amqp_url, event, subject, sequence))
    except (BusUnavailable, Unroutable) as error:
        raise CliError(Code.UNREACHABLE, f"the broker did not take it: {error}") from error


async def _published(amqp_url: str, event: Message, subject: str, sequence: str | int) -> str:
    broker = connect(amqp_url, service=SERVICE)
    try:
        await broker.start()
        return await publisher(broker, service=SERVICE).publish(event, subject=subject, sequence=sequence)
    finally:
        await broker.stop()
