"""What a machine is doing while a service works, as events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from truscore.bus.envelope import Envelope
from truscore.bus.errors import BusUnavailable
from truscore.bus.publisher import Publisher
from truscore.events.v1.telemetry_pb2 import GpuSample, HardwareSampled

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

log = logging.getLogger(__name__)


class Reading(Protocol):
    """A dataclass with the event's very fields, such as telemetry's HardwareReading."""

    @property
    def host(self) -> str: ...

    @property
    def sampled_at(self) -> datetime: ...


def hardware_sampled(reading: DataclassInstance) -> HardwareSampled:
    """The reading as an event: a dataclass with the event's very fields, such as telemetry's HardwareReading."""
    plain: dict[str, Any] = asdict(reading)
    moment, gpus = plain.pop("sampled_at"), plain.pop("gpus")
    event = HardwareSampled(**plain, gpus=[GpuSample(**gpu) for gpu in gpus])
    event.sampled_at.FromDatetime(moment)
    return event


@asynccontextmanager
async def reporting_hardware(
    publisher: Publisher,
    sample: Callable[[], Any],
    subject: str,
    *,
    every_s: float,
    at_once: bool = True,
    cause: Envelope | None = None,
) -> AsyncIterator[None]:
    """While inside, publish a sample every so many seconds, the first one at once or after as long.

    ``sample`` gives a reading, and may block; ``cause`` is the event that the work follows from. A sample that the
    broker did not take is not published again.
    """
    reporting = asyncio.create_task(_report(publisher, sample, subject, every_s, at_once=at_once, cause=cause))
    try:
        yield
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)


async def _report(
    publisher: Publisher,
    sample: Callable[[], Any],
    subject: str,
    every_s: float,
    *,
    at_once: bool,
    cause: Envelope | None,
) -> None:
    if not at_once:
        await asyncio.sleep(every_s)
    while True:
        reading = await asyncio.to_thread(sample)
        try:
            await publisher.publish(
                hardware_sampled(reading), subject=subject, sequence=sample_sequence(reading), cause=cause
            )
        except BusUnavailable as error:
            log.warning("a hardware sample was not published: %s", error)
        await asyncio.sleep(every_s)


def sample_sequence(reading: Reading) -> str:
    """What makes the event's id: one machine takes one sample at a time."""
    return f"{reading.host} {reading.sampled_at.isoformat()}"
