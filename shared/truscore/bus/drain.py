"""What services that work have in common: how their machine is told of, and how they let go of an order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from truscore.bus.errors import HandBack
from truscore.events.v1.telemetry_pb2 import GpuSample, HardwareSampled

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Outcome = TypeVar("Outcome")


def hardware_sampled(reading: DataclassInstance) -> HardwareSampled:
    """The reading as an event: a dataclass with the event's very fields, such as telemetry's HardwareReading."""
    plain: dict[str, Any] = asdict(reading)
    moment, gpus = plain.pop("sampled_at"), plain.pop("gpus")
    event = HardwareSampled(**plain, gpus=[GpuSample(**gpu) for gpu in gpus])
    event.sampled_at.FromDatetime(moment)
    return event


async def finish_or_hand_back(draining: asyncio.Event, work: Awaitable[Outcome]) -> Outcome:
    """What the work gives. Once the service drains, the work is cancelled and HandBack raised, unless it is done."""
    task, end = asyncio.ensure_future(work), asyncio.ensure_future(draining.wait())
    try:
        await asyncio.wait((task, end), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise HandBack
    finally:
        end.cancel()
        task.cancel()
        await asyncio.gather(task, end, return_exceptions=True)
